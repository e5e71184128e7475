"""How people answer a bundle: staff do tasks, customers read messages, managers approve, helpers take gigs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import MINUTE, Fact, Row, iso, moment
from storeloom.core.virtual.tables_place import LANE_TILL

if TYPE_CHECKING:
    from storeloom.core.virtual.store import VirtualStore

REFILL_WORDS = ("refill", "restock", "replenish", "gap", "fill")


class PeopleAnswers:
    def __init__(self, store: VirtualStore) -> None:
        self.store = store

    def _at_work(self, at: float) -> float:
        """This time, or the next opening when the store is closed (looked for within a week)."""
        world = self.store.world
        today = world.local(at).date()
        for ahead in range(8):
            hours = world.opening(today + timedelta(days=ahead))
            if hours is not None and at < hours[1]:
                return max(at, hours[0])
        return at

    def _worker(self, data: Mapping[str, Any], at: float, chance: Chance) -> str:
        staffing = self.store.staffing
        if data.get("staff"):
            return str(data["staff"])
        role = data.get("role")
        shifts = staffing.roster(self.store.world.local(at).date())
        present = [shift.staff for shift in shifts if shift.start <= at < shift.end and shift.role == role]
        present = present or [shift.staff for shift in shifts if shift.start <= at < shift.end]
        return chance.pick(present or [str(self.store.tables["staff"][0]["staff"])])

    def task(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """Taken up within minutes by somebody on duty; three in a hundred are declined, four are forgotten."""
        begin = self._at_work(at) + chance.uniform(1, 9) * MINUTE
        staff = self._worker(data, begin, chance)
        draw = chance.random()
        if draw < 0.04:
            return []
        base: Row = {"task": data["task"], "staff": staff} | ({"cmd": data["cmd"]} if "cmd" in data else {})
        if draw < 0.07:
            return [Fact(moment(begin), "task.done", "terminal-1", {**base, "state": "declined", "note": "busy"})]
        end = begin + float(data.get("minutes") or 8) * chance.uniform(0.7, 1.5) * MINUTE
        done: Row = {**base, "state": "done", "started": iso(begin)}
        values = self._values(data, chance)
        if values:
            done["values"] = values
        if data.get("evidence") == "photo":
            done["photos"] = [f"photo-{data['task']}"]
        if any(word in str(data["kind"]) for word in REFILL_WORDS):
            self._refill(data, end)
        accepted = Fact(moment(begin), "task.done", "terminal-1", {**base, "state": "accepted"})
        return [accepted, Fact(moment(end), "task.done", "terminal-1", done)]

    def _refill(self, data: Mapping[str, Any], end: float) -> None:
        stock = self.store.stock
        items = [stock.items[row["gtin"]] for row in data.get("items") or () if row.get("gtin") in stock.items]

        def act(now: float) -> None:
            for item in items:
                stock.fill(item, now)

        self.store.world.schedule(end, act)

    def _values(self, data: Mapping[str, Any], chance: Chance) -> Row:
        """Counts of the goods named, answers of the checklist named, or one of the answers offered; a check fails one time in twenty.

        Who looks into a receipt of the watched self-checkout finds what is unpaid.
        """
        if data.get("evidence") == "count":
            stock = self.store.stock.items
            return {
                row["gtin"]: stock[row["gtin"]].qty(stock[row["gtin"]].total) for row in data.get("items") or () if row.get("gtin") in stock
            }
        values = _chosen(data.get("values") or {}, chance)
        if (data.get("values") or {}).get("till") == LANE_TILL:
            values["loss"] = self.store.checkout.watched.lost(str(data["values"].get("receipt")))
        for row in self.store.tables["checklists"]:
            if row["checklist"] == data.get("checklist"):
                fine = chance.hit(0.95)
                values[row["item"]] = round(chance.uniform(70, 85) if fine else 61.0, 1) if row["answer"] == "value" else fine
        return values

    def message(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """Sent and delivered within seconds, read by four in ten, clicked by one in four readers; few unsubscribe."""
        base: Row = {"message": data["message"], "channel": data["channel"], "to": data["to"]} | (
            {"cmd": data["cmd"]} if "cmd" in data else {}
        )

        def tell(stamp: float, status: str, **more: object) -> Fact:
            return Fact(moment(stamp), "message.outcome", "messaging-1", {**base, "status": status, **more})

        if chance.hit(0.02):
            return [tell(at + 2, "failed", reason="unreachable")]
        told = [tell(at + 1, "sent", cost=4 if data["channel"] == "sms" else 0), tell(at + chance.uniform(2, 30), "delivered")]
        if chance.hit(0.42):
            read = at + chance.spread(25, 1.0) * MINUTE + MINUTE
            told.append(tell(read, "read"))
            if chance.hit(0.25):
                clicked = read + chance.uniform(3, 60)
                told += [tell(clicked, "clicked"), *_followed(data, clicked)]
            elif data["purpose"] == "marketing" and chance.hit(0.01):
                told.append(tell(read + 20, "unsubscribed"))
        return told + self.store.parcels.collect(data, at, chance)

    def gig(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """The better the pay, the likelier that each wanted head is found."""
        if data.get("withdrawn"):
            return []
        found = min(0.95, 0.35 + float(data["pay"]) / 6000)
        told: list[Fact] = []
        for _ in range(int(data["heads"])):
            taken, worker, wait = chance.hit(found), chance.token("w-", 6), chance.uniform(4, 70) * MINUTE
            if taken:
                answer: Row = {"gig": data["gig"], "worker": worker, "state": "accepted", "rating": round(chance.uniform(3.6, 5.0), 1)}
                told.append(Fact(moment(at + wait), "gig.accept", "terminal-1", answer))
        return told

    def approval(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        stamp = self._at_work(at) + chance.uniform(6, 90) * MINUTE
        manager = next((name for name in data["approvers"]), "1001")
        approved = chance.hit(0.9)
        result: Row = {"request": data["request"], "status": "approved" if approved else "rejected", "staff": manager, "at": iso(stamp)}
        return [Fact(moment(stamp), "approval.result", "terminal-1", result | ({} if approved else {"reason": "not_now"}))]

    def shift(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """The manager fixes a drafted shift that has a name on it."""
        if data["kind"] != "draft" or not data.get("staff"):
            return []
        fixed: Row = {key: data[key] for key in ("shift", "staff", "role", "start", "end", "breaks") if key in data}
        return [Fact(moment(self._at_work(at) + 30 * MINUTE), "shift.fixed", "terminal-1", {**fixed, "version": 1})]

    def coupon(self, data: Mapping[str, Any], at: float, chance: Chance) -> list[Fact]:
        """A copy lies in the member's wallet from now on, known by its own id."""
        self.store.world.schedule(at, lambda now: self.store.wallets.issue(data, now))
        state: Row = {"coupon": data["coupon"], "code": data["coupon"], "status": "active", "until": data["valid_to"]}
        return [Fact(moment(at + 1), "coupon.state", "online-1", state | ({"member": data["member"]} if "member" in data else {}))]


def _followed(data: Mapping[str, Any], at: float) -> list[Fact]:
    """The page that a member sees who clicked a message of a campaign."""
    if "campaign" not in data or not str(data["to"]).startswith("m-"):
        return []
    visit: Row = {"visitor": f"w-{data['to'][2:]}", "member": data["to"], "kind": "view", "page": "campaign", "campaign": data["campaign"]}
    return [Fact(moment(at + 2), "web.visit", "online-1", {**visit, "token": data["message"]})]


def _chosen(asked: Mapping[str, Any], chance: Chance) -> Row:
    """One of the `answers` that a task offers for its `item`: mostly the first, the later ones seldom."""
    offered, item = asked.get("answers"), asked.get("item")
    if not isinstance(offered, list) or not offered or not isinstance(item, str):
        return {}
    place = next((number for number in range(len(offered)) if chance.hit(0.88)), len(offered) - 1)
    return {item: offered[place]}
