"""Packed orders onto riders and platforms: trips by insertion, earliest promise first, each at its cheapest feasible place, then
bettered by moves of one order and exchanges of two (Savelsbergh, Journal on Computing 4, 1992). How many are tried is fixed.

Times are minutes from now, costs whole minor units. A trip begins when its rider and all of its orders are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

MOVES = 2000
STORE = "store"
EDGE = 1e-9
Travel = Callable[[str, str], float]


@dataclass(frozen=True, slots=True)
class Order:
    """An order for a zone, promised by then (None: no promise), packed at `ready`. `platforms`: cost and minutes to the door of each."""

    name: str
    zone: str
    promise: float | None
    ready: float = 0.0
    kg: float = 0.0
    litres: float = 0.0
    cold: bool = False
    platforms: Mapping[str, tuple[int, float]] | None = None


@dataclass(frozen=True, slots=True)
class Rider:
    """An own rider, back at the store at `free`. No capacity is no limit."""

    name: str
    free: float = 0.0
    kg: float | None = None
    litres: float | None = None
    cold: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """Orders of a trip; minutes that bundling may add, that are kept before a promise, at a door; cost of a trip and of a further stop."""

    bundle: int
    detour: float
    buffer: float
    drop: float
    trip: int
    stop: int


@dataclass(frozen=True, slots=True)
class Planned:
    """Orders of each rider by the doors in order, of each platform, and those that nobody can take now."""

    trips: Mapping[str, tuple[Order, ...]]
    platforms: Mapping[str, tuple[Order, ...]]
    left: tuple[Order, ...]
    cost: int


def arrivals(orders: Sequence[Order], start: float, travel: Travel, drop: float) -> list[float]:
    """When a trip is at each door."""
    at, here, times = start, STORE, []
    for order in orders:
        at += travel(here, order.zone)
        times.append(at)
        at, here = at + drop, order.zone
    return times


def begins(rider: Rider, orders: Sequence[Order]) -> float:
    return max([rider.free, *(order.ready for order in orders)])


def feasible(rider: Rider, orders: Sequence[Order], travel: Travel, rules: Rules) -> bool:
    """Whether a rider can take these orders, doors in this order, each in time and none much later than alone."""
    loads = ((sum(order.kg for order in orders), rider.kg), (sum(order.litres for order in orders), rider.litres))
    if len(orders) > rules.bundle or any(most is not None and load > most + EDGE for load, most in loads):
        return False
    if any(order.cold for order in orders) and not rider.cold:
        return False
    start = begins(rider, orders)
    for order, at in zip(orders, arrivals(orders, start, travel, rules.drop), strict=True):
        if order.promise is not None and at + rules.buffer > order.promise + EDGE:
            return False
        if at - (start + travel(STORE, order.zone)) > rules.detour + EDGE:
            return False
    return True


def plan(orders: Sequence[Order], riders: Sequence[Rider], travel: Travel, rules: Rules) -> Planned:
    """The cheapest found way to send the orders; ties by the sum of the doors' times."""
    found = _Plan(riders, travel, rules)
    for order in sorted(orders, key=lambda one: (one.promise is None, one.promise or 0.0, one.name)):
        found.insert(order)
    found.better()
    return found.told()


class _Plan:
    """Trips under way; an order in no trip is a platform's, or left."""

    def __init__(self, riders: Sequence[Rider], travel: Travel, rules: Rules) -> None:
        self.riders = {rider.name: rider for rider in sorted(riders, key=lambda one: (one.free, one.name))}
        self.travel, self.rules = travel, rules
        self.trips: dict[str, tuple[Order, ...]] = dict.fromkeys(self.riders, ())
        self.away: tuple[Order, ...] = ()
        self.tried = 0

    def cost(self, trips: Mapping[str, tuple[Order, ...]], away: Sequence[Order]) -> tuple[int, float]:
        """Whole cost, and the sum of the doors' times. What nobody takes costs more than anything."""
        money, minutes = 0, 0.0
        for name, orders in trips.items():
            if orders:
                money += self.rules.trip + self.rules.stop * (len(orders) - 1)
                minutes += sum(arrivals(orders, begins(self.riders[name], orders), self.travel, self.rules.drop))
        for order in away:
            chosen = choose(order, self.rules.buffer)
            money += order.platforms[chosen][0] if chosen and order.platforms else 10**9
            minutes += order.platforms[chosen][1] if chosen and order.platforms else 0.0
        return money, minutes

    def insert(self, order: Order) -> None:
        """Into a trip where that can be, whatever a platform asks: companions may yet make the trip worth it."""
        best = min(self._places(order, self.trips), key=lambda one: self.cost(one, self.away), default=None)
        if best is None:
            self.away = (*self.away, order)
        else:
            self.trips = best

    def _places(self, order: Order, trips: Mapping[str, tuple[Order, ...]]) -> list[dict[str, tuple[Order, ...]]]:
        found = []
        for name, orders in trips.items():
            for at in range(len(orders) + 1):
                self.tried += 1
                longer = (*orders[:at], order, *orders[at:])
                if feasible(self.riders[name], longer, self.travel, self.rules):
                    found.append({**trips, name: longer})
        return found

    def better(self) -> None:
        """Move orders and exchange them as long as that pays."""
        now = self.cost(self.trips, self.away)
        while self.tried < MOVES:
            options = [*self._moved(), *self._emptied(), *self._exchanged()]
            best = min(options, key=lambda one: self.cost(*one), default=None)
            if best is None or self.cost(*best) >= (now[0], now[1] - EDGE):
                return
            (self.trips, self.away), now = best, self.cost(*best)

    def _without(self, order: Order) -> tuple[dict[str, tuple[Order, ...]], tuple[Order, ...]]:
        trips = {name: tuple(one for one in orders if one is not order) for name, orders in self.trips.items()}
        return trips, tuple(one for one in self.away if one is not order)

    def _all(self) -> list[Order]:
        return [*(order for orders in self.trips.values() for order in orders), *self.away]

    def _moved(self) -> list[tuple[dict[str, tuple[Order, ...]], tuple[Order, ...]]]:
        found = []
        for order in self._all():
            trips, away = self._without(order)
            found += [(one, away) for one in self._places(order, trips)]
            if order.platforms and order not in self.away:
                found.append((trips, (*away, order)))
        return found

    def _emptied(self) -> list[tuple[dict[str, tuple[Order, ...]], tuple[Order, ...]]]:
        """A whole trip given to the platforms."""
        return [
            ({**self.trips, name: ()}, (*self.away, *orders))
            for name, orders in self.trips.items()
            if len(orders) > 1 and all(order.platforms for order in orders)
        ]

    def _exchanged(self) -> list[tuple[dict[str, tuple[Order, ...]], tuple[Order, ...]]]:
        found = []
        for one, other in combinations(self._all(), 2):
            swap = {one.name: other, other.name: one}
            trips = {name: tuple(swap.get(order.name, order) for order in orders) for name, orders in self.trips.items()}
            self.tried += 1
            changed = [name for name, orders in trips.items() if orders != self.trips[name]]
            if changed and all(feasible(self.riders[name], trips[name], self.travel, self.rules) for name in changed):
                found.append((trips, tuple(swap.get(order.name, order) for order in self.away)))
        return found

    def told(self) -> Planned:
        platforms: dict[str, tuple[Order, ...]] = {}
        left = tuple(order for order in self.away if not order.platforms)
        for order in self.away:
            name = choose(order, self.rules.buffer)
            if name:
                platforms[name] = (*platforms.get(name, ()), order)
        cost = self.cost(self.trips, [order for order in self.away if order.platforms])[0]
        return Planned({name: orders for name, orders in self.trips.items() if orders}, platforms, left, cost)


def choose(order: Order, buffer: float) -> str | None:
    """The cheapest platform that keeps the promise, else the fastest; None where there is none."""
    offers = order.platforms or {}
    in_time = {name: offer for name, offer in offers.items() if order.promise is None or offer[1] + buffer <= order.promise + EDGE}
    if in_time:
        return min(in_time, key=lambda name: (in_time[name][0], in_time[name][1], name))
    return min(offers, key=lambda name: (offers[name][1], offers[name][0], name), default=None)
