"""Growth of a member: dated lots that count for a window of days, and the tier that they reach.

A lot is a dict with `day` (ISO) and `points`; a receipt's has its `worth`, the weighted net spend (minor units, an exact fraction as
text). Thresholds are ascending, the first of them 0; a tier is the place of its threshold.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from math import ceil
from typing import Any

Lot = Mapping[str, Any]


def worth(lines: Iterable[Mapping[str, Any]], factor_of: Callable[[str], float]) -> Fraction:
    """Line amounts (minor units), each times the factor of its product: exact, negative for a return."""
    return sum((line["amount"] * Fraction(str(factor_of(line["gtin"]))) for line in lines), Fraction(0))


def growth(spend: Fraction, per_point: int) -> int:
    """One point for each `per_point` of the spend, floored; none for less than nothing."""
    return max(0, int(spend / per_point))


def value(lots: Iterable[Lot], day: date, window_d: int) -> int:
    """The points of the lots that are not in the future of a day and at most `window_d` days old."""
    return sum(lot["points"] for lot in lots if 0 <= (day - date.fromisoformat(lot["day"])).days <= window_d)


def tier(thresholds: Sequence[int], points: int) -> int:
    """The highest tier whose threshold is reached."""
    return max((place for place, needed in enumerate(thresholds) if points >= needed), default=0)


def keeps_at(threshold: int, share: float) -> int:
    """Points that keep a tier at the end of its validity: `share` % of its threshold, rounded up."""
    return ceil(threshold * Fraction(str(share)) / 100)


def task_room(lots: Iterable[Lot], day: date, cap: int) -> int:
    """What tasks may still bring in the calendar month of a day."""
    month = day.isoformat()[:7]
    spent: int = sum(lot["points"] for lot in lots if "worth" not in lot and lot["day"].startswith(month))
    return max(0, cap - spent)
