"""What a picked order line comes to: pieces, goods by weight and what stands in for them, in whole minor units, half up."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from storeloom.workers.pricing.money import exact, round_money

GRAMS = 1000


def ordered_grams(line: Mapping[str, Any], unit: str | None = None) -> int | None:
    """Grams of a line that is sold by weight: its own, else its quantity in kg where the article's unit is that; None for pieces."""
    if line.get("weight_g"):
        return int(line["weight_g"])
    return round(line["qty"] * GRAMS) if unit == "kg" else None


def by_weight(line: Mapping[str, Any], ordered_g: int, actual_g: float) -> int:
    """Charge of a weighed line: its price per kg times the lesser of actual and ordered weight, less that share of its discount."""
    grams = exact(min(actual_g, ordered_g))
    gross = exact(line["price"]) * grams / GRAMS
    paid = exact(line["amount"])
    return min(round_money(paid), round_money(max(Fraction(0), gross - _discount(line, ordered_g) * grams / ordered_g)))


def _discount(line: Mapping[str, Any], ordered_g: int) -> Fraction:
    return exact(max(0, round_money(exact(line["price"]) * ordered_g / GRAMS) - line["amount"]))


def by_pieces(line: Mapping[str, Any], number: float) -> int:
    """Charge of so many of a line's pieces, by its amount."""
    wanted = exact(line["qty"])
    return round_money(exact(line["amount"]) * min(exact(number), wanted) / wanted) if wanted else 0


def substituted(line: Mapping[str, Any], missing: float, price: int, grams: float | None = None) -> int:
    """Charge of what stands in for the missing pieces: the ordered price or the substitute's, whichever is less; `price` is of a piece, per
    kg where `grams` of goods by weight stand in."""
    ordered = line["amount"] - by_pieces(line, line["qty"] - missing)
    return min(int(ordered), round_money(exact(price) * (exact(missing) if grams is None else exact(grams) / GRAMS)))


def substituted_by_weight(line: Mapping[str, Any], ordered_g: int, actual_g: float, price_per_kg: int) -> int:
    """Charge of weighed goods that stand in for a weighed line: their price of the lesser weight, at most the ordered amount."""
    return min(int(line["amount"]), round_money(exact(price_per_kg) * exact(min(actual_g, ordered_g)) / GRAMS))


def over(ordered_g: int, actual_g: float, free: float) -> float:
    """Grams that must be taken off, 0 within the share that is given free."""
    return max(0.0, actual_g - ordered_g) if actual_g > ordered_g * (1 + free) + 1e-9 else 0.0
