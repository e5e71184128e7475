"""Card numbers, told by their form: so that none comes in, goes out or is logged (PCI DSS 4.0, requirement 3).

A card number here is 13 to 19 digits, in groups parted by single blanks or hyphens or in one, of an issuer's range (ISO/IEC 7812-1) and
with a right check digit (Luhn, ISO/IEC 7812-1 annex B). Numbers of receipts and times mostly begin with 1 or 20, and are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_RUN = re.compile(r"(?<!\d)(?<!\d[ -])\d(?:[ -]?\d){12,18}(?![ -]?\d)")
# Visa, Mastercard, Mastercard 2, American Express, Diners, Discover and Maestro 6x with UnionPay 62, JCB, Maestro 5x, UnionPay 81.
_RANGES = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(0[0-59]|[689]\d)\d{11,16}"
    r"|6\d{15,18}|35(2[89]|[3-8]\d)\d{12,15}|5[0678]\d{14,17}|81\d{14,17}"
)
HIDDEN = "[card number]"


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others."""
    doubled = [int(one) * 2 if place % 2 else int(one) for place, one in enumerate(reversed(digits))]
    return sum(one - 9 if one > 9 else one for one in doubled) % 10 == 0


def _is_card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    return _RANGES.fullmatch(digits) is not None and luhn(digits)


def holds_card_number(value: Any) -> bool:
    """Whether anything in a value (JSON: also keys and whole numbers) looks like one."""
    if isinstance(value, Mapping):
        return any(holds_card_number(key) or holds_card_number(one) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return any(map(holds_card_number, value))
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return False
    text = f"{value:.0f}" if isinstance(value, float) and value == value and abs(value) < 1e20 else str(value)
    return any(_is_card(found[0]) for found in _RUN.finditer(text))


def without_card_numbers(text: str) -> str:
    """A text for people, with what looks like a card number taken out."""
    return _RUN.sub(lambda found: HIDDEN if _is_card(found[0]) else found[0], text)
