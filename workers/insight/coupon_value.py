"""What a targeted coupon is worth before it is given: how likely it is redeemed, what that earns, and whom it brings back."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from statistics import fmean, median
from typing import Any

PRIOR_WEIGHT = 20  # an unknown coupon counts like one issued this often
LEAST_RECEIPTS = 5
LEAST_PURCHASES = 4
BASKETS_KEPT = 10


def redemption_probability(redeemed: int, issued: int, prior: float) -> float:
    """Share of copies that will be redeemed: the posterior mean of a beta prior worth `PRIOR_WEIGHT` copies. `prior` is a share, 0 to 1."""
    return (redeemed + PRIOR_WEIGHT * prior) / (issued + PRIOR_WEIGHT)


def expected_value(probability: float, margin: float, face: float) -> float:
    """What a copy earns on average, in minor units: `margin` comes in more and `face` is given away if it is redeemed."""
    return probability * (margin - face)


def face_value(kind: str, value: float, price: float) -> float:
    """What a coupon of the table `coupons` gives away at a price, in minor units; 0 for kinds that reduce nothing."""
    reduced = {"amount": value, "percent": price * value / 100, "fixed": price - value, "free": price}
    return max(0.0, min(float(reduced.get(kind, 0)), float(price)))


def best_worth_giving(rows: Iterable[Mapping[str, Any]], worth: float, price: float) -> Mapping[str, Any] | None:
    """The coupon of the table that gives most at a price among those a member is worth, else the one that gives least; None without any.

    Coupons for any product go before those for some; of equal ones the last template counts. What reduces nothing is left out.
    """
    faced = [(face_value(row["kind"], row["value"], price), row) for row in rows if row.get("kind") and row.get("value") is not None]
    reducing = [(face, row) for face, row in faced if face > 0]
    general = [(face, row) for face, row in reducing if not row.get("gtins") and not row.get("category")] or reducing
    ranked = sorted(general, key=lambda one: (one[0], one[1]["template"]))
    affordable = [row for face, row in ranked if face <= worth] or [row for _, row in ranked[:1]]
    return affordable[-1] if affordable else None


def stretch_threshold(baskets: Sequence[int], stretch_pct: float, round_to: int) -> int | None:
    """The spend that stretches a shopper: the mean of the last ten baskets and `stretch_pct` more, rounded up; None below five receipts."""
    if len(baskets) < LEAST_RECEIPTS:
        return None
    last = baskets[-BASKETS_KEPT:]
    wanted = Fraction(sum(last), len(last)) * (1 + Fraction(str(stretch_pct)) / 100)
    return math.ceil(wanted / round_to) * round_to


def usual_basket(baskets: Sequence[int]) -> float:
    """Mean of the last ten baskets, minor units."""
    return fmean(baskets[-BASKETS_KEPT:])


def is_lapsed(purchases: Sequence[datetime], now: datetime, cycles: float) -> bool:
    """Whether somebody who bought at least four times has stayed away for `cycles` of the median interval between purchases."""
    if len(purchases) < LEAST_PURCHASES:
        return False
    seconds = [(later - earlier).total_seconds() for earlier, later in pairwise(purchases)]
    return now - purchases[-1] >= timedelta(seconds=cycles * median(seconds))
