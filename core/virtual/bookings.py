"""Booked services: guests who order a fitting of some goods for a time, and come, late, early or not at all."""

from __future__ import annotations

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import HOUR, MINUTE, Row, iso
from storeloom.core.virtual.online import Online
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.world import World

A_DAY = 6
NO_SHOW = 0.1
GRID = 15 * MINUTE


class Bookings:
    """Six a day at scale 1 in stores with fitting rooms, ordered 1 to 30 hours ahead and free of charge.

    Nine of ten guests come, within twelve minutes before to six after their time, and say so at the kiosk.
    """

    def __init__(self, world: World, stock: Stock, online: Online) -> None:
        self.world = world
        self.online = online
        self.goods = list(stock.items)
        self.offered = any(row["kind"] == "fitting" for row in world.tables["zones"])
        self._number = 0

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.offered or not self.online.members:
            return
        opens, closes = self.world.hours
        chance = self.world.chance("service bookings")
        for _ in range(chance.poisson(A_DAY * self.world.scale)):
            self.world.schedule(chance.uniform(opens, closes - 2 * HOUR), self._order)

    def _order(self, stamp: float) -> None:
        self._number += 1
        order = f"S{self.world.day:%y%m%d}-{self._number:03d}"
        chance = Chance(self.world.seed, "service", order)
        wish = self._grid(stamp + chance.uniform(1, 30) * HOUR)
        member = chance.pick(self.online.members)
        line: Row = {"line": 1, "gtin": chance.pick(self.goods), "qty": 1, "price": 0, "amount": 0}
        data: Row = {"order": order, "channel": "mini_app", "kind": "service", "lines": [line], "total": 0, "paid": True}
        self.world.tell(stamp, "order.placed", "online-1", {**data, "member": member, "wish": iso(wish)}, 1.0)
        comes = not chance.hit(NO_SHOW)
        self.world.truth.bookings.append({"order": order, "member": member, "wish": iso(wish), "comes": comes})
        if comes:
            self.world.schedule(wish + chance.uniform(-12, 6) * MINUTE, lambda now: self._come(now, order, member))

    def _grid(self, stamp: float) -> float:
        """The quarter of an hour at or after a time that lies in opening hours, an hour and a half before closing."""
        opens, closes = self.world.hours or (stamp, stamp)
        clock = (stamp - opens) % (24 * HOUR)
        begin = stamp - clock + min(max(clock, 0.0), closes - opens - 1.5 * HOUR)
        return opens + -(-(begin - opens) // GRID) * GRID

    def _come(self, stamp: float, order: str, member: str) -> None:
        base: Row = {"kiosk": "kiosk-1", "session": f"guest-{order}", "member": member}
        self.world.tell(stamp, "kiosk.event", "kiosk-1", {**base, "kind": "start"})
        self.world.tell(stamp + 6, "kiosk.event", "kiosk-1", {**base, "kind": "login", "value": order})
        self.world.tell(stamp + 12, "kiosk.event", "kiosk-1", {**base, "kind": "end"})
