"""When a family's supplies of a category run out, learnt from its purchases; and the stages of a child's age. Records are plain JSON.

A purchase is `{"day": ISO date, "grams": number, "receipt": text}`. Daily use is a mean of the typical use, which weighs like so many
cycles, and of the family's own cycles (the posterior mean of a normal mean with known variance: Gelman et al., Bayesian Data Analysis, 3rd
ed. 2013, section 2.5).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

Row = Mapping[str, Any]
MOST = 40


class Outlook(NamedTuple):
    """Grams a day, grams there were after the last purchase, how many days these last, the day on which they run out."""

    use: float
    grams: float
    days: float
    runs_out: date


def by_day(purchases: Iterable[Row]) -> list[tuple[date, float]]:
    """Days in order with all that was bought on each."""
    sums: dict[date, float] = {}
    for one in purchases:
        day = date.fromisoformat(one["day"])
        sums[day] = sums.get(day, 0) + one["grams"]
    return sorted((day, grams) for day, grams in sums.items() if grams > 0)


def daily_use(bought: Sequence[tuple[date, float]], typical: float, prior_n: float) -> float:
    """(prior_n x typical + sum of own uses) / (prior_n + number); a cycle's own use is what was bought / days until the next purchase."""
    own = [grams / (after - day).days for (day, grams), (after, _) in pairwise(bought)]
    return (prior_n * typical + sum(own)) / (prior_n + len(own)) if prior_n + len(own) > 0 else typical


def outlook(purchases: Iterable[Row], typical: float, prior_n: float) -> Outlook | None:
    """What is left of purchase upon purchase at the estimated use; None without any."""
    bought = by_day(purchases)
    if not bought:
        return None
    use, left, before = daily_use(bought, typical, prior_n), 0.0, bought[0][0]
    for day, grams in bought:
        left = max(0.0, left - use * (day - before).days) + grams
        before = day
    return Outlook(use, left, left / use, before + timedelta(days=int(left / use + 1e-9)))


def enter(purchases: list[dict[str, Any]], day: date, grams: float, receipt: str) -> bool:
    """Note a purchase; False for a receipt that is known. The oldest of very many are forgotten."""
    if any(one["receipt"] == receipt for one in purchases):
        return False
    purchases.append({"day": day.isoformat(), "grams": grams, "receipt": receipt})
    purchases.sort(key=lambda one: one["day"])
    del purchases[:-MOST]
    return True


def give_back(purchases: list[dict[str, Any]], receipt: str, grams: float | None) -> bool:
    """Take so many grams off a receipt, all of it without a number; whether there was such a receipt."""
    one = next((one for one in purchases if one["receipt"] == receipt), None)
    if one is None:
        return False
    one["grams"] -= one["grams"] if grams is None else grams
    if one["grams"] <= 0:
        purchases.remove(one)
    return True


def pack_grams(product: Row) -> float | None:
    """Content of a pack in grams (millilitres), else its weight; None where neither is told."""
    if product.get("net_content"):
        return float(product["net_content"] * (1000 if str(product.get("content_unit", "g")).lower() in ("kg", "l") else 1))
    return product.get("weight_g")


def months_after(day: date, months: int) -> date:
    """The same day so many months later, the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def stage(born: date, months: Sequence[int], day: date) -> int:
    """Index of the stage at a day, -1 before the first (pregnancy)."""
    return sum(months_after(born, border) <= day for border in months) - 1
