"""Where the sun stands for a place, and how lights of two whites are mixed and set off against it."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

HORIZON_DEG = -0.833
"""Height of the sun's middle at rise and set: refraction and its radius (NOAA)."""
MIRED = 1e6


def sun_turns(day: date, lat: float, lon: float) -> tuple[datetime, datetime] | None:
    """Sunrise and sunset in UTC of a day of the place's own calendar (degrees, east positive), None where the sun does not do both.

    Spencer's Fourier series for declination and equation of time (1971), as in NOAA's general solar position calculations; good to about
    a minute or two below the polar circles.
    """
    turn = 2 * math.pi / 365 * (day.timetuple().tm_yday - 1)
    minutes = 229.18 * (
        0.000075 + 0.001868 * math.cos(turn) - 0.032077 * math.sin(turn) - 0.014615 * math.cos(2 * turn) - 0.040849 * math.sin(2 * turn)
    )
    tilt = (
        0.006918 - 0.399912 * math.cos(turn) + 0.070257 * math.sin(turn) - 0.006758 * math.cos(2 * turn) + 0.000907 * math.sin(2 * turn)
        - 0.002697 * math.cos(3 * turn) + 0.00148 * math.sin(3 * turn)
    )  # fmt: skip
    place = math.radians(lat)
    height = math.sin(math.radians(HORIZON_DEG)) / (math.cos(place) * math.cos(tilt)) - math.tan(place) * math.tan(tilt)
    if abs(height) > 1:
        return None
    half = math.degrees(math.acos(height))
    noon = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=720 - 4 * lon - minutes)
    return noon - timedelta(minutes=4 * half), noon + timedelta(minutes=4 * half)


def accent_pct(contrast: float, general_lux: float, full_lux: float) -> float:
    """Accent level at which goods are `contrast` times as light as what is around them; over 100 where the lamps cannot."""
    return 100 * max(0.0, contrast - 1) * general_lux / full_lux


def contrast_of(general_lux: float, level_pct: float, full_lux: float) -> float:
    """Light on the goods over the light around them; without light around them as without accent."""
    return (general_lux + level_pct / 100 * full_lux) / general_lux if general_lux > 0 else 1.0


def warm_share(target_k: float, warm_k: float, cool_k: float) -> float:
    """Share of the warm channel (0..1) of a tunable white, mixed linearly in mired (a million over kelvin)."""
    warm, cool = MIRED / warm_k, MIRED / cool_k
    return min(1.0, max(0.0, (MIRED / target_k - cool) / (warm - cool))) if warm != cool else 1.0
