"""When `@every` handlers run: instants of a schedule in a store's zone and opening hours, clock changes included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.contract import Schedule
from storeloom.core.kernel.hours import StoreHours

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_AT = re.compile(r"^(open|close|\d{1,2}:\d{2})(?:([+-])(\d+)(s|m|min|h))?$")


def resolve(schedule: Schedule, config: Any) -> Schedule:
    """The schedule with the config's values in place of `config.KEY`. ValueError when a value is no interval or time."""
    interval, at = schedule.interval, schedule.at
    if interval.startswith("config."):
        key, _, unit = interval.removeprefix("config.").partition("|")
        interval = f"{getattr(config, key)}{unit or key.rpartition('_')[2]}"
    if at and at.startswith("config."):
        key, sign, offset = re.fullmatch(r"config\.(\w+?)(?:([+-])(\w+))?", at).groups("")  # type: ignore[union-attr]
        at = f"{getattr(config, key)}{sign}{offset}"
    seconds(interval)
    if at is not None and not _AT.match(at):
        raise ValueError(f"'{at}' is no time of day: open, close or HH:MM, with an offset like -30m")
    return Schedule(interval, at, schedule.weekday, schedule.only)


def seconds(interval: str) -> float:
    """Seconds of an interval such as `30s`, `15m`, `1.5h`, `1d`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|min|h|d)", interval)
    if not match or float(match[1]) <= 0:
        raise ValueError(f"'{interval}' is no interval: a number and s, m, h or d")
    return float(match[1]) * _UNITS[match[2]]


def instants(schedule: Schedule, hours: StoreHours, after: datetime) -> Iterator[datetime]:
    """The instants of a resolved schedule after a time (exclusive), in order, without end."""
    day = hours.store_day(after) - timedelta(days=1)
    while True:
        for instant in _on_day(schedule, hours, day):
            if instant > after and (schedule.only == "always" or _open(hours, instant)):
                yield instant
        day += timedelta(days=1)


def _open(hours: StoreHours, instant: datetime) -> bool:
    """Inside opening hours, both edges included: a tick at closing time still belongs to the day."""
    return hours.is_open(instant) or hours.is_open(instant - timedelta(microseconds=1))


def _on_day(schedule: Schedule, hours: StoreHours, day: date) -> Iterator[datetime]:
    if schedule.weekday is not None and day.isoweekday() != schedule.weekday:
        return
    step = seconds(schedule.interval)
    if step < 86400:
        start, end = hours.midnight(day), hours.midnight(day + timedelta(days=1))
        count = 0
        while (instant := start + timedelta(seconds=step * count)) < end:
            yield instant
            count += 1
        return
    if step > 86400 and day.toordinal() % round(step / 86400):
        return
    moment = _time_of_day(schedule.at or "00:00", hours, day)
    if moment is not None:
        yield moment


def _time_of_day(at: str, hours: StoreHours, day: date) -> datetime | None:
    match = _AT.match(at)
    assert match is not None
    word, sign, amount, unit = match.groups()
    if word in ("open", "close"):
        open_day = hours.day(day)
        if open_day is None:
            return None
        base = open_day[0] if word == "open" else open_day[1]
    else:
        base = hours.at(day, word)
    offset = timedelta(seconds=int(amount or 0) * _UNITS[unit or "s"])
    return base - offset if sign == "-" else base + offset
