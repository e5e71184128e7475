"""Which places serve an order: every set of a few places that covers all goods is priced, the cheapest serves.

Sets are tried in full among the cheapest places, so that the answer is the best of them (weighted set cover, a handful of places). Costs
are whole minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

CHEAPEST = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A place that could serve: cost of its parcel, minutes to the customer, the goods that it has, what is taken off for some of them.

    `kept`: it serves the order already, so that more goods cost no further parcel.
    """

    name: str
    parcel: int
    minutes: float
    has: frozenset[str]
    off: Mapping[str, int] = field(default_factory=dict)
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Goods by place, the whole cost, and what no place of the set has."""

    cost: int
    goods: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...] = ()


def route(goods: Sequence[str], places: Iterable[Place], *, most: int, split: int, kept: int = 0) -> Route | None:
    """The cheapest set that has all goods; ties by fewer places, the earlier last arrival, place names. None where no set has everything.

    `most`: places that may share the order, the `kept` that serve it already among them. `split`: cost of each parcel after its first.
    """
    found = [(one, _rank(one, members)) for one, members in _priced(goods, places, most, split, kept) if not one.missing]
    return min(found, key=lambda pair: pair[1])[0] if found else None


def most_of(goods: Sequence[str], places: Iterable[Place], *, most: int, split: int, kept: int = 0) -> Route | None:
    """The set that has the most of the goods, the cheapest of them; None where no place has any."""
    found = [(one, _rank(one, members)) for one, members in _priced(goods, places, most, split, kept)]
    return min(found, key=lambda pair: (len(pair[0].missing), pair[1]))[0] if found else None


def _priced(goods: Sequence[str], places: Iterable[Place], most: int, split: int, kept: int) -> Iterable[tuple[Route, tuple[Place, ...]]]:
    useful = [place for place in places if place.has.intersection(goods)]
    cheapest = sorted(useful, key=lambda place: (_own(place) - sum(_off(place, one) for one in goods), place.name))[:CHEAPEST]
    for size in range(1, min(most, len(cheapest)) + 1):
        for members in combinations(cheapest, size):
            served, new = _served(goods, members), sum(not place.kept for place in members)
            if len(served) == size and kept + new <= most:  # a place that gets nothing is in a smaller set
                parcels = sum(map(_own, members)) + split * max(0, kept + new - max(1, kept))
                off = sum(_off(place, one) for place in members for one in served[place.name])
                missing = tuple(one for one in goods if not any(one in place.has for place in members))
                yield Route(parcels - off, {name: tuple(ones) for name, ones in served.items()}, missing), members


def _served(goods: Sequence[str], members: Sequence[Place]) -> dict[str, list[str]]:
    """Each of the goods at the set's cheapest place for it."""
    served: dict[str, list[str]] = {}
    for one in goods:
        having = [place for place in members if one in place.has]
        if having:
            best = min(having, key=lambda place: (-_off(place, one), _own(place), place.name))
            served.setdefault(best.name, []).append(one)
    return served


def _own(place: Place) -> int:
    return 0 if place.kept else place.parcel


def _off(place: Place, one: str) -> int:
    return place.off.get(one, 0) if one in place.has else 0


def _rank(route: Route, members: Sequence[Place]) -> tuple[int, int, float, tuple[str, ...]]:
    return route.cost, len(members), max(place.minutes for place in members), tuple(sorted(place.name for place in members))
