"""Paid memberships bought online: an order of a service at the fee of the plan, paid minutes later."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, Row, iso
from storeloom.core.virtual.online import Online
from storeloom.core.virtual.world import World

FEE = 19_900
A_DAY = 0.0015
NOT_PAID = 0.08


class Plans:
    """Fifteen of ten thousand members buy the plan in a day (none in a mall); eight of a hundred orders are never paid."""

    def __init__(self, world: World, online: Online) -> None:
        self.world = world
        self.members = list(online.members) if world.profile["format"] != "mall" else []

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.members:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("plans")
        for number in range(chance.poisson(A_DAY * len(self.members))):
            self._buy(chance.uniform(opens, closes - HOUR), f"P{self.world.day:%y%m%d}-{number:03d}")

    def _buy(self, stamp: float, order: str) -> None:
        chance = Chance(self.world.seed, "plan", order)
        member, paid, after = chance.pick(self.members), not chance.hit(NOT_PAID), chance.uniform(20, 240)
        placed: Row = {"order": order, "channel": "mini_app", "kind": "service", "lines": [], "total": FEE, "paid": False, "member": member}
        self.world.tell(stamp, "order.placed", "online-1", placed, 1.0)
        self.world.truth.plans.append({"order": order, "member": member, "paid": paid, "at": iso(stamp)})
        if paid:
            result: Row = {"payment": f"pay-{order}", "status": "approved", "method": "qr", "amount": FEE, "order": order}
            self.world.tell(stamp + after, "payment.result", "payment-1", {**result, "provider": "wechat"}, 1.0)
