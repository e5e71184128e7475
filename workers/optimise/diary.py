"""A diary of people and rooms: the first start at which somebody able and a room are free, starts kept for walk-ins, and delays passed on.

Starts lie on a grid from the day's opening. A room is free again `cleanup` after its guest. Nothing here knows what the service is.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Use:
    """A time of a person and a room; None where it has no person (any longer)."""

    id: str
    start: datetime
    end: datetime
    staff: str | None
    room: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """A start with who serves and where."""

    start: datetime
    staff: str
    room: str


def starts(opens: datetime, closes: datetime, grid: timedelta, length: timedelta) -> list[datetime]:
    """The grid's starts from opening whose service ends by closing."""
    count = math.floor((closes - length - opens) / grid) + 1
    return [opens + number * grid for number in range(max(0, count))]


def kept(opens: datetime, closes: datetime, grid: timedelta, share: float, hour: Callable[[datetime], object]) -> frozenset[datetime]:
    """The starts of a day kept for walk-ins: of each `hour`'s starts the last ones, `share` (0..1) of their number to the nearest."""
    by_hour: dict[object, list[datetime]] = defaultdict(list)
    for start in starts(opens, closes, grid, timedelta(0)):
        if start < closes:
            by_hour[hour(start)].append(start)
    return frozenset(start for own in by_hour.values() for start in own[len(own) - math.floor(len(own) * share + 0.5) :])


def first(
    candidates: Iterable[datetime], length: timedelta, cleanup: timedelta, uses: Iterable[Use], rooms: Sequence[str],
    able: Callable[[datetime, datetime], Iterable[str]],
) -> Place | None:  # fmt: skip
    """The first of these starts at which somebody able is free for the length and a room for that and its cleanup, None without one.

    Of the people free the one with the fewest minutes in `uses` serves, then the lowest id; of the rooms the first in order.
    """
    booked: dict[str, timedelta] = defaultdict(timedelta)
    staffed: dict[str | None, list[Use]] = defaultdict(list)
    roomed: dict[str | None, list[Use]] = defaultdict(list)
    for use in uses:
        staffed[use.staff].append(use)
        roomed[use.room].append(use)
        if use.staff is not None:
            booked[use.staff] += use.end - use.start
    for start in candidates:
        end = start + length
        room = next((one for one in rooms if _free(start, end, roomed[one], cleanup)), None)
        people = [one for one in able(start, end) if _free(start, end, staffed[one])] if room is not None else []
        if people and room is not None:
            return Place(start, min(people, key=lambda one: (booked[one], one)), room)
    return None


def _free(start: datetime, end: datetime, uses: Iterable[Use], cleanup: timedelta = timedelta(0)) -> bool:
    return all(end + cleanup <= use.start or use.end + cleanup <= start for use in uses)


def substitute(use: Use, uses: Iterable[Use], able: Iterable[str]) -> str | None:
    """Who can take over a use at its time: of those able and free the one with the fewest minutes, then the lowest id."""
    place = first([use.start], use.end - use.start, timedelta(0), [one for one in uses if one.id != use.id], ["-"], lambda *_: able)
    return place.staff if place else None


def passed_on(fixed: Iterable[Use], later: Iterable[Use], cleanup: timedelta) -> dict[str, datetime]:
    """Starts of `later` uses (each from when it was planned on) once those that are `fixed`, begun or over, have held up person or room.

    In order of plan; each waits for its person, and for its room with the cleanup, and then holds up those after it.
    """
    people: dict[str | None, datetime] = {}
    rooms: dict[str | None, datetime] = {}

    def hold(use: Use, end: datetime) -> None:
        for book, key, until in ((people, use.staff, end), (rooms, use.room, end + cleanup)):
            if key is not None:
                book[key] = max(book.get(key, until), until)

    for use in fixed:
        hold(use, use.end)
    found = {}
    for use in sorted(later, key=lambda one: (one.start, one.id)):
        waits = [book[key] for book, key in ((people, use.staff), (rooms, use.room)) if key in book]
        found[use.id] = max([use.start, *waits])
        hold(use, found[use.id] + (use.end - use.start))
    return found
