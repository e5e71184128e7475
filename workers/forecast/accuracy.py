"""How good forecasts were. Errors are actual less forecast, so that a positive sum is demand that was not foreseen.

Source of MASE: Hyndman and Koehler (2006), "Another look at measures of forecast accuracy"; tracking signal: Brown (1959).
"""

from __future__ import annotations

from collections.abc import Sequence

WEEK = 7


def seasonal_naive(series: Sequence[float | None], ahead: int, season: int = WEEK) -> float | None:
    """The last known value of the same weekday, `ahead` days after the series; None when no such day is known."""
    for back in range(len(series) - season + (ahead - 1) % season, -1, -season):
        value = series[back] if back < len(series) else None
        if value is not None:
            return value
    return None


def naive_scale(series: Sequence[float | None], season: int = WEEK) -> float | None:
    """Mean absolute error of the seasonal naive within a series: what MASE divides by. None without a pair of known days."""
    steps = [abs(now - then) for now, then in zip(series[season:], series, strict=False) if now is not None and then is not None]
    return sum(steps) / len(steps) if steps else None


def mean_absolute(errors: Sequence[float]) -> float:
    return sum(map(abs, errors)) / len(errors)


def challenger_wins(champion: float, challenger: float, gain: float) -> bool:
    """Whether a challenger's MASE (or mean absolute error on the same days) is below the champion's by more than the share `gain`."""
    return challenger < champion * (1 - gain) - 1e-12


def tracking_signal(errors: Sequence[float]) -> float:
    """Sum of errors by mean absolute error; 0 where there was none."""
    mean = mean_absolute(errors) if errors else 0.0
    return sum(errors) / mean if mean > 1e-9 else 0.0


def wape(actual: Sequence[float], forecast: Sequence[float]) -> float | None:
    """Absolute errors by demand, in %. None without demand."""
    demand = sum(actual)
    return 100 * sum(abs(a - f) for a, f in zip(actual, forecast, strict=True)) / demand if demand > 0 else None


def bias(actual: Sequence[float], forecast: Sequence[float]) -> float | None:
    """Forecast less demand, by demand, in %: positive is too much. None without demand."""
    demand = sum(actual)
    return 100 * (sum(forecast) - demand) / demand if demand > 0 else None
