"""Card numbers, told by their form, so that none enters a receipt (PCI DSS 4.0, requirement 3)."""

from __future__ import annotations

import re

# By ISO/IEC 7812-1: Visa, Mastercard and its second range, American Express and Diners and JCB, Maestro with Discover and UnionPay.
_ISSUERS = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|5[0-8]\d{14,17}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[0-9]\d{12,17}|6\d{15,18}|81\d{14,17}"
)


def is_card_number(text: str) -> bool:
    """Whether a text is one: digits, perhaps parted by blanks or hyphens, of an issuer's range, with a valid check digit (Luhn)."""
    digits = text.replace(" ", "").replace("-", "")
    if not digits.isascii() or not _ISSUERS.fullmatch(digits):
        return False
    doubled = [int(one) * 2 if place % 2 else int(one) for place, one in enumerate(reversed(digits))]
    return sum(one - 9 if one > 9 else one for one in doubled) % 10 == 0


def without_card(text: str | None) -> str | None:
    """A reference as it came; None when it is a card number."""
    return None if text is None or is_card_number(text) else text
