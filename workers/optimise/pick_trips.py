"""Picking walks from packing and back: who takes which orders, product groups in their order, frozen goods under way as short as they must.

A line is a mapping with `zone` where it lies, `rank` of its product group (walked in ascending order) and `frozen`. A stop is a rank and a
zone: a zone is met once for each group. Metres are walked at 1 m/s, each line takes `line_s` seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.optimise import tours
from storeloom.workers.optimise.trolleys import Job, load
from storeloom.workers.optimise.walks import Floor

Line = Mapping[str, Any]
Stop = tuple[int, str]
QUICK_STOPS = 8
HEAVY_G = 5000


@dataclass(frozen=True, slots=True)
class Walk:
    """Stops in the order of the walk, its metres, and the metres from each stop on to the end."""

    stops: tuple[Stop, ...]
    metres: float
    rest: tuple[float, ...]


@dataclass(slots=True)
class Picker:
    """Who can walk (`name` "" is anyone): the zones that are theirs, from when on they are free in seconds of any clock, and their seconds
    a line."""

    name: str
    zones: frozenset[str]
    free: float
    line_s: float


class Walker:
    """Closed walks from a zone over a floor; those of a set of stops are worked out once."""

    def __init__(self, floor: Floor, home: str, exact_stops: int) -> None:
        self._floor, self._home, self._exact = floor, (-1, home), exact_stops
        self._known: dict[frozenset[Hashable], float] = {}
        self._walks: dict[frozenset[Stop], Walk] = {}

    def metres(self, stops: frozenset[Hashable]) -> float:
        """Metres of the walk through stops, above eight of them as estimated by savings and 2-opt."""
        if stops not in self._known:
            self._known[stops] = self._length(self._way(stops, min(self._exact, QUICK_STOPS)))
        return self._known[stops]

    def walk(self, lines: Collection[Line]) -> Walk:
        """The walk to all lines."""
        stops = frozenset(stop_of(line) for line in lines)
        if stops not in self._walks:
            way = self._way(stops, self._exact)
            rest = [tours.length(way[number:], self._step, end=self._home) for number in range(len(way))]
            self._walks[stops] = Walk(tuple(way), self._length(way), tuple(rest))
        return self._walks[stops]

    def _way(self, stops: Collection[Any], exact_stops: int) -> list[Stop]:
        return tours.shortest(sorted(stops), self._step, self._home, exact_stops=exact_stops, group=lambda stop: stop[0])

    def _length(self, way: Sequence[Stop]) -> float:
        return tours.length(way, self._step, self._home, self._home)

    def _step(self, one: Stop, other: Stop) -> float:
        return self._floor.metres(one[1], other[1])


def stop_of(line: Line) -> Stop:
    return (line["rank"], line["zone"])


def group_of(product: Mapping[str, Any]) -> str:
    """The group of a product's row: its storage, or `heavy` for what is bulky or weighs 5 kg or more a unit and needs no cold."""
    storage = str(product.get("storage", "ambient"))
    heavy = product.get("bulky") or (product.get("weight_g") or 0) >= HEAVY_G
    return "heavy" if heavy and storage == "ambient" else storage


def loads(
    orders: Mapping[str, tuple[float, Sequence[Line]]], walker: Walker, crew: Sequence[Picker], zone: str, *, totes: int, max_lines: int
) -> Iterator[tuple[list[Line], Picker]]:
    """The lines of each trolley and who walks it, the earliest due first; who takes one is free again when its walk is done.

    `orders`: when each is due, on the clock of the crew, and its lines. The next trolley goes to whoever is free first, where `zone` names
    one to the people of that zone before others. A crew of anyone has as many people as trolleys.
    """
    left = [Job(name, due, frozenset(map(stop_of, lines)), len(lines)) for name, (due, lines) in orders.items()]
    while left:
        picker = min(crew, key=lambda one: (bool(zone) and zone not in one.zones, one.free, one.name))

        def ends(metres: float, lines: int, picker: Picker = picker) -> float:
            return picker.free + metres + picker.line_s * lines

        aboard, left = load(left, walker.metres, totes=totes, max_lines=max_lines, ends=ends)
        lines = [line for job in aboard for line in orders[job.id][1]]
        if picker.name:
            picker.free = ends(walker.metres(frozenset(map(stop_of, lines))), len(lines))
        yield lines, picker


def frozen_seconds(walk: Walk, lines: Collection[Line], line_s: float) -> float:
    """Seconds from the first frozen pick to the end of the walk; 0 without one."""
    cold = [walk.stops.index(stop_of(line)) for line in lines if line["frozen"]]
    if not cold:
        return 0.0
    first = min(cold)
    return walk.rest[first] + line_s * sum(walk.stops.index(stop_of(line)) >= first for line in lines)


def keep_cold(walker: Walker, lines: list[Line], line_s: float, limit_s: float) -> list[list[Line]]:
    """Lines of a trolley as one trip, or as two where frozen goods would be under way for more than `limit_s`: the frozen ones go by
    themselves, and where that is still too long in halves, as far as there are lines to part."""
    walk = walker.walk(lines)
    cold = [line for line in lines if line["frozen"]]
    if len(lines) < 2 or frozen_seconds(walk, lines, line_s) <= limit_s:
        return [lines]
    if len(cold) < len(lines):
        return [[line for line in lines if not line["frozen"]], *keep_cold(walker, cold, line_s, limit_s)]
    way = sorted(lines, key=lambda line: walk.stops.index(stop_of(line)))
    half = len(way) // 2
    return [trip for part in (way[:half], way[half:]) for trip in keep_cold(walker, part, line_s, limit_s)]
