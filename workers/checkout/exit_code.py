"""The code of a paid receipt that opens the exit, and the draw of who is checked there.

A code is `receipt.total.paid.checked.mac`: total in minor units, paid in Unix seconds, checked 0 or 1, mac the first 16 hexadecimal digits
of HMAC-SHA256 (RFC 2104, truncated by its section 5) of what stands before the last dot. A receipt number may hold dots itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

MAC_DIGITS, DRAW_DIGITS, DRAW_RANGE = 16, 8, 2**32


class ExitCode(NamedTuple):
    """What a code says: `total` in minor units, whether the goods were checked before."""

    receipt: str
    total: int
    paid: datetime
    checked: bool


def sign(receipt: str, total: int, paid: datetime, checked: bool, secret: str) -> str:
    body = f"{receipt}.{total}.{int(paid.timestamp())}.{int(checked)}"
    return f"{body}.{_mac(body, secret)}"


def read(code: str, secret: str) -> ExitCode | None:
    """What a code says; None for one that was not signed with the secret."""
    body, _, mac = code.strip().rpartition(".")
    parts = body.rsplit(".", 3)
    if len(parts) != 4 or not hmac.compare_digest(mac.lower().encode(), _mac(body, secret).encode()):
        return None
    receipt, total, paid, checked = parts
    if not (receipt and total.lstrip("-").isdecimal() and paid.isdecimal() and checked in ("0", "1")):
        return None
    return ExitCode(receipt, int(total), datetime.fromtimestamp(int(paid), UTC), checked == "1")


def _mac(body: str, secret: str) -> str:
    return hmac.digest(secret.encode(), body.encode(), "sha256").hex()[:MAC_DIGITS]


def draw(receipt: str) -> float:
    """A number in [0, 1) that anyone can work out again: the first 8 hexadecimal digits of SHA-256(receipt) over 2^32."""
    return int(hashlib.sha256(receipt.encode()).hexdigest()[:DRAW_DIGITS], 16) / DRAW_RANGE


def dearest(lines: Iterable[Mapping[str, Any]], pieces: int) -> list[dict[str, Any]]:
    """So many pieces of a receipt to look at, the dearest first: `gtin` and `qty`. A weighed line is one piece."""
    left, found = pieces, []
    for line in sorted(lines, key=lambda line: (-(line["amount"] if line.get("per_kg") else line["price"]), line["line"])):
        qty = min(left, 1 if line.get("per_kg") else max(1, int(line["qty"])))
        if left > 0:
            found.append({"gtin": line["gtin"], "qty": qty})
        left -= qty
    return found
