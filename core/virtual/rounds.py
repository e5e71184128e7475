"""What the crew does unasked: checklists walked through at their times, learning cards answered, talks rehearsed."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, iso
from storeloom.core.virtual.staffing import Shift, Staffing
from storeloom.core.virtual.world import World

FAULT_SHARE = 0.06
CARD_SHARE = 0.15
TALK_SHARE = 0.06


class Rounds:
    """Each checklist is walked at its own times by somebody of its roles; about one item in sixteen is found at fault."""

    def __init__(self, world: World, staffing: Staffing) -> None:
        self.world = world
        self.staffing = staffing
        self.scanner = next((key for key, row in sorted(world.devices.items()) if row["kind"] == "scanner"), None)
        self.checklists: dict[str, list[Row]] = {}
        for row in world.tables["checklists"]:
            self.checklists.setdefault(row["checklist"], []).append(row)

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None:
            return
        for checklist, rows in self.checklists.items():
            for clock in rows[0].get("slots", ()):
                self._walk(checklist, rows, clock)
        chance = Chance(self.world.seed, "cards", self.world.day.isoformat())
        for shift in self.staffing.today[:60]:
            self._learn(shift, chance)

    def _walk(self, checklist: str, rows: list[Row], clock: str) -> None:
        """A round of half an hour, with the store's own code scanned when it begins and when it is over."""
        chance = Chance(self.world.seed, "round", checklist, clock, self.world.day.isoformat())
        roles = {row["role"] for row in rows if row.get("role")}
        begin = self.world.at(clock) + chance.uniform(0, 8) * MINUTE
        walkers = [shift.staff for shift in self.staffing.today if shift.start <= begin < shift.end and (not roles or shift.role in roles)]
        if not walkers:
            return
        staff, end = chance.pick(walkers), begin + chance.uniform(22, 32) * MINUTE
        task = f"{checklist}:{self.world.day.isoformat()}:{clock}"
        values: Row = {"checklist": checklist}
        for row in rows:
            fine = not chance.hit(FAULT_SHARE)
            values[row["item"]] = _answer(row, fine, chance)
            if not fine:
                self.world.truth.findings.append(
                    {"checklist": checklist, "item": row["item"], "task": task, "staff": staff, "at": iso(end)}
                )
        done: Row = {"task": task, "staff": staff, "state": "done", "started": iso(begin), "values": values}
        if any(row.get("answer") == "photo" for row in rows):
            done["photos"] = [f"photo-{task}"]
        self._check_in(begin, staff)
        self.world.tell(end, "task.done", "terminal-1", done)
        self._check_in(end + 20, staff)

    def _check_in(self, stamp: float, staff: str) -> None:
        if self.scanner is not None:
            read: Row = {"scanner": self.scanner, "code": f"store:{self.world.profile['store']}", "symbology": "qr", "staff": staff}
            self.world.tell(stamp, "scanner.code", self.scanner, read)

    def _learn(self, shift: Shift, chance: Chance) -> None:
        """Two cards in a quiet minute, and now and then a talk on one of them."""
        cards = [
            (row["course"], card)
            for row in self.world.tables["courses"]
            if not row.get("roles") or shift.role in row["roles"]
            for card in row.get("cards", ())
        ]
        reads, talks, begin = chance.hit(CARD_SHARE), chance.hit(TALK_SHARE), shift.start + chance.uniform(1, 4) * HOUR
        if not cards:
            return
        for number in range(2 if reads else 0):
            course, card = chance.pick(cards)
            answer: Row = {"staff": shift.staff, "course": course, "card": card["card"], "kind": "answer"}
            quality = min(5, max(0, round(chance.gauss(3.6, 1.2))))
            self.world.tell(begin + number * 40, "training.event", "terminal-1", {**answer, "quality": quality, "minutes": 0.5})
        if talks:
            course, card = chance.pick(cards)
            talk: Row = {"staff": shift.staff, "course": course, "card": card["card"], "kind": "answer", "minutes": 3.0}
            self.world.tell(begin + 10 * MINUTE, "training.event", "terminal-1", {**talk, "turns": _turns(card, chance)})


def _answer(row: Row, fine: bool, chance: Chance) -> object:
    """What is written down for an item: a number beyond its limits, or no, where it is at fault."""
    if row.get("answer") != "value":
        return fine
    low, high = row.get("min"), row.get("max")
    if low is not None:
        top = high if high is not None else low + 20
        return round(chance.uniform(low, top) if fine else low - 5, 1)
    if high is not None:
        return round(chance.uniform(high - 20, high) if fine else high + 5, 1)
    return 500.0 if fine else 480.0


def _turns(card: Row, chance: Chance) -> list[Row]:
    """A talk about a card: most of its phrases are said in order, some are forgotten."""
    said = [str(phrase) for phrase in card.get("key_phrases", ()) if chance.hit(0.8)]
    turns: list[Row] = [
        {"by": "customer", "text": str(card.get("prompt", "")) or "你好"},
        {"by": "staff", "text": "您好，请稍等，我来帮您看看。"},
    ]
    for phrase in said:
        turns += [{"by": "staff", "text": phrase}, {"by": "customer", "text": "好的，然后呢？"}]
    return [*turns, {"by": "staff", "text": "还有什么可以帮您的吗？"}, {"by": "staff", "text": "谢谢，请慢走。"}]
