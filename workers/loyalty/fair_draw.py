"""Draws that anyone can check: a commitment to a seed before the entries, an order of the entries that the seed alone decides, the seed
after.

The commitment is SHA-256 of the seed's text; entries stand in ascending order of HMAC-SHA256 with the seed's text as key and the entry's
id as message (RFC 2104). The seed of a draw is itself derived, so that disclosing it tells nothing of the next one's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable


def seed_of(secret: str, *parts: str) -> str:
    """The seed (hexadecimal) of one draw: HMAC-SHA256 of what names it, under a secret."""
    return hmac.digest(secret.encode(), "|".join(parts).encode(), "sha256").hex()


def commitment(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def ticket(seed: str, entry: str) -> str:
    """What decides an entry's place, hexadecimal."""
    return hmac.digest(seed.encode(), entry.encode(), "sha256").hex()


def order(seed: str, entries: Iterable[str]) -> list[str]:
    """Entries from the first place to the last."""
    return sorted(entries, key=lambda entry: (ticket(seed, entry), entry))
