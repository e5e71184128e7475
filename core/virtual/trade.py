"""Shoppers: when they come, what for, where they walk, what they take; then to the tills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from storeloom.core.virtual.demand import Demand
from storeloom.core.virtual.facts import MINUTE, Row, iso
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.weather import Weather
from storeloom.core.virtual.world import World

if TYPE_CHECKING:
    from storeloom.core.virtual.checkout import Checkout

SLICE = 15 * MINUTE
LAST_ENTRY = 20 * MINUTE
LAST_TILL = 8 * MINUTE


@dataclass(slots=True)
class Shopper:
    """One visit. `path` holds (zone, from, to); `basket` the units in hand by gtin; `tags` the EPCs of what was tried on."""

    number: int
    key: str
    entered: float
    mission: str
    group: int
    buys: bool
    member: str | None
    lane: float
    path: list[tuple[str, float, float]]
    wanted: dict[str, int]
    ready: float
    cart: str | None = None
    cart_seq: int = 0
    basket: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


Watcher = Callable[[Shopper], None]


class Trade:
    """Poisson arrivals by hour and weekday under weather and holidays."""

    def __init__(self, world: World, stock: Stock, demand: Demand, weather: Weather, checkout: Checkout) -> None:
        self.world = world
        self.stock = stock
        self.demand = demand
        self.weather = weather
        self.checkout = checkout
        self.watchers: list[Watcher] = []
        self.leavers: list[Callable[[Shopper, float], None]] = []
        self.members = [row["member"] for row in world.tables["members"] if not row.get("left")]
        self.carts: list[str] = [key for key, row in world.devices.items() if row["kind"] == "cart"]
        self.zone_of = {gtin: item.slot["zone"] for gtin, item in stock.items.items() if item.slot}
        self.sales_zones = [row["zone"] for row in world.tables["zones"] if row["kind"] in {"sales", "fresh"}]
        self._cart_free: dict[str, float] = {}
        self.expected: list[tuple[float, str]] = []
        self._number = 0

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None:
            return
        opens, closes = self.world.hours
        shape = self.world.shape
        day = self.world.day
        factor = self.demand.day_factor(day) * self.weather.traffic_factor(day) * self.world.scale
        whole = sum(shape.hours)
        stamp = opens
        while stamp < closes - LAST_ENTRY:
            until = min(stamp + SLICE, closes - LAST_ENTRY)
            weight = shape.hours[self.world.local(stamp).hour] or 0.5
            mean = shape.visitors * factor * weight / whole * (until - stamp) / 3600
            self.world.schedule(stamp, partial(self._arrivals, until, mean))
            stamp = until

    def _arrivals(self, until: float, mean: float, stamp: float) -> None:
        chance = self.world.chance("arrivals")
        for moment in sorted(chance.uniform(stamp, until) for _ in range(chance.poisson(mean))):
            shopper = self._shopper(round(moment, 1))
            self.world.truth.arrive(self.world.hour_key(shopper.entered))
            for watch in self.watchers:
                watch(shopper)
            if shopper.buys:
                early = shopper.entered if shopper.cart else shopper.entered + 0.5 * (shopper.ready - shopper.entered)
                self.world.schedule(early, partial(self._collect, shopper))
            else:
                self.world.schedule(shopper.ready, partial(self.leave, shopper))

    def _shopper(self, stamp: float) -> Shopper:
        chance = self.world.chance("shoppers")
        shape = self.world.shape
        self._number += 1
        draw = chance.random()
        mission, size = shape.missions[-1][0], shape.missions[-1][2]
        for name, part, multiple in shape.missions:
            if draw < part:
                mission, size = name, multiple
                break
            draw -= part
        buys = chance.hit(shape.buy_share)
        wanted = self.demand.basket(chance, mission, shape.basket * size, stamp) if buys else {}
        member = chance.pick(self.members) if self.members and chance.hit(shape.member_share) else None
        lane = chance.random()
        if buys and self.expected and self.expected[0][0] <= stamp:
            member = heappop(self.expected)[1]
        if buys:
            wanted |= {gtin: 1 for gtin in sorted(self.checkout.wallets.wishes(member, stamp)) if self._piece(gtin) and gtin not in wanted}
        path = self._path(stamp, wanted)
        shopper = Shopper(
            self._number,
            f"v{self.world.day:%y%m%d}-{self._number}",
            stamp,
            mission,
            1 + chance.poisson(0.25),
            buys,
            member,
            lane,
            path,
            wanted,
            path[-1][2],
        )
        if lane >= 1 - shape.cart_share:
            shopper.cart = self._free_cart(shopper)
        return shopper

    def expect(self, stamp: float, member: str) -> None:
        """Somebody comes to buy at or after a time: the next shopper who buys is that member."""
        heappush(self.expected, (stamp, member))

    def _piece(self, gtin: str) -> bool:
        """Whether it is goods of the store sold by the piece."""
        return gtin in self.stock.items and not self.stock.items[gtin].weighed

    def _path(self, stamp: float, wanted: dict[str, int]) -> list[tuple[str, float, float]]:
        """Entrance, then the zones of the wanted goods; 12 s a zone on average to walk, about half a minute for each item."""
        chance = self.world.chance("paths")
        zones: dict[str, int] = {}
        for gtin in wanted:
            zone = self.zone_of.get(gtin)
            if zone:
                zones[zone] = zones.get(zone, 0) + 1
        if chance.hit(0.5) or not zones:
            zones.setdefault(chance.pick(self.sales_zones), 0)
        stays = [("z-entrance", chance.uniform(5, 20))]
        stays += [(zone, 10 + chance.spread(28, 0.5) * (1 + count)) for zone, count in sorted(zones.items())]
        left = self.world.closing(stamp) - LAST_TILL - stamp
        squeeze = min(1.0, left / (sum(stay for _, stay in stays) + 12 * len(stays)))
        path: list[tuple[str, float, float]] = []
        now = stamp
        for zone, stay in stays:
            end = now + stay * squeeze
            path.append((zone, round(now, 1), round(end, 1)))
            now = end + chance.uniform(4, 20) * squeeze
        return path

    def _free_cart(self, shopper: Shopper) -> str | None:
        for cart in self.carts:
            if self._cart_free.get(cart, 0.0) <= shopper.entered:
                self._cart_free[cart] = shopper.ready + 15 * MINUTE
                return cart
        return None

    def _collect(self, shopper: Shopper, now: float) -> None:
        """Take what is there; part of what is missing is replaced by a like item, the rest is a lost sale."""
        chance = self.world.chance("collect")
        day = self.world.day.isoformat()
        for gtin, units in shopper.wanted.items():
            item = self.stock.items[gtin]
            item.day_wanted += units
            got = self.stock.take(item, units, now)
            missing = units - got
            self.world.truth.want(day, gtin, item.qty(units), item.qty(missing))
            if got:
                shopper.basket[gtin] = shopper.basket.get(gtin, 0) + got
            elif (other := self.demand.substitute(item, chance)) is not None:
                taken = self.stock.take(other, min(other.shelf, self.demand.pieces(other, chance)), now)
                if taken:
                    shopper.basket[other.gtin] = shopper.basket.get(other.gtin, 0) + taken
        if shopper.basket:
            self.checkout.expect(shopper, now)
        else:
            self.world.schedule(shopper.ready, partial(self.leave, shopper))

    def abandon(self, shopper: Shopper, stamp: float, kind: str) -> None:
        """The basket is left behind; staff put the goods back."""
        value = 0
        for gtin, units in shopper.basket.items():
            item = self.stock.items[gtin]
            self.stock.give_back(item, units, stamp)
            value += round(units * self.demand.prices.shelf_price(gtin, stamp) / (1000 if item.weighed else 1))
        entry: Row = {"shopper": shopper.key, "kind": kind, "at": iso(stamp), "value": value}
        self.world.truth.abandoned.append(entry)
        self.leave(shopper, stamp)

    def leave(self, shopper: Shopper, stamp: float) -> None:
        for left in self.leavers:
            left(shopper, stamp)
