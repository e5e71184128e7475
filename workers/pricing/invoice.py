"""Value-added tax invoices: what part of a sale may be invoiced, net and tax by line, and the buyer's credit code.

Amounts are integer minor units with tax included, rates percentages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storeloom.workers.pricing.money import Number, apportion, exact, round_money

CREDIT_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_CODE_LENGTH = 18


class TaxedAmount(NamedTuple):
    """An amount with tax, and its parts: `total` = `net` + `tax`."""

    total: int
    net: int
    tax: int


def split_tax(total: int, rate_pct: Number) -> TaxedAmount:
    """Net rounded half up from an amount with tax of 0 or more; the tax is the rest."""
    net = round_money(total / (1 + exact(rate_pct) / 100))
    return TaxedAmount(total, net, total - net)


def invoiceable(amounts: Sequence[int], not_invoiced: int) -> list[int]:
    """What is left of each line when the part paid by other means is taken off by largest remainder. Lines of 0 or less stay."""
    weights = [max(0, amount) for amount in amounts]
    taken = apportion(min(not_invoiced, sum(weights)), weights)
    return [amount - part for amount, part in zip(amounts, taken, strict=True)]


def reversed_part(invoiced: TaxedAmount, rate_pct: Number, sold: int, returned_before: int, returned: int) -> TaxedAmount:
    """What a red invoice takes back of an invoiced line when `returned` of the `sold` amount comes back after `returned_before`.

    Figures are positive. The parts of several returns sum to the invoiced line, to the unit.
    """
    before = split_tax(round_money(exact(invoiced.total) * returned_before / sold), rate_pct)
    after = split_tax(round_money(exact(invoiced.total) * (returned_before + returned) / sold), rate_pct)
    return TaxedAmount(after.total - before.total, after.net - before.net, after.tax - before.tax)


def credit_code_valid(code: str) -> bool:
    """Whether a unified social credit code is well formed: 18 characters, the last one checks the others (GB 32100-2015: modulo 31,
    weights the powers of 3)."""
    if len(code) != CREDIT_CODE_LENGTH or any(character not in CREDIT_CODE_CHARACTERS for character in code):
        return False
    values = [CREDIT_CODE_CHARACTERS.index(character) for character in code]
    return values[-1] == -sum(value * pow(3, place, 31) for place, value in enumerate(values[:-1])) % 31
