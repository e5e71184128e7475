"""No card number comes in with a receipt: what looks like one, or is called one, is refused before it is stored anywhere.

Numbers of goods and receipts are as long, and one in ten has a right check digit: the fields that hold them are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from storeloom.hardware_adapters.links.card_numbers import holds_card_number

NAMED = frozenset({"pan", "cardnumber", "cardno", "cardnum", "track1", "track2", "cvv", "cvc", "cvv2", "cvc2", "pin", "pinblock"})
IDENTIFIERS = frozenset({"gtin", "epc", "receipt", "original", "lot", "code", "serial", "sscc", "order", "time", "promo", "line"})


def card_at(data: Any, at: str = "") -> str | None:
    """Where in some data a card number stands, None where there is none; the number itself is never given."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            place = f"{at}.{key}" if at else str(key)
            if re.sub(r"[^a-z0-9]", "", str(key).lower()) in NAMED and value not in (None, ""):
                return place
            found = None if key in IDENTIFIERS else card_at(value, place)
            if found is not None:
                return found
        return None
    if isinstance(data, (list, tuple)):
        return next((found for place, value in enumerate(data) if (found := card_at(value, f"{at}[{place}]")) is not None), None)
    return at if holds_card_number(data) else None
