"""How amounts are written, by the digits of their currency."""

from __future__ import annotations

import pytest

from storeloom.workers.pricing.money import decimals, written


@pytest.mark.parametrize(("currency", "digits"), [("CNY", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("", 2)])
def test_digits_of_the_minor_unit(currency: str, digits: int) -> None:
    assert decimals(currency) == digits


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(1090, "CNY", "10.90"), (5, "EUR", "0.05"), (-990, "USD", "-9.90"), (1090, "JPY", "1090"), (1005, "KWD", "1.005"), (0, "CNY", "0.00")],
)
def test_an_amount_in_its_major_unit(minor: int, currency: str, text: str) -> None:
    assert written(minor, currency) == text
