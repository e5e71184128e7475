"""Reasons to contact a member now, how often such contacts led to a purchase, and what one more is worth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from storeloom.workers.insight import buyer
from storeloom.workers.insight.coupon_value import redemption_probability

BIRTHDAY_AHEAD_D = 7
AFTER_CARE_D = 3
NEW_FOR_D = 30
LAPSED_CYCLES = 2


def birthday(month: int | None, today: date) -> bool:
    """Whether the birth month begins today or within seven days."""
    if month is None:
        return False
    first = date(today.year + (month < today.month), month, 1)
    return (first - today).days in range(BIRTHDAY_AHEAD_D + 1)


def after_care(bought: Sequence[date], today: date) -> bool:
    """Whether this is the third day after a purchase."""
    return any((today - day).days == AFTER_CARE_D for day in bought)


def silent_for(bought: Sequence[date], today: date, cycles: float) -> bool:
    """Whether as many usual gaps have gone by since the last purchase; never before two days of purchase."""
    gap = buyer.usual_gap(bought)
    return gap is not None and (today - max(bought)).days >= cycles * gap


def is_new(listed_on: str | None, today: date) -> bool:
    """Whether a product was listed within the last thirty days."""
    return bool(listed_on) and 0 <= (today - date.fromisoformat(str(listed_on)[:10])).days < NEW_FOR_D


def rate(bought: int, contacts: int, prior_pct: float) -> float:
    """Share of contacts that lead to a purchase; a reason not yet tried has the prior, which weighs as 20 contacts."""
    return redemption_probability(bought, contacts, prior_pct / 100)
