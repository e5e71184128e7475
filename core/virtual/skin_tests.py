"""Skin measured at the kiosk of stores with fitting rooms: consent, age and type, captures that differ a little, now and then too much."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, Row, iso
from storeloom.core.virtual.world import World

A_DAY = 8
SCORES = ("moisture", "oil", "pores", "spots", "wrinkles", "redness")
CONSENTS, UNSTEADY, CHOOSES = 0.92, 0.12, 0.2
SD = 2.0


class SkinTests:
    """Eight guests a day at scale 1, half of them members. Eight of a hundred do not consent and go; the others are measured three times
    (standard deviation 2), one in eight with a capture that is 25 off, and then once more; one in five wants the set that is shown."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = [row["member"] for row in world.tables["members"] if not row.get("left")]
        self.offered = any(row["kind"] == "fitting" for row in world.tables["zones"])

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.offered:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("skin")
        for number in range(chance.poisson(A_DAY * self.world.scale)):
            self._guest(chance.uniform(opens, closes - HOUR), f"skin-{self.world.day:%y%m%d}-{number}")

    def _guest(self, stamp: float, session: str) -> None:
        chance = Chance(self.world.seed, session)
        true = {name: chance.randint(25, 90) for name in SCORES}
        age, kind, agrees = chance.randint(18, 62), chance.choice(["dry", "oily", "combination", "normal"]), chance.hit(CONSENTS)
        member: Row = {"member": chance.pick(self.members)} if self.members and chance.hit(0.5) else {}
        steps: list[tuple[float, Row]] = [(0, {"kind": "start"})]
        if agrees:
            steps += [
                (8, {"kind": "confirm", "value": "skin_data"}),
                (14, {"kind": "age", "value": str(age), "values": {"skin_type": kind}}),
            ]
            captures = [{name: _near(value, chance) for name, value in true.items()} for _ in range(3)]
            if chance.hit(UNSTEADY):
                captures[1]["moisture"] = min(100, captures[1]["moisture"] + 25)
                captures += [{name: _near(value, chance) for name, value in true.items()} for _ in range(3)]
            steps += [(30 + 20 * n, {"kind": "measure", "values": capture}) for n, capture in enumerate(captures)]
            steps += [(170, {"kind": "choose", "value": "set"})] if chance.hit(CHOOSES) else []
            self.world.truth.skin_tests.append({"session": session, "at": iso(stamp), "scores": true, "age": age} | member)
        for after, step in [*steps, (185, {"kind": "end"})]:
            self.world.tell(stamp + after, "kiosk.event", "kiosk-1", {"kiosk": "kiosk-1", "session": session, **member, **step})


def _near(value: int, chance: Chance) -> int:
    return min(100, max(0, round(chance.gauss(value, SD))))
