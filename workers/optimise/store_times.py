"""Times of the day as a retailer writes them: `14:00`, `open+30`, `close-30` (minutes), and spans of them: `open`, `09:00-21:00`."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from storeloom.core.kernel.hours import StoreHours

CLOCK = r"([01]\d|2[0-3]):[0-5]\d|24:00"
TIME = rf"^({CLOCK}|(open|close)([+-]\d{{1,3}})?)$"
RANGE = rf"({CLOCK})-({CLOCK})"


def moment(hours: StoreHours, day: date, text: str) -> datetime | None:
    """The instant of a time on a store day; None where it counts from the opening hours of a day without any."""
    for edge, name in enumerate(("open", "close")):
        if text.startswith(name):
            opening = hours.day(day)
            return opening[edge] + timedelta(minutes=int(text[len(name) :] or 0)) if opening else None
    return hours.at(day, text)


def span(hours: StoreHours, day: date, text: str) -> tuple[datetime, datetime] | None:
    """A span that begins on a store day: `open` for its opening hours, else a range of clock times that may end on the next day.

    None for `open` on a day that stays closed.
    """
    if text == "open":
        return hours.day(day)
    begin, _, end = text.partition("-")
    start = hours.at(day, begin)
    stop = hours.at(day, end)
    return start, stop if stop > start else hours.at(day + timedelta(days=1), end)


def slots(hours: StoreHours, day: date, minutes: int) -> list[tuple[datetime, datetime]]:
    """A store day cut from midnight on into slots of so many minutes; the last one ends at the next midnight."""
    start, end = hours.midnight(day), hours.midnight(day + timedelta(days=1))
    found = []
    while start < end:
        stop = min(start + timedelta(minutes=minutes), end)
        found.append((start, stop))
        start = stop
    return found


def is_in_hours(hours: StoreHours, start: datetime, end: datetime) -> bool:
    """Whether any of [start, end) is opening time."""
    return hours.open_seconds(start, end) > 0


def after_open(hours: StoreHours, start: datetime, opening: timedelta) -> datetime:
    """The instant at which so much opening time has gone by since `start`; of a store that opens no more, plainly that time later."""
    left, at = opening, start
    while left > timedelta(0):
        span = hours.span(at)
        if span is None:
            following = hours.next_open(at)
            if following is None:
                return at + left
            at = following
            continue
        if at + left <= span[1]:
            return at + left
        left, at = left - (span[1] - at), span[1]
    return at
