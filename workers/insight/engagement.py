"""What a visit says of how engaged a visitor was: how long it took and how often they stopped, from the sights of an anonymous track.

State is JSON: {"first_s", "last_s", "zone", "since_s", "stops"}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

Visit = dict[str, Any]
LENGTH_WEIGHT, STOPS_WEIGHT = 0.6, 0.4
TINY = 1e-6


def begin(t_s: float) -> Visit:
    return {"first_s": t_s, "last_s": t_s, "zone": None, "since_s": t_s, "stops": 0}


def see(visit: Visit, sights: Iterable[tuple[float, str | None]], stop_s: float) -> None:
    """Take in sights (time, zone), in place; a dwell of `stop_s` in one zone is a stop, counted when the zone is left. Late ones are left
    out."""
    for t_s, zone in sights:
        if t_s < visit["last_s"]:
            continue
        visit["last_s"] = t_s
        if zone != visit["zone"]:
            visit["stops"] += _stopped(visit, t_s, stop_s)
            visit |= {"zone": zone, "since_s": t_s}


def finish(visit: Mapping[str, Any], t_s: float, stop_s: float) -> tuple[float, int]:
    """Length of the visit in seconds, and its stops, when it ends at `t_s`."""
    end_s = max(t_s, visit["last_s"])
    return end_s - visit["first_s"], visit["stops"] + _stopped(visit, end_s, stop_s)


def index(lengths_s: Sequence[float], target_s: float, share_of_stoppers: float) -> float:
    """0..100: 60 for a median visit of the target or longer, 40 for a share of 1 of visitors with two or more stops. StatisticsError for
    no visits."""
    return 100 * (LENGTH_WEIGHT * min(1.0, median(lengths_s) / target_s) + STOPS_WEIGHT * share_of_stoppers)


def _stopped(visit: Mapping[str, Any], t_s: float, stop_s: float) -> bool:
    return visit["zone"] is not None and t_s - visit["since_s"] >= stop_s - TINY
