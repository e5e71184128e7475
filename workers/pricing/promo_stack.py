"""The lowest price of one piece that promotions and coupons leave together, at the worst instant of a time span.

Rules without `stack` compete: the cheapest of them counts, beside price rows that hold. On what it leaves the stacking ones follow in order
of priority, percentages as factors, amounts subtracted, deals on several pieces as their mean price; the same order as a till's steps 1 to
3 (`basket`). An amount from a spend counts by its share of that spend where one piece costs less. Gifts change no price.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from .money import round_money
from .rules import Rule

Base = Callable[[str], int | None]


class Offer(NamedTuple):
    """A price of one piece (minor units) that holds in [start, end), for everybody or for some."""

    price: int
    start: datetime
    end: datetime


class Worst(NamedTuple):
    """Price of one piece (minor units), when it is first so low, and the rules that made it, in order."""

    price: int
    at: datetime
    rules: tuple[str, ...]


def worst(base: int, rules: Sequence[Rule], offers: Sequence[Offer], start: datetime, end: datetime, base_of: Base) -> Worst:
    """The lowest price of a piece whose base price is `base` in [start, end). `base_of`: base prices of a bundle's items."""
    begins = [rule.start for rule in rules] + [offer.start for offer in offers]
    turns = sorted({start, *(at for at in begins if start < at < end)})
    return min((_at(base, rules, offers, turn, base_of) for turn in turns), key=lambda found: found.price)


def _at(base: int, rules: Sequence[Rule], offers: Sequence[Offer], at: datetime, base_of: Base) -> Worst:
    holding = sorted((rule for rule in rules if rule.start <= at < rule.end), key=lambda rule: rule.rank)
    price, used = Fraction(base), []
    starts = [Fraction(offer.price) for offer in offers if offer.start <= at < offer.end]
    alone = [(reduced(rule, price, base_of), rule.id) for rule in holding if not rule.stack and not rule.coupon]
    cheapest = min(alone, default=None)
    if cheapest and cheapest[0] < min([price, *starts]):
        price, used = cheapest[0], [cheapest[1]]
    price = min([price, *starts])
    coupons = [rule for rule in holding if rule.coupon and not rule.stack]
    lone = min(coupons, key=lambda rule: (reduced(rule, price, base_of), rule.rank), default=None)
    for rule in holding:
        if rule.stack or rule is lone:
            after = reduced(rule, price, base_of)
            used += [rule.id] if after < price else []
            price = after
    return Worst(round_money(price), at, tuple(used))


def reduced(rule: Rule, price: Fraction, base_of: Base) -> Fraction:
    """What one piece costs under a rule, 0 or more and never above `price`; the mean price where the rule asks for several pieces."""
    value, several = rule.value, rule.qty or 1
    if rule.method in ("percent_each", "percent_once"):
        after = price * (1 - value / 100)
    elif rule.method in ("amount_each", "amount_once"):
        after = price - value * (min(Fraction(1), price / rule.threshold) if rule.threshold else 1)
    elif rule.method == "nth":
        after = price * (1 - value / 100 / several)
    elif rule.method == "multi_buy":
        after = value / several
    elif rule.method == "bundle":
        known = [base_of(gtin) for gtin in rule.gtins]
        whole = sum(one for one in known if one is not None)
        after = price * value / whole if whole and None not in known else price
    elif rule.method == "gift":
        after = price
    else:
        after = value
    return max(Fraction(0), min(price, after))
