"""Distances over the ground between places given as WGS 84 latitude and longitude.

Great circle by the haversine formula (Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984) on a sphere of 6371 km, which is
within 0.6 % of the ellipsoid and keeps its precision for places a few metres apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_000.0


def distance_m(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Metres between two places `{lat, lon}` in degrees."""
    lat, other_lat = radians(one["lat"]), radians(other["lat"])
    half_lat, half_lon = (other_lat - lat) / 2, radians(other["lon"] - one["lon"]) / 2
    a = sin(half_lat) ** 2 + cos(lat) * cos(other_lat) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, a)))
