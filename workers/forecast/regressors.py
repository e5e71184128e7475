"""What moves the demand of a day besides its weekday: calendar, weather and promotions as columns of a regression."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

KINDS = ("public_holiday", "workday", "school", "festival", "promotion", "local", "payday", "sport", "relayout", "short_day")
WEATHER = ("temperature", "rain")
DRIVERS = {**dict.fromkeys(KINDS, "calendar"), **dict.fromkeys(WEATHER, "weather"), "on_promotion": "promotion"}
WARM_SCALE_C = 5.0

Span = tuple[date, date]


def columns(days: Sequence[date], calendar: Mapping[str, Iterable[Span]], weather: Mapping[date, tuple[float, float]]) -> Array:
    """Regressors that all items share, in the order of `DRIVERS` (days x regressors); the last, `on_promotion`, is 0.

    `calendar`: spans of days (both ends included) by kind; `weather`: highest temperature in C and rain in mm of a day. Temperature
    counts from its mean in steps of 5 C, rain as log(1 + mm); a day without weather is an average one.
    """
    marked = [_marks(days, calendar.get(kind, ())) for kind in KINDS]
    mean = sum(temperature for temperature, _ in weather.values()) / len(weather) if weather else 0.0
    average = (mean, 0.0)
    air = [weather.get(day, average) for day in days]
    warm = [(temperature - mean) / WARM_SCALE_C for temperature, _ in air]
    wet = [math.log1p(max(0.0, rain)) for _, rain in air]
    return np.array([*marked, warm, wet, [0.0] * len(days)]).T


def with_promotions(shared: Array, first: date, spans: Iterable[Span]) -> Array:
    """An item's own regressors: the shared ones of the days from `first` on, with the days of its promotions marked."""
    own = shared.copy()
    for begin, end in spans:
        own[max(0, (begin - first).days) : max(0, (end - first).days + 1), -1] = 1.0
    return own


def _marks(days: Sequence[date], spans: Iterable[Span]) -> list[float]:
    marks = [0.0] * len(days)
    for first, last in spans:
        begin, end = (first - days[0]).days, (last - days[0]).days
        for index in range(max(0, begin), min(len(days) - 1, end) + 1):
            marks[index] = 1.0
    return marks


def grouped(effects: Sequence[float]) -> dict[str, float]:
    """Log effects of a day, in the order of `DRIVERS`, summed by driver as shares of demand (0.2: a fifth more); those of nil left out."""
    sums: dict[str, float] = {}
    for name, effect in zip(DRIVERS.values(), effects, strict=True):
        sums[name] = sums.get(name, 0.0) + effect
    return {name: round(math.expm1(effect), 4) for name, effect in sums.items() if abs(effect) > 1e-6}
