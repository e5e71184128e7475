"""What an `@every` may say: intervals, times of day and cron texts, each checked where it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from cronsim import CronSim

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
DAY_S = 86400
SHORTEST_S = 0.1
_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)(s|m|min|h|d)")
_AT = re.compile(r"(open|close|([01]?\d|2[0-3]):[0-5]\d|24:00)(?:([+-])(\d+)(s|m|min|h))?")
CRON_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an `@every` handler runs; see `contract.every`. Either `interval` or `cron` is set."""

    interval: str | None = None
    at: str | None = None
    weekday: int | None = None
    only: Literal["always", "open"] = "always"
    cron: str | None = None


class TimeOfDay(NamedTuple):
    """`open`, `close` or `HH:MM`, and how much elapsed time later (earlier where negative)."""

    word: str
    offset: timedelta


def check_schedule(schedule: Schedule) -> None:
    """ValueError when a schedule says too little, too much or nothing that can be; what the config holds is left for later."""
    interval, at, cron = schedule.interval, schedule.at, schedule.cron
    if (interval is None) == (cron is None):
        raise ValueError("a schedule needs an interval or a cron text, and not both")
    if schedule.weekday is not None and schedule.weekday not in range(1, 8):
        raise ValueError(f"weekday {schedule.weekday} is none of 1 (Monday) to 7 (Sunday)")
    if cron is not None:
        if at is not None or schedule.weekday is not None:
            raise ValueError("a cron text has times and days of its own: leave out `at` and `weekday`")
        if not _of_config(cron):
            cron_times(cron, datetime(2000, 1, 1))
        return
    assert interval is not None
    if at is not None and not _of_config(at):
        time_of_day(at)
    if _of_config(interval):
        return
    if at is not None and seconds(interval) < DAY_S:
        raise ValueError(f"`at` goes with whole days, not with an interval of {interval}")
    seconds(interval)


def _of_config(text: str) -> bool:
    return text.startswith("config.")


def seconds(interval: str) -> float:
    """Seconds of an interval such as `30s`, `15m`, `1.5h`, `1d`. ValueError when it is none; above a day only whole days are."""
    match = _INTERVAL.fullmatch(interval)
    if not match or float(match[1]) * UNITS[match[2]] < SHORTEST_S:
        raise ValueError(f"'{interval}' is no interval: a number and s, m, h or d, at least {SHORTEST_S} s")
    value = float(match[1]) * UNITS[match[2]]
    if value > DAY_S and value % DAY_S:
        raise ValueError(f"'{interval}' is no interval: above a day only whole days")
    return value


def time_of_day(text: str) -> TimeOfDay:
    """A time of day as `@every` writes it; ValueError when it is none, or its offset reaches a day."""
    match = _AT.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is no time of day: open, close or HH:MM, with an offset like -30m")
    word, _, sign, amount, unit = match.groups()
    offset = timedelta(seconds=int(amount or 0) * UNITS[unit or "s"])
    if offset >= timedelta(days=1):
        raise ValueError(f"'{text}' is no time of day: its offset must be shorter than a day")
    return TimeOfDay(word, -offset if sign == "-" else offset)


def cron_times(text: str, after: datetime) -> CronSim:
    """The wall times (without a zone) of a cron text after one, in order. ValueError when it is no cron text or never comes."""
    from cronsim import CronSim, CronSimError

    if len(text.split()) != CRON_FIELDS:
        raise ValueError(f"'{text}' is no cron text: five fields (minute, hour, day of month, month, day of week)")
    try:
        times = CronSim(text, after)
        if next(CronSim(text, after), None) is None:
            raise ValueError(f"'{text}' is no cron text: no day is like that")
    except CronSimError as error:
        raise ValueError(f"'{text}' is no cron text: {str(error)[:1].lower()}{str(error)[1:]}") from error
    return times


def at_set_times(cron: str) -> bool:
    """Whether a cron job runs at set times rather than by the wall clock's step; see `contract.every`."""
    minute, hour = cron.split()[:2]
    return not minute.startswith("*") and not hour.startswith("*")
