"""The upkeep of an asset: when its next service falls, how reliable it was, and what a year's repairs may cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

MEAN_OF_DAYS = 28
DAYS_A_YEAR = 365.25


class Reliability(NamedTuple):
    """Hours between failures and hours a repair (None without a failure), and the share of operating hours up, in percent."""

    mtbf_h: float | None
    mttr_h: float | None
    availability_pct: float | None


def service_due(
    serviced: date, days: int, hours: float | None, run_h: float, daily_h: Mapping[str, float], today: date, began: date
) -> date:
    """The earlier of two clocks since the last service: so many days, and so many run hours (None: none).

    `run_h` has run since, `daily_h` holds run hours by ISO date, known from `began` on; what is to come is the mean of the last 28
    whole days.
    """
    by_days = serviced + timedelta(days=days)
    if hours is None:
        return by_days
    if run_h >= hours:
        return min(by_days, today)
    yesterday = today - timedelta(days=1)
    first = max(today - timedelta(days=MEAN_OF_DAYS), began)
    span = max(1, (today - first).days)
    mean = sum(run for day, run in daily_h.items() if first.isoformat() <= day <= yesterday.isoformat()) / span
    if mean <= 0:
        return by_days
    since_today = daily_h.get(today.isoformat(), 0.0)
    left = math.ceil(round((hours - run_h + since_today) / mean, 9))
    return by_days if left > days else min(by_days, yesterday + timedelta(days=left))


def reliability(operating_h: float, down_h: float, failures: int) -> Reliability:
    """MTBF = (operating hours - downtime) / failures, MTTR = downtime / failures (IEC 60050-192), availability = up / operating hours."""
    up = operating_h - down_h
    return Reliability(
        up / failures if failures else None, down_h / failures if failures else None, 100 * up / operating_h if operating_h else None
    )


def repair_limit(value: float, bought: date | None, life_y: float | None, today: date, ratio: float, least_share: float) -> float:
    """What twelve months of repairs may cost: a share of the value left by straight-line depreciation, of `least_share` of it at least."""
    age_y = (today - bought).days / DAYS_A_YEAR if bought else 0.0
    left = 1 - age_y / life_y if life_y else 1.0
    return ratio * value * max(left, least_share)
