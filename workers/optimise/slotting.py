"""Which slots goods for picking stand in: the most picked for their space nearest, heavy and fast goods at golden heights, pairs together.

Items are ordered by the cube-per-order index (Heskett 1963), space over lines; rising index onto rising distance is optimal for single
picks (Mallette and Francis 1972). What becomes of it is broken into swaps of two slots, so that a store makes only those that pay.
Distances are metres one way, heights centimetres, weights kilograms. An arrangement gives each slot's item, None where it is empty.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

Arrangement = dict[str, str | None]
BAND_M = PAIR_M = 3.0
HEAVY_KG, TOO_HEAVY_KG = 8.0, 15.0
FAST_SHARE, WALK_GROWTH = 0.1, 0.01
TINY = 1e-9


@dataclass(frozen=True)
class Slot:
    """A place of the warehouse; `height` is None where it is not known, and then as good as any."""

    id: str
    metres: float
    x: float = 0.0
    y: float = 0.0
    height: float | None = None


@dataclass(frozen=True)
class Item:
    """What is to be placed: order lines a day, how many slots it needs, and the weight of one piece."""

    key: str
    lines: float
    slots: int
    kg: float = 0.0

    @property
    def index(self) -> float:
        """Cube per order; what nobody orders comes last."""
        return self.slots / self.lines if self.lines > 0 else math.inf


@dataclass(frozen=True)
class Swap:
    """The contents of two slots change places: `item` comes nearer, from `start` to `goal`; `other` (None: the slot is empty) goes back.
    `saved` is in metres a day, there and back."""

    item: str
    start: str
    goal: str
    other: str | None
    saved: float

    @property
    def moves(self) -> int:
        return 1 if self.other is None else 2


@dataclass(frozen=True)
class Plan:
    """The slots and items of one class, and the rules of height: [low, high] of the golden zone."""

    slots: tuple[Slot, ...]
    items: tuple[Item, ...]
    golden: tuple[float, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_slot", {slot.id: slot for slot in self.slots})
        object.__setattr__(self, "_item", {item.key: item for item in self.items})

    def slot(self, name: str) -> Slot:
        found: Slot = self.__dict__["_slot"][name]
        return found

    def item(self, key: str | None) -> Item | None:
        found: Item | None = self.__dict__["_item"].get(key)
        return found

    def is_golden(self, slot: Slot) -> bool:
        return slot.height is None or self.golden[0] <= slot.height <= self.golden[1]

    def fits(self, key: str | None, name: str) -> bool:
        """Whether an item may stand in a slot: none over 15 kg above the golden zone."""
        item, slot = self.item(key), self.slot(name)
        return item is None or item.kg <= TOO_HEAVY_KG or slot.height is None or slot.height <= self.golden[1]

    def walk(self, now: Arrangement) -> float:
        """Expected metres a day, there and back: lines by the mean distance of their item's slots."""
        places: dict[str, list[float]] = {}
        for name, key in now.items():
            if key is not None:
                places.setdefault(key, []).append(self.slot(name).metres)
        return sum(2 * item.lines * sum(own) / len(own) for key, own in places.items() if (item := self.item(key)) is not None)

    def ideal(self) -> Arrangement:
        """Items in rising index onto slots in rising distance; ties to more lines, then by key. Slots that are left stay empty."""
        now: Arrangement = {slot.id: None for slot in self.slots}
        free = sorted(self.slots, key=lambda slot: (slot.metres, slot.id))
        for item in sorted(self.items, key=lambda item: (round(item.index, 9), -item.lines, item.key)):
            own = list(islice((slot.id for slot in free if self.fits(item.key, slot.id)), item.slots))
            now |= dict.fromkeys(own, item.key)
            free = [slot for slot in free if slot.id not in own]
        return now

    def with_golden(self, now: Arrangement) -> Arrangement:
        """Within each 3 m of distance the fastest tenth and heavy goods change places with others at golden heights."""
        now = dict(now)
        ranked = sorted(self.items, key=lambda item: (-item.lines, item.key))
        first = {item.key for item in ranked[: math.ceil(FAST_SHARE * len(ranked))]} | {one.key for one in ranked if one.kg > HEAVY_KG}
        order = sorted(self.slots, key=lambda slot: (slot.metres, slot.id))
        for slot in order:
            if now[slot.id] not in first or self.is_golden(slot):
                continue
            band = [one for one in order if int(one.metres // BAND_M) == int(slot.metres // BAND_M) and self.is_golden(one)]
            for other in band:
                if now[other.id] not in first and self.fits(now[other.id], slot.id):
                    now[slot.id], now[other.id] = now[other.id], now[slot.id]
                    break
        return now

    def with_pairs(self, now: Arrangement, pairs: Iterable[tuple[str, str]]) -> Arrangement:
        """Pairs brought within 3 m of each other where the walk grows by no more than 1 %."""
        now, least, grown = dict(now), self.walk(now), 0.0
        for one, other in pairs:
            if self.apart(now, one, other) <= PAIR_M + TINY:
                continue
            tries, rates = [], self._rates(now)
            for still, comes in ((one, other), (other, one)):
                fixed = [self.slot(name) for name, key in now.items() if key == still]
                for start in [name for name, key in now.items() if key == comes]:
                    for goal, key in now.items():
                        near = any(gap(self.slot(goal), slot) <= PAIR_M + TINY for slot in fixed)
                        if key in (one, other) or not near or not self.may(now, start, goal):
                            continue
                        tries.append((grown - self._saved(now, rates, start, goal), start, goal))
            if tries and min(tries)[0] <= least * WALK_GROWTH + TINY:
                grown, start, goal = min(tries)
                now = swapped(now, start, goal)
        return now

    def apart(self, now: Arrangement, one: str, other: str) -> float:
        """Metres between the nearest slots of two items; 0 where one has none."""
        here, there = ([self.slot(name) for name, key in now.items() if key == wanted] for wanted in (one, other))
        return min((gap(a, b) for a in here for b in there), default=0.0)

    def may(self, now: Arrangement, one: str, other: str) -> bool:
        return self.fits(now[one], other) and self.fits(now[other], one)

    def swaps(self, now: Arrangement, goal: Arrangement, most_slots: int, pays: Callable[[Swap], bool]) -> list[Swap]:
        """The way from an arrangement to the goal in swaps, each the one that saves most a move, while one saves anything and `pays`; no
        more slots are touched than `most_slots`."""
        now, made, touched = dict(now), list[Swap](), set[str]()
        while True:
            best = max(self._towards(now, goal), key=lambda swap: (swap.saved / swap.moves, swap.goal, swap.start), default=None)
            if best is None or not pays(best) or len(touched | {best.start, best.goal}) > most_slots:
                return made
            touched |= {best.start, best.goal}
            now = swapped(now, best.start, best.goal)
            made.append(best)

    def _towards(self, now: Arrangement, goal: Arrangement) -> Iterable[Swap]:
        """Swaps that put at least one slot right and save anything."""
        rates = self._rates(now)
        wrong = [name for name in sorted(now) if now[name] != goal[name]]
        holders: dict[str | None, list[str]] = {}
        for name in wrong:
            holders.setdefault(now[name], []).append(name)
        for name in wrong:
            for start in holders.get(goal[name], ()) if goal[name] is not None else ():
                if not self.may(now, name, start):
                    continue
                saved = self._saved(now, rates, start, name)
                if saved > TINY:
                    yield self._told(now, start, name, saved)

    def _rates(self, now: Arrangement) -> dict[str, float]:
        """Lines a day of each item for one of its slots."""
        held = Counter(key for key in now.values() if key is not None)
        return {key: item.lines / count for key, count in held.items() if (item := self.item(key)) is not None}

    def _saved(self, now: Arrangement, rates: Mapping[str, float], one: str, other: str) -> float:
        """Metres a day that it saves to change the contents of two slots."""
        less = rates.get(now[one] or "", 0.0) - rates.get(now[other] or "", 0.0)
        return 2 * less * (self.slot(one).metres - self.slot(other).metres)

    def _told(self, now: Arrangement, start: str, goal: str, saved: float) -> Swap:
        """A swap by the item that comes nearer."""
        if now[goal] is not None and self.slot(goal).metres > self.slot(start).metres:
            start, goal = goal, start
        item = now[start]
        assert item is not None
        return Swap(item, start, goal, now[goal], saved)


def gap(one: Slot, other: Slot) -> float:
    """Metres between two slots."""
    return math.hypot(one.x - other.x, one.y - other.y)


def swapped(now: Arrangement, one: str, other: str) -> Arrangement:
    return {**now, one: now[other], other: now[one]}


def lift(together: int, with_one: int, with_other: int, orders: int) -> float:
    """How much likelier two items are in one order than by chance: P(both) / (P(a) P(b)); 0 where one was never ordered."""
    return together * orders / (with_one * with_other) if with_one and with_other else 0.0


def days_to_pay(swaps: Sequence[Swap], move_s: float, walk_m_s: float) -> float | None:
    """Days after which the work of swaps is paid by the seconds that they save; None where they save none."""
    saved = sum(swap.saved for swap in swaps) / walk_m_s
    return sum(swap.moves for swap in swaps) * move_s / saved if saved > 0 else None
