"""Auctions of sponsored places by value, priced by the generalised second price, and what they sold beyond those who never saw the ads.

Rank by bid x expected click rate; a click costs what was needed to keep the place (Edelman, Ostrovsky and Schwarz, "Internet Advertising
and the Generalized Second-Price Auction", American Economic Review 97, 2007). Click rates are the mean of a Beta posterior. All of it is
worked out in fractions, so that a price is not a cent off. Increment: Johnson, Lewis and Nubbemeyer, "Ghost Ads", Journal of Marketing
Research 54 (2017).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

PRIOR_IMPRESSIONS = 100


class Ad(NamedTuple):
    """One campaign in an auction: `bid` a click in minor units, `rate` its click rate."""

    name: str
    brand: str
    bid: int
    rate: Fraction

    @property
    def score(self) -> Fraction:
        return self.bid * self.rate


def click_rate(clicks: int, impressions: int, prior_pct: float) -> Fraction:
    """(clicks + 100 x prior) / (impressions + 100)."""
    prior = Fraction(str(prior_pct)) / 100
    return (clicks + PRIOR_IMPRESSIONS * prior) / (impressions + PRIOR_IMPRESSIONS)


def auction(ads: Iterable[Ad], slots: int, reserve: int) -> list[tuple[Ad, int]]:
    """Winners in order of place, each with the price of a click; a brand wins one place. Equal scores keep the order in which they came."""
    best: dict[str, Ad] = {}
    for ad in ads:
        if ad.brand not in best or ad.score > best[ad.brand].score:
            best[ad.brand] = ad
    ranked = sorted(best.values(), key=lambda ad: -ad.score)
    prices = [math.ceil(after.score / ad.rate) for ad, after in pairwise(ranked)] + [reserve]
    return [(ad, min(ad.bid, max(reserve, price))) for ad, price in zip(ranked, prices, strict=False)][:slots]


def relevance(category: str | None, text: str, categories: Collection[str], keywords: Collection[str]) -> float:
    """Mean of the category's match, 0 or 1, and the share of the keywords found in the text."""
    found = sum(word.lower() in text.lower() for word in keywords) / len(keywords) if keywords else 0
    return ((category is not None and category in categories) + found) / 2


def sits_out(budget_left: float, time_left: float) -> float:
    """Probability with which a campaign sits out so that its budget lasts: 1 - budget share / time share, where that is below 1."""
    return max(0.0, 1 - budget_left / time_left) if time_left > 0 else 0.0


def incremental_sales(cells: Mapping[str, Any]) -> float | None:
    """exposed x (mean sales exposed - mean sales held out); `exposed`, `held` count shoppers. None without either."""
    exposed, held = cells["exposed"], cells["held"]
    if not (exposed and held):
        return None
    return float(exposed * (cells["exposed_sales"] / exposed - cells["held_sales"] / held))
