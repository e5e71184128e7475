"""Coupon numbers of AI 255."""

from datetime import date

import pytest

from storeloom.workers.gs1 import CodeError, parse
from storeloom.workers.gs1.coupons import coupon_number, coupon_text


def test_number_of_a_copy() -> None:
    assert coupon_text(coupon_number("690123456789", 123)) == "(255)6901234567892000123"
    assert coupon_number("690123456789", 1234567) == "69012345678921234567"


def test_scanner_reads_it_back() -> None:
    number = coupon_number("690123456789", 123)
    assert parse(coupon_text(number), on=date(2026, 3, 2)).coupon == number


@pytest.mark.parametrize("base, serial", [("69012345678", 1), ("69012345678x", 1), ("690123456789", -1), ("690123456789", 10**12)])
def test_what_does_not_fit_is_refused(base: str, serial: int) -> None:
    with pytest.raises(CodeError, match="coupon"):
        coupon_number(base, serial)
