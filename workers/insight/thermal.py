"""Heat and moisture in small: a body that follows the air around it, and the dew point of a room."""

from __future__ import annotations

import math

MAGNUS_B, MAGNUS_C = 17.62, 243.12


def follow(body_c: float, air_c: float, elapsed_s: float, time_constant_s: float) -> float:
    """The temperature of a body after `elapsed_s` in air of a constant temperature: Newton's law of cooling, solved exactly."""
    return body_c + (air_c - body_c) * -math.expm1(-elapsed_s / time_constant_s)


def dew_point_c(temperature_c: float, humidity_pct: float) -> float:
    """Dew point over water by the Magnus formula (WMO Guide No. 8 coefficients, good to 0.1 K from -45 to 60 C).

    ValueError for a humidity that is not above 0.
    """
    if humidity_pct <= 0:
        raise ValueError(f"no dew point at {humidity_pct} % humidity")
    gamma = math.log(humidity_pct / 100) + MAGNUS_B * temperature_c / (MAGNUS_C + temperature_c)
    return MAGNUS_C * gamma / (MAGNUS_B - gamma)


def share_between(value: float, low: float, high: float) -> float:
    """Where a value lies between two, 0 at or below `low` and 1 at or above `high`."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def wanted_mode(now: str | None, air_c: float, cool_c: float, heat_c: float, band_k: float) -> str | None:
    """What a thermostat of two set points calls for, from what it calls for now: `cool`, `heat` or None, never both.

    It begins half a band beyond a set point and ends half a band on its other side.
    """
    half = band_k / 2
    if (now == "cool" and air_c >= cool_c - half) or (now == "heat" and air_c <= heat_c + half):
        return now
    return "cool" if air_c > cool_c + half else "heat" if air_c < heat_c - half else None


def learned_rate(rate: float, minutes: float, kelvin: float, weight: float, least_k: float = 1.0) -> float:
    """Minutes a kelvin after one more start (exponential smoothing); a start over less than `least_k` teaches nothing."""
    return rate if kelvin < least_k else (1 - weight) * rate + weight * minutes / kelvin
