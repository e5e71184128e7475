"""Orders onto picking trolleys of several totes, by seed: the earliest due order, then those that lengthen its walk least.

Source: seed rules of Gibson and Sharp 1992, "Order batching procedures", and De Koster, Van der Poort and Wolters 1999, "Efficient
orderbatching methods in warehouses". Unlike `picking.batch`, orders of different due times share a walk as long as nobody is late.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Job:
    """An order's share of a walk: `stops` to be met, `lines` to be picked there, `due` in seconds of any clock."""

    id: str
    due: float
    stops: frozenset[Hashable]
    lines: int


def load(
    jobs: Sequence[Job],
    walk: Callable[[frozenset[Hashable]], float],
    *,
    totes: int,
    max_lines: int,
    ends: Callable[[float, int], float],
) -> tuple[list[Job], list[Job]]:
    """One trolley's jobs, and those left for others. The earliest due job is the seed; the next is always the one that lengthens the walk
    least (equals: the earlier due, then the lower id) while totes and lines hold and nobody aboard is late.

    `walk`: metres through stops; `ends`: when a walk of metres and lines is done, on the clock of `due`. A seed rides even if late.
    """
    left = sorted(jobs, key=lambda job: (job.due, job.id))
    aboard, stops, lines = [left[0]], left[0].stops, left[0].lines
    del left[0]
    due, metres = aboard[0].due, walk(stops)
    while len(aboard) < totes:
        ways = []
        for job in left:
            if lines + job.lines > max_lines:
                continue
            longer = metres if job.stops <= stops else walk(stops | job.stops)
            if ends(longer, lines + job.lines) <= min(due, job.due) + TINY:
                ways.append((longer - metres, job.due, job.id, job))
        if not ways:
            break
        longer, _, _, job = min(ways, key=lambda way: way[:3])
        aboard.append(job)
        left.remove(job)
        stops, lines, due, metres = stops | job.stops, lines + job.lines, min(due, job.due), metres + longer
    return aboard, left
