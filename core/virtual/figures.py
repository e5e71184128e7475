"""Figures and hours of a trial in the words and units that a person reads, for reports and the studio alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from storeloom.core.kernel.events import Event

if TYPE_CHECKING:
    from storeloom.core.virtual.trial import TrialResult

MONEY = ("currency", "minor", "minor units")
UNITS_ZH = {"s": "秒", "min": "分钟", "h": "小时", "d": "天", "days": "天", "times": "次", "people": "人", "m": "米"}


def unit_text(unit: str, lang: str, currency: str = "") -> str:
    """The unit as it stands behind a number: none for counts, the currency for money."""
    if unit in MONEY:
        return currency
    if unit == "count":
        return ""
    return UNITS_ZH.get(unit, unit) if lang == "zh" else unit


def number_text(value: float | None) -> str:
    """A number as it reads well: three digits that count, all of them before the point; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def figure_text(value: float | None, unit: str, lang: str, currency: str = "") -> str:
    """A figure with its unit; money, which comes in minor units, with two decimals; a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value / 100:,.2f}" if unit in MONEY else number_text(value)
    behind = unit_text(unit, lang, currency)
    return f"{text}{'' if behind == '%' or not behind else ' '}{behind}"


def hour_name(local: datetime) -> str:
    """The hour of a store-local time, as `facts_by_hour` and the virtual store's account name it."""
    return local.strftime("%Y-%m-%dT%H")


def hours(result: TrialResult) -> list[str]:
    """Every hour of the trial in store time, by name; the hour that a clock change repeats stands once."""
    zone = ZoneInfo(result.zone)
    names: dict[str, None] = {}
    at = result.start
    while at < result.end:
        names[hour_name(at.astimezone(zone))] = None
        at += timedelta(hours=1)
    return list(names)


def within(counts: Mapping[str, int], result: TrialResult) -> Counter[str]:
    """Counts by hour of store time, without the hours of a history before the trial."""
    return Counter({hour: counts[hour] for hour in hours(result) if hour in counts})


def by_hour(events: Iterable[Event], result: TrialResult) -> dict[str, Counter[str]]:
    """How many events each stream brought in each hour of store time; what closes the trial belongs to its last hour."""
    zone = ZoneInfo(result.zone)
    last = result.end - timedelta(microseconds=1)
    counts: dict[str, Counter[str]] = {}
    for event in events:
        counts.setdefault(event.stream, Counter())[hour_name(min(event.time, last).astimezone(zone))] += 1
    return counts


def store_time(at: datetime, zone: str) -> datetime:
    """The instant on the store's wall."""
    return at.astimezone(ZoneInfo(zone))
