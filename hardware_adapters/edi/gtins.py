"""Keys of GS1 in messages, checked by their check digit (GS1 General Specifications, 7.9)."""

from __future__ import annotations


def check_digit_holds(digits: str, lengths: tuple[int, ...]) -> bool:
    """Whether these are so many digits, the last of which checks the others."""
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in lengths:
        return False
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits[:-1])))
    return (10 - total % 10) % 10 == int(digits[-1])


def is_gtin(digits: str) -> bool:
    return check_digit_holds(digits, (8, 12, 13, 14))


def is_sscc(digits: str) -> bool:
    return check_digit_holds(digits, (18,))
