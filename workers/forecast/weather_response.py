"""How felt temperature and rain move a category's sales: ridge regression of the log of sales over forecast, the weekday removed.

The response to temperature is piecewise linear with bends at given breakpoints (linear splines; Hastie, Tibshirani and Friedman, "The
Elements of Statistical Learning", 5.2; ridge: 3.4), that to rain a step a class.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SCALE_C, FREE = 10.0, 1e-9
Weather = tuple[float, float]
"""Felt temperature in C and rain in mm of a day."""
Part = list[float | str | None]


def rain_class(rain_mm: float, limits: Sequence[float]) -> int:
    """0 for none to speak of, 1 light, 2 moderate, 3 heavy, by the least rain of each."""
    return sum(rain_mm >= limit for limit in limits)


def features(weather: Weather, breakpoints: Sequence[float], limits: Sequence[float]) -> list[float]:
    """Temperature and its part above each breakpoint, in steps of 10 C; then whether each rain class is met."""
    felt, rain = weather
    warm = [felt / SCALE_C, *(max(0.0, felt - bend) / SCALE_C for bend in sorted(breakpoints))]
    return [*warm, *(float(rain_class(rain, limits) == number) for number in range(1, len(limits) + 1))]


def fit(
    days: Sequence[date],
    logs: Sequence[float],
    weather: Sequence[Weather],
    breakpoints: Sequence[float],
    limits: Sequence[float],
    ridge: float,
) -> tuple[list[float], float]:
    """Effects of the features, and the share of the variance within weekdays that they explain."""
    air = np.array([features(one, breakpoints, limits) for one in weather])
    weekdays = np.array([[float(day.weekday() == number) for number in range(7)] for day in days])
    wanted = np.array(logs)
    air, wanted = _within(air, weekdays), _within(wanted, weekdays)
    penalty = np.eye(air.shape[1]) * max(ridge, FREE)
    found = np.linalg.lstsq(air.T @ air + penalty, air.T @ wanted, rcond=None)[0]
    whole, left = float(wanted @ wanted), float(np.sum((wanted - air @ found) ** 2))
    return [float(one) for one in found], 1 - left / whole if whole > FREE else 0.0


def response(effects: Sequence[float], weather: Weather, breakpoints: Sequence[float], limits: Sequence[float]) -> float:
    """Log of what such weather does to sales, against an arbitrary level that all days share."""
    return math.fsum(effect * value for effect, value in zip(effects, features(weather, breakpoints, limits), strict=True))


def factor(effect: float, weight: float, least: float, most: float) -> float:
    """Sales against the base: the effect as far as the forecast is trusted, held within bounds."""
    return 1.0 if weight == 0 else min(most, max(least, math.exp(weight * effect)))


def _within(values: Array, weekdays: Array) -> Array:
    """Deviations from the weekday's mean."""
    counts = np.maximum(weekdays.sum(axis=0), 1.0)
    means = (weekdays.T @ values) / (counts[:, None] if values.ndim == 2 else counts)
    return np.asarray(values - weekdays @ means, dtype=np.float64)


def enter(book: dict[str, dict[str, Part]], day: str, window: str, values: Sequence[float | str | None], issued: str) -> None:
    """Enter a part of a day (felt, rain, warning); a later issue for the same window takes its place."""
    parts = book.setdefault(day, {})
    if window not in parts or str(parts[window][3]) <= issued:
        parts[window] = [*values, issued]


def of_day(parts: Mapping[str, Part]) -> tuple[float, float, str, str]:
    """Mean felt temperature and sum of rain over a day's parts, its warnings, and the oldest issue among them."""
    rows = list(parts.values())
    felt = sum(float(row[0] or 0) for row in rows) / len(rows)
    words = " ".join(str(row[2]) for row in rows if row[2])
    return felt, sum(float(row[1] or 0) for row in rows), words, min(str(row[3]) for row in rows)
