"""Pick routes in a block of parallel aisles with a cross aisle at either end: S-shape, largest gap, and the shortest route.

The shortest route is found by dynamic programming over the aisles from left to right (Ratliff and Rosenthal 1983, "Order-picking in a
rectangular warehouse: a solvable case of the traveling salesman problem"): it is exact, and takes time in proportion to the aisles. S-shape
and largest gap are the rules that pickers are taught (Hall 1993, "Distance approximations for routing manual pickers in a warehouse").
Lengths are in metres; aisles are counted from 0, positions along an aisle from the front, where the depot is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from storeloom.workers.optimise.plans import Checks

Spot = tuple[int, float]
MOST = 1e6
# Degree parity of a cross-aisle corner: untouched, odd, even.
NONE, ODD, EVEN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Block:
    """`aisles` of `length_m`, `pitch_m` apart from centre to centre; the depot is at the front of aisle `depot`."""

    aisles: int
    length_m: float
    pitch_m: float
    depot: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """Spots in the order in which they are reached, and the metres from the depot through them and back."""

    metres: float
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """What a partial tour costs, the pieces of the latest aisle and the cross-aisle edges before it, and what came before."""

    metres: float
    inside: tuple[tuple[float, float, int], ...]
    cross: tuple[int, int]
    before: _Step | None


def distance(block: Block, one: Spot, other: Spot) -> float:
    """Metres between two spots."""
    if one[0] == other[0]:
        return abs(one[1] - other[1])
    along = one[1] + other[1]
    return abs(one[0] - other[0]) * block.pitch_m + min(along, 2 * block.length_m - along)


def length(block: Block, spots: Sequence[Spot]) -> float:
    """Metres of the closed walk from the depot through spots in their order."""
    home = (block.depot, 0.0)
    return sum(distance(block, one, other) for one, other in pairwise([home, *spots, home]))


def s_shape(block: Block, picks: Iterable[Spot]) -> Route:
    """Each aisle with picks is walked through, the last one of an odd number entered and left at the front."""
    by_aisle = _aisles(block, picks)
    spots: list[Spot] = []
    metres, up, here = 0.0, True, block.depot
    for n, (aisle, places) in enumerate(by_aisle.items()):
        metres += abs(aisle - here) * block.pitch_m
        spots += [(aisle, place) for place in (places if up else reversed(places))]
        last = n == len(by_aisle) - 1
        metres += 2 * places[-1] if last and up else block.length_m
        up, here = not up, aisle
    return Route(metres + abs(here - block.depot) * block.pitch_m, tuple(spots))


def largest_gap(block: Block, picks: Iterable[Spot]) -> Route:
    """The first and last aisle are walked through, the others entered from both ends as far as their largest gap."""
    by_aisle = _aisles(block, picks)
    if len(by_aisle) < 2:
        return s_shape(block, picks)
    first, *middle, last = by_aisle
    metres = (abs(first - block.depot) + last - first) * block.pitch_m + 2 * block.length_m
    spots: list[Spot] = [(first, place) for place in by_aisle[first]]
    below: list[Spot] = []
    for aisle in middle:
        low, high = _gap(block, by_aisle[aisle])
        metres += 2 * low + 2 * (block.length_m - high)
        spots += [(aisle, place) for place in reversed(by_aisle[aisle]) if place > low]
        below = [*((aisle, place) for place in by_aisle[aisle] if place <= low), *below]
    spots += [(last, place) for place in reversed(by_aisle[last])]
    farthest = below[-1][0] if below else last
    metres += (last - farthest + abs(farthest - block.depot)) * block.pitch_m
    return Route(metres, (*spots, *below))


def shortest(block: Block, picks: Iterable[Spot]) -> Route:
    """The shortest route. Raises PlanFault."""
    by_aisle = _aisles(block, picks)
    places = {aisle: sorted({*by_aisle.get(aisle, []), *([0.0] if aisle == block.depot else [])}) for aisle in {*by_aisle, block.depot}}
    first, last = min(places), max(places)
    states: dict[tuple[int, int, int], _Step] = {(NONE, NONE, 0): _Step(0.0, (), (0, 0), None)}
    for aisle in range(first, last + 1):
        if aisle > first:
            states = _across(block, states)
        states = _inside(block, states, places.get(aisle, []))
    ends = [step for (front, back, parts), step in states.items() if ODD not in (front, back) and parts <= 1]
    best = min(ends, key=lambda step: step.metres)
    met: dict[Spot, None] = {}
    for (aisle, place), (other, there) in pairwise([*_walk(block, best, first, last), (block.depot, 0.0)]):
        passed = [place] if aisle != other else [at for at in by_aisle.get(aisle, []) if min(place, there) <= at <= max(place, there)]
        met.update(dict.fromkeys((aisle, at) for at in (passed if place <= there else reversed(passed))))
    wanted = {(aisle, place) for aisle, row in by_aisle.items() for place in row}
    return Route(best.metres, tuple(spot for spot in met if spot in wanted))


def _inside(block: Block, states: dict[tuple[int, int, int], _Step], places: Sequence[float]) -> dict[tuple[int, int, int], _Step]:
    """All ways to serve an aisle: through it once or twice, from either end and back, from both ends up to the largest gap."""
    found: dict[tuple[int, int, int], _Step] = {}
    end = block.length_m
    ways: list[tuple[tuple[float, float, int], ...]] = [((0.0, end, 1),), ((0.0, end, 2),)]
    if places:
        low, high = _gap(block, places)
        ways += [((0.0, places[-1], 2),), ((places[0], end, 2),), ((0.0, low, 2), (high, end, 2))]
    else:
        ways.append(())
    for (front, back, parts), step in states.items():
        for way in ways:
            through = len(way) == 1 and way[0][:2] == (0.0, end)
            odd = through and way[0][2] == 1
            at_front = through or any(piece[0] == 0.0 for piece in way)
            at_back = through or any(piece[1] == end for piece in way)
            new_front, new_back = _degree(front, at_front, odd), _degree(back, at_back, odd)
            new_parts = 1 if through else parts + (at_front and not front) + (at_back and not back)
            metres = step.metres + sum((high - low) * times for low, high, times in way)
            _keep(found, (new_front, new_back, new_parts), _Step(metres, way, step.cross, step.before))
    return found


def _degree(parity: int, touched: bool, odd: bool) -> int:
    if not touched:
        return parity
    return {NONE: ODD, ODD: EVEN, EVEN: ODD}[parity] if odd else parity or EVEN


def _across(block: Block, states: dict[tuple[int, int, int], _Step]) -> dict[tuple[int, int, int], _Step]:
    """All ways to go on to the next aisle; a corner that is left behind has an even number of ways, and no part is left behind."""
    found: dict[tuple[int, int, int], _Step] = {}
    for (front, back, parts), step in states.items():
        for cross in ((1, 1), (2, 0), (0, 2), (2, 2)):
            if any(
                (parity == ODD) != (edges == 1) or (parity == NONE and edges) for parity, edges in ((front, cross[0]), (back, cross[1]))
            ):
                continue
            if parts == 2 and 0 in cross:
                continue
            metres = step.metres + sum(cross) * block.pitch_m
            _keep(found, (_PARITY[cross[0]], _PARITY[cross[1]], parts), _Step(metres, (), cross, step))
    return found


_PARITY = (NONE, ODD, EVEN)


def _keep(found: dict[tuple[int, int, int], _Step], state: tuple[int, int, int], step: _Step) -> None:
    if state not in found or step.metres < found[state].metres:
        found[state] = step


def _walk(block: Block, step: _Step, first: int, last: int) -> list[Spot]:
    """The closed walk along the chosen ways (Hierholzer 1873), from the depot."""
    ways: dict[Spot, list[Spot]] = defaultdict(list)

    def join(one: Spot, other: Spot, times: int) -> None:
        for _ in range(times):
            ways[one].append(other)
            ways[other].append(one)

    aisle, at = last, step
    while True:
        for low, high, times in at.inside:
            join((aisle, low), (aisle, high), times if low < high else 0)
        for edges, place in zip(at.cross, (0.0, block.length_m), strict=True):
            join((aisle - 1, place), (aisle, place), edges)
        if at.before is None:
            break
        aisle, at = aisle - 1, at.before
    stack, found = [(block.depot, 0.0)], []
    while stack:
        here = stack[-1]
        if ways[here]:
            there = ways[here].pop()
            ways[there].remove(here)
            stack.append(there)
        else:
            found.append(stack.pop())
    return found


def _gap(block: Block, places: Sequence[float]) -> tuple[float, float]:
    """The ends of the largest stretch of an aisle without a pick."""
    return max(pairwise([0.0, *places, block.length_m]), key=lambda gap: gap[1] - gap[0])


def _aisles(block: Block, picks: Iterable[Spot]) -> dict[int, list[float]]:
    """Positions by aisle, both ascending. Raises PlanFault with all spots that lie outside the block."""
    by_aisle: dict[int, set[float]] = defaultdict(set)
    checks, spot = Checks(), ("Spot", "货位")
    checks.within(("Block", "货区"), "-", "aisles", block.aisles, 1, MOST)
    checks.within(("Block", "货区"), "-", "length_m", block.length_m, 0.1, MOST)
    checks.within(("Block", "货区"), "-", "pitch_m", block.pitch_m, 0, MOST)
    checks.within(("Block", "货区"), "-", "depot", block.depot, 0, block.aisles - 1)
    for aisle, place in picks:
        name = f"{aisle}/{place:g}"
        checks.within(spot, name, "aisle", aisle, 0, block.aisles - 1)
        checks.within(spot, name, "position", place, 0, block.length_m)
        by_aisle[aisle].add(float(place))
    checks.some("picks", "拣货位", list(by_aisle))
    checks.done()
    return {aisle: sorted(by_aisle[aisle]) for aisle in sorted(by_aisle)}


RULES: dict[str, Callable[[Block, Iterable[Spot]], Route]] = {"s_shape": s_shape, "largest_gap": largest_gap, "shortest": shortest}
