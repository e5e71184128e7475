"""Radio channels for access points that hear each other: DSATUR (Brelaz 1979, "New methods to color the vertices of a graph")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Heard = Mapping[str, Mapping[str, float]]


def neighbours(heard: Heard, least_dbm: float) -> dict[str, dict[str, float]]:
    """Who disturbs whom, and how loud (dBm): points of which one hears the other above a level; the louder of the two ways counts.

    `heard`: by point, what it hears of others. Points that tell nothing themselves are left out.
    """
    near: dict[str, dict[str, float]] = {point: {} for point in sorted(heard)}
    for point, others in heard.items():
        for other, dbm in others.items():
            if other in near and other != point and dbm > least_dbm:
                for one, two in ((point, other), (other, point)):
                    near[one][two] = max(dbm, near[one].get(two, dbm))
    return near


def plan(near: Mapping[str, Mapping[str, float]], channels: Sequence[int]) -> dict[str, int]:
    """A channel for each point, in the order in which they were given one.

    Next is the point whose neighbours have the most different channels, then the one with the most neighbours, then by id. It takes the
    lowest channel that no neighbour has, and where all are taken the one on which its neighbours are the least loud (sum of their powers).
    """
    given: dict[str, int] = {}
    while len(given) < len(near):
        waiting = [point for point in near if point not in given]
        point = min(waiting, key=lambda one: (-len({given[other] for other in near[one] if other in given}), -len(near[one]), one))
        taken = {given[other] for other in near[point] if other in given}
        free = [channel for channel in sorted(channels) if channel not in taken]
        given[point] = free[0] if free else min(sorted(channels), key=lambda channel: _power(near[point], given, channel))
    return given


def clashes(near: Mapping[str, Mapping[str, float]], channels: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs of neighbours on one channel, by id."""
    pairs = [(one, other) for one in sorted(near) for other in sorted(near[one]) if one < other]
    return [(one, other) for one, other in pairs if one in channels and channels[one] == channels.get(other)]


def _power(near: Mapping[str, float], given: Mapping[str, int], channel: int) -> float:
    return sum(_milliwatts(dbm for other, dbm in near.items() if given.get(other) == channel))


def _milliwatts(levels: Iterable[float]) -> Iterable[float]:
    return (10 ** (dbm / 10) for dbm in levels)
