"""Pans on scales from which diners help themselves: when a weight stands, whose tray was there, and what grams of a pan cost.

A pan is a plain dict, so that it can be kept: `now_g` the weight last read, within `low`..`high` since `since`; `stable_g` the last that
stood.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from storeloom.workers.pricing.money import round_money

Pan = dict[str, Any]


class Read(NamedTuple):
    """A tray's tag at an antenna: seconds of any clock, signal in dBm."""

    at_s: float
    tray: str
    rssi_dbm: float


def new_pan() -> Pan:
    return {"now_g": None, "since": None, "low": None, "high": None, "stable_g": None}


def follow(pan: Pan, weight_g: float, at: str, *, steady: bool, division_g: float) -> bool:
    """Take a reading; whether the weight moved by more than one division since `since`, so that it must stand anew.

    A reading that the scale itself calls unsteady has moved.
    """
    pan["now_g"] = weight_g
    if steady and pan["since"] is not None:
        low, high = min(pan["low"], weight_g), max(pan["high"], weight_g)
        if high - low <= division_g:
            pan |= {"low": low, "high": high}
            return False
    pan |= {"since": at if steady else None, "low": weight_g, "high": weight_g}
    return True


def at_antenna(reads: Iterable[Read], moved_s: float, near_s: float, lately_s: float) -> list[Read]:
    """The reads that tell which trays were there when a weight moved: those from `near_s` before on.

    Without any, each tray's last since `lately_s` before, since a tag that lies still may be read seldom.
    """
    reads = list(reads)
    near = [read for read in reads if read.at_s >= moved_s - near_s]
    if near:
        return near
    last = {read.tray: read for read in sorted(reads) if read.at_s >= moved_s - lately_s}
    return list(last.values())


def nearest(reads: Iterable[Read], lead_db: float) -> str | None:
    """The tray of the strongest mean signal; None without a tray, or where the second is less than `lead_db` behind."""
    signals: dict[str, list[float]] = defaultdict(list)
    for read in reads:
        signals[read.tray].append(read.rssi_dbm)
    means = sorted(((-sum(values) / len(values), tray) for tray, values in signals.items()))
    if not means or (len(means) > 1 and round(means[1][0] - means[0][0], 9) < lead_db):
        return None
    return means[0][1]


def amount(grams: int, price: int, unit_g: int) -> int:
    """Minor units for grams at a price per `unit_g` grams, half up."""
    return round_money(Fraction(grams * price, unit_g))
