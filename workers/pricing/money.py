"""Integer money: rounding of exact fractions, apportioning without loss, how it is written. Amounts are minor units."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Rounding = Literal["half_up", "down", "bankers"]
Number = int | float | Decimal | Fraction
NO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def decimals(currency: str) -> int:
    """Digits of a currency's minor unit (ISO 4217); 2 where the currency is not named."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def written(minor: int, currency: str) -> str:
    """An amount in its major unit: 1090 is 10.90 in CNY and 1090 in JPY."""
    digits = decimals(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


def exact(number: Number) -> Fraction:
    """The number as it is written: 0.1 is one tenth, not its nearest binary float."""
    return Fraction(str(number)) if isinstance(number, float) else Fraction(number)


def round_money(value: Fraction, rounding: Rounding = "half_up") -> int:
    """A fraction of 0 or more to whole minor units; `bankers` rounds halves to even, `down` cuts."""
    if rounding == "bankers":
        return round(value)
    if rounding == "down":
        return value.numerator // value.denominator
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def line_amount(price: int, qty: Number = 1, weight_g: int | None = None) -> int:
    """Amount before discounts, half up: price each times `qty`, or price per kg times the weight in grams."""
    measure = exact(qty) if weight_g is None else Fraction(weight_g, 1000)
    return round_money(price * measure)


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights of 0 or more: floored shares, missing units to the largest remainders.

    That is Hamilton's method. Equal remainders favour the earlier place. The shares sum to `amount`, and none exceeds
    its weight while `amount` is at most the sum of the weights. ValueError when there is something to split and nothing to split it by.
    """
    total = sum(weights)
    if amount == 0:
        return [0] * len(weights)
    if amount < 0 or total <= 0 or min(weights) < 0:
        raise ValueError(f"cannot apportion {amount} by weights that sum to {total}")
    shares = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in by_remainder[: amount - sum(shares)]:
        shares[i] += 1
    return shares
