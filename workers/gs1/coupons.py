"""Global Coupon Numbers, AI 255: twelve digits of the issuer, a check digit, and a serial that tells the copies apart."""

from .numbers import CodeError, check_digit, is_digits

BASE_DIGITS, SERIAL_DIGITS, MOST_SERIAL_DIGITS = 12, 6, 12


def coupon_number(base: str, serial: int) -> str:
    """The number of a copy, without its AI (GS1 General Specifications 3.5.5); serials are written with six digits, up to twelve.

    CodeError when the base is not 12 digits, or the serial is none of 1 to 12 digits.
    """
    if len(base) != BASE_DIGITS or not is_digits(base):
        raise CodeError(f"coupon base {base!r}: 12 digits expected")
    if not 0 <= serial < 10**MOST_SERIAL_DIGITS:
        raise CodeError(f"coupon serial {serial}: up to 12 digits expected")
    return f"{base}{check_digit(base)}{serial:0{SERIAL_DIGITS}d}"


def coupon_text(number: str) -> str:
    """A coupon number as people read it below the bar code."""
    return f"(255){number}"
