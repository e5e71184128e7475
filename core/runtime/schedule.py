"""When `@every` handlers run: instants of a schedule in a store's zone and opening hours, clock changes included."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.timetable import DAY_S, Schedule, at_set_times, check_schedule, cron_times, seconds, time_of_day

DAY = timedelta(days=1)
QUIET_DAYS = 3653
_CONFIG_AT = re.compile(r"config\.(\w+?)(?:([+-])(\w+))?")


def resolve(schedule: Schedule, config: Any) -> Schedule:
    """The schedule with the config's values in place of `config.KEY`. ValueError when a value is no interval, time or cron text."""
    interval, at, cron = schedule.interval, schedule.at, schedule.cron
    if interval and interval.startswith("config."):
        key, _, unit = interval.removeprefix("config.").partition("|")
        interval = f"{_value(config, key)}{unit or key.rpartition('_')[2]}"
    if at and at.startswith("config."):
        match = _CONFIG_AT.fullmatch(at)
        if match is None:
            raise ValueError(f"'{at}' is no time of day: config.KEY, with an offset like -30m")
        key, sign, offset = match.groups("")
        at = f"{_value(config, key)}{sign}{offset}"
    if cron and cron.startswith("config."):
        cron = str(_value(config, cron.removeprefix("config.")))
    resolved = Schedule(interval, at, schedule.weekday, schedule.only, cron)
    check_schedule(resolved)
    return resolved


def _value(config: Any, key: str) -> Any:
    if not hasattr(config, key):
        raise ValueError(f"the config has no key '{key}'")
    return getattr(config, key)


def instants(schedule: Schedule, hours: StoreHours, after: datetime) -> Iterator[datetime]:
    """The instants of a resolved schedule after a time (exclusive), in order and each once.

    They are the same from wherever one starts. They end only where none comes for ten years, as in a store that never opens.
    """
    if schedule.cron is not None:
        found = _by_cron(schedule, schedule.cron, hours, after)
    elif _step(schedule) < DAY_S:
        found = _in_the_day(schedule, hours, after)
    else:
        found = _by_day(schedule, hours, after)
    last = after
    for instant in found:
        if instant > last:
            last = instant
            yield instant


def _step(schedule: Schedule) -> float:
    assert schedule.interval is not None
    return seconds(schedule.interval)


def _open(hours: StoreHours, instant: datetime) -> bool:
    """Inside opening hours, both edges included: a tick at closing time still belongs to the day."""
    return hours.is_open(instant) or hours.is_open(instant - timedelta(microseconds=1))


def _in_the_day(schedule: Schedule, hours: StoreHours, after: datetime) -> Iterator[datetime]:
    """Steps of elapsed time from each local midnight: a day of 23 or 25 hours has fewer or more of them."""
    step, day, quiet = _step(schedule), hours.store_day(after), 0
    while quiet < QUIET_DAYS:
        start, end = hours.midnight(day), hours.midnight(day + DAY)
        quiet += 1
        count = max(0, int((after - start).total_seconds() / step) - 1)
        wanted = schedule.weekday is None or day.isoweekday() == schedule.weekday
        while wanted and (instant := start + timedelta(seconds=step * count)) < end:
            if schedule.only == "open" and not _open(hours, instant):
                opening = hours.next_open(instant)
                if opening is None:
                    return
                count = max(count + 1, math.ceil((opening - start).total_seconds() / step - 1e-9))
                continue
            quiet = 0
            yield instant
            count += 1
        day += DAY


def _by_day(schedule: Schedule, hours: StoreHours, after: datetime) -> Iterator[datetime]:
    """One instant a store day or every so many days. Offsets may carry one into a neighbouring day, so that they are put in order."""
    every = round(_step(schedule) / DAY_S)
    day, quiet = hours.store_day(after) - 3 * DAY, 0
    waiting: list[datetime] = []
    while quiet < max(QUIET_DAYS, 2 * every):
        quiet += 1
        moment = _moment(schedule, hours, day) if day.toordinal() % every == 0 else None
        if moment is not None and (schedule.only == "always" or _open(hours, moment)):
            heapq.heappush(waiting, moment)
            quiet = 0
        settled = hours.midnight(day + DAY) - DAY  # no later day reaches back before this
        while waiting and waiting[0] <= settled:
            yield heapq.heappop(waiting)
        day += DAY


def _moment(schedule: Schedule, hours: StoreHours, day: date) -> datetime | None:
    if schedule.weekday is not None and day.isoweekday() != schedule.weekday:
        return None
    word, offset = time_of_day(schedule.at or "00:00")
    if word not in ("open", "close"):
        return hours.at(day, word) + offset
    open_day = hours.day(day)
    if open_day is None:
        return None
    return (open_day[0] if word == "open" else open_day[1]) + offset


def _by_cron(schedule: Schedule, cron: str, hours: StoreHours, after: datetime) -> Iterator[datetime]:
    for instant in _cron_instants(cron, hours, hours.store_day(after) - DAY):
        if schedule.only == "always" or _open(hours, instant):
            yield instant
        elif hours.next_open(instant) is None:
            return


def _cron_instants(cron: str, hours: StoreHours, first: date) -> Iterator[datetime]:
    """A cron's wall times from a day on, worked out without a zone and laid on the store's clock, in order of time.

    A clock that is set back past midnight shows the end of a day after the beginning of the next.
    """
    once = at_set_times(cron)
    waiting: list[datetime] = []
    for day, walls in groupby(cron_times(cron, datetime.combine(first, time()) - timedelta(seconds=1)), key=datetime.date):
        while waiting and waiting[0] < hours.midnight(day):
            yield heapq.heappop(waiting)
        for wall in walls:
            for instant in _passes(wall, hours.zone, once):
                heapq.heappush(waiting, instant)
    yield from sorted(waiting)


def _passes(wall: datetime, zone: ZoneInfo, once: bool) -> tuple[datetime, ...]:
    """When the store's clock shows a wall time: once, twice where it is set back, never where it is set forward.

    A job that runs once takes the first of two, and the end of the gap for a time that never comes (the rule of Debian's cron).
    """
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return (first,)
    if first < second:
        return (first,) if once else (first, second)
    return (_gap_end(second, first, zone),) if once else ()


def _gap_end(before: datetime, behind: datetime, zone: ZoneInfo) -> datetime:
    """The instant, to the second, at which the zone's offset changes between two others."""
    offset = behind.astimezone(zone).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((behind - before).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            behind = middle
        else:
            before = middle
    return behind
