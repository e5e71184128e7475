"""Working time from punches: pairs of in and out, the shift each belongs to, breaks, lateness, overtime.

Times are UTC datetimes, lengths minutes. Nothing is guessed: a pair that lacks its in or its out has no length.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

Interval = tuple[datetime, datetime]
DOUBLE_PUNCH = timedelta(minutes=2)
REACH = timedelta(hours=4)
WORKDAYS_A_WEEK, DAYS_A_WEEK = 5, 7


@dataclass(frozen=True, slots=True)
class Pair:
    """A stay at work. `start` is None for an out without its in, `end` for an in without its out; `break_min` are punched breaks."""

    start: datetime | None
    end: datetime | None
    break_min: float = 0.0

    @property
    def closed(self) -> bool:
        return self.start is not None and self.end is not None

    @property
    def punch(self) -> datetime:
        """The earliest punch that there is."""
        moment = self.start or self.end
        assert moment is not None
        return moment


@dataclass(frozen=True, slots=True)
class Shift:
    """A binding shift with its unpaid breaks."""

    id: str
    start: datetime
    end: datetime
    breaks: tuple[Interval, ...] = ()


def pair_punches(punches: Iterable[tuple[datetime, str]]) -> list[Pair]:
    """One person's punches (time, in | out | break_start | break_end) as pairs in order of time.

    A second in or out within DOUBLE_PUNCH of the first is the same punch. A break without its end is left out.
    """
    pairs: list[Pair] = []
    start: datetime | None = None
    pause: datetime | None = None
    break_min = 0.0
    for time, kind in sorted(punches):
        if kind == "in":
            if start is not None and time - start <= DOUBLE_PUNCH:
                continue
            if start is not None:
                pairs.append(Pair(start, None, break_min))
            start, pause, break_min = time, None, 0.0
        elif kind == "out" and start is not None:
            pairs.append(Pair(start, time, break_min))
            start = None
        elif kind == "out":
            last = pairs[-1].end if pairs else None
            if last is None or time - last > DOUBLE_PUNCH:
                pairs.append(Pair(None, time))
        elif kind == "break_start" and start is not None:
            pause = pause or time
        elif kind == "break_end" and pause is not None:
            break_min += minutes(pause, time)
            pause = None
    if start is not None:
        pairs.append(Pair(start, None, break_min))
    return pairs


def shift_of(pair: Pair, shifts: Sequence[Shift]) -> Shift | None:
    """The shift that a pair overlaps most (the earlier of equals), None where it overlaps none.

    A pair without out belongs to the shift that is on at its in, or starts within REACH of it; without in, likewise to the last one.
    """
    if pair.start is not None and pair.end is not None:
        start, end = pair.start, pair.end
        best = max(shifts, key=lambda shift: (_overlap((start, end), (shift.start, shift.end)), -shift.start.timestamp()), default=None)
        return best if best is not None and _overlap((start, end), (best.start, best.end)) > 0 else None
    if pair.start is not None:
        ahead = [shift for shift in shifts if shift.start - REACH <= pair.start < shift.end]
        return min(ahead, key=lambda shift: shift.start, default=None)
    behind = [shift for shift in shifts if shift.start < pair.punch <= shift.end + REACH]
    return max(behind, key=lambda shift: shift.end, default=None)


def worked_min(pairs: Sequence[Pair], breaks: Sequence[Interval]) -> float:
    """Paid minutes of the closed pairs of one shift: from the first in to the last out less the unpaid break.

    The break is the longer of what the roster plans within that time and what was taken (punched breaks, and the gaps between pairs).
    """
    stays = sorted((pair.start, pair.end, pair.break_min) for pair in pairs if pair.start is not None and pair.end is not None)
    if not stays:
        return 0.0
    span = (stays[0][0], max(end for _, end, _ in stays))
    planned = sum(_overlap(span, pause) for pause in breaks)
    present = sum(minutes(start, end) - paused for start, end, paused in stays)
    return minutes(*span) - max(planned, minutes(*span) - present)


def is_rest_day(day: date, rostered: Collection[date]) -> bool:
    """Whether a day is one of rest for a person who has shifts on the days `rostered`.

    Saturday and Sunday are, save that a roster with weekdays off makes as many of the weekend's shifts ordinary ones; so are weekdays
    without a shift in a week whose weekdays are rostered. Where they are not, nothing is known but the calendar.
    """
    week = [day + timedelta(days=n - day.weekday()) for n in range(DAYS_A_WEEK)]
    off = sum(one not in rostered for one in week[:WORKDAYS_A_WEEK])
    weekend = [one for one in week[WORKDAYS_A_WEEK:] if one in rostered]
    swapped = weekend[:off] if off < WORKDAYS_A_WEEK else []
    if day.weekday() < WORKDAYS_A_WEEK:
        return off < WORKDAYS_A_WEEK and day not in rostered
    return day not in swapped


def beyond_grace(late_min: float, grace_min: float) -> float:
    """Minutes of lateness (or early leaving) that count: none up to the grace, all of them above it."""
    return late_min if late_min > grace_min else 0.0


def overtime_min(worked: float, normal: float, step: float) -> float:
    """Minutes worked beyond the normal ones, rounded down to whole steps."""
    return math.floor(max(0.0, worked - normal) / step + 1e-9) * step


def minutes(start: datetime, end: datetime) -> float:
    """Minutes from one instant to another."""
    return (end - start).total_seconds() / 60


def _overlap(one: Interval, other: Interval) -> float:
    """Minutes that two intervals share."""
    return max(0.0, minutes(max(one[0], other[0]), min(one[1], other[1])))
