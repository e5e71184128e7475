"""Walks through places in any order, over any distances: exact for few stops, by savings or nearest neighbour with 2-opt for many.

Exact: dynamic programming over sets of stops (Held and Karp 1962, "A dynamic programming approach to sequencing problems"). Otherwise
savings (Clarke and Wright 1964) or nearest neighbour, then 2-opt (Croes 1958). Stops may fall into groups that follow one another: all of
a group are met before the next group begins, as heavy goods before light ones on a trolley. A walk begins at `start` and ends at `end`
where they are given, else at any stop. Of equally long walks the one that comes first in the order of the stops is taken: no chance.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import groupby, pairwise
from typing import Any, TypeVar

S = TypeVar("S", bound=Hashable)
TINY = 1e-9
Group = Callable[[Any], Any]


def length(stops: Sequence[S], metres: Callable[[S, S], float], start: S | None = None, end: S | None = None) -> float:
    """Metres of a walk through stops in their order."""
    whole = [*([] if start is None else [start]), *stops, *([] if end is None else [end])]
    return sum(metres(one, other) for one, other in pairwise(whole))


def nearest(stops: Sequence[S], metres: Callable[[S, S], float], start: S | None = None) -> list[S]:
    """Always on to the nearest stop, of equally near ones the first."""
    left: list[S] = list(stops)
    walk: list[S] = []
    while left:
        here = walk[-1] if walk else start
        ways = [0.0 if here is None else metres(here, stop) for stop in left]
        walk.append(left.pop(ways.index(min(ways))))
    return walk


def savings(stops: Sequence[S], metres: Callable[[S, S], float], home: S) -> list[S]:
    """Walks from home to one stop each, joined end to end by what joining them saves, the most first."""
    chains = {stop: [stop] for stop in stops}
    pairs = sorted(
        (-(metres(home, one) + metres(home, other) - metres(one, other)), n, m, one, other)
        for n, one in enumerate(stops)
        for m, other in enumerate(stops)
        if n < m
    )
    for _, _, _, one, other in pairs:
        first, second = chains[one], chains[other]
        if first is second or one not in (first[0], first[-1]) or other not in (second[0], second[-1]):
            continue
        joined = (first if first[-1] == one else first[::-1]) + (second if second[0] == other else second[::-1])
        chains.update(dict.fromkeys(joined, joined))
    return list(chains[stops[0]]) if stops else []


def two_opt(
    stops: Sequence[S],
    metres: Callable[[S, S], float],
    start: S | None = None,
    end: S | None = None,
    group: Group | None = None,
) -> list[S]:
    """A walk with stretches turned round for as long as that shortens it; with `group`, only stretches of one group."""
    walk = list(stops)

    def step(one: S | None, other: S | None) -> float:
        return 0.0 if one is None or other is None else metres(one, other)

    better = True
    while better:
        better = False
        for first in range(len(walk) - 1):
            for last in range(first + 1, len(walk)):
                if group is not None and group(walk[first]) != group(walk[last]):
                    break
                before = walk[first - 1] if first else start
                after = walk[last + 1] if last + 1 < len(walk) else end
                old = step(before, walk[first]) + step(walk[last], after)
                new = step(before, walk[last]) + step(walk[first], after)
                if new < old - TINY:
                    walk[first : last + 1] = reversed(walk[first : last + 1])
                    better = True
    return walk


def exact(
    stops: Sequence[S],
    metres: Callable[[S, S], float],
    start: S | None = None,
    end: S | None = None,
    group: Group | None = None,
) -> list[S]:
    """The shortest walk. Work and memory double with each stop of a group: for up to 16 or so (half a second)."""
    fronts: list[tuple[S | None, float, list[S]]] = [(start, 0.0, [])]
    for members in _groups(stops, group):
        fronts = _through(members, metres, fronts)
    ends = [cost + (0.0 if end is None or last is None else metres(last, end)) for last, cost, _ in fronts]
    least = min(ends)
    return next(walk for cost, (_, _, walk) in zip(reversed(ends), reversed(fronts), strict=True) if cost <= least + TINY)


def _groups(stops: Sequence[S], group: Group | None) -> list[list[S]]:
    if group is None:
        return [list(stops)] if stops else []
    return [list(members) for _, members in groupby(sorted(stops, key=group), key=group)]


def _through(members: list[S], metres: Callable[[S, S], float], fronts: list[tuple[S | None, float, list[S]]]) -> list[Any]:
    """The shortest ways through a group that end at each of its stops, from the ends of the groups before it."""
    import numpy as np

    count = len(members)
    table = np.array([[metres(one, other) for other in members] for one in members], dtype=float)
    costs = np.full((1 << count, count), np.inf)
    came = np.full((1 << count, count), -1)
    for n, stop in enumerate(members):
        ways = [cost + (0.0 if last is None else metres(last, stop)) for last, cost, _ in fronts]
        best = min(range(len(ways)), key=ways.__getitem__)
        costs[1 << n, n], came[1 << n, n] = ways[best], best
    sets = np.arange(1 << count)
    sizes = (sets[:, None] >> np.arange(count) & 1).sum(axis=1)
    for size in range(2, count + 1):
        for n in range(count):
            met = sets[(sizes == size) & (sets >> n & 1 == 1)]
            steps = costs[met ^ 1 << n] + table[:, n]
            came[met, n] = steps.argmin(axis=1)
            costs[met, n] = steps.min(axis=1)
    back = came.tolist()
    return [(stop, float(costs[-1, n]), _back(members, back, fronts, n)) for n, stop in enumerate(members)]


def _back(members: list[S], came: list[list[int]], fronts: list[tuple[S | None, float, list[S]]], last: int) -> list[S]:
    met, walk = (1 << len(members)) - 1, []
    while met & (met - 1):
        walk.append(members[last])
        met, last = met & ~(1 << last), came[met][last]
    return [*fronts[came[met][last]][2], members[last], *reversed(walk)]


def shortest(stops: Sequence[S], metres: Callable[[S, S], float], home: S, *, exact_stops: int, group: Group | None = None) -> list[S]:
    """A closed walk from home through all stops: exact up to `exact_stops` of them, above it savings and 2-opt."""
    if len(stops) <= exact_stops:
        return exact(stops, metres, home, home, group)
    first: list[S] = []
    for members in _groups(stops, group):
        way = savings(members, metres, home)
        here = first[-1] if first else home
        first += way if metres(here, way[0]) <= metres(here, way[-1]) else way[::-1]
    return two_opt(first, metres, home, home, group)
