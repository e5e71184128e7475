"""A chain of consents: every entry bears the hash of the one before it, so that none can be changed, taken out or put in unseen.

An entry's hash is SHA-256 over the previous hash (64 hex digits, zeros for the first) and the entry's canonical JSON. An entry names its
member by a salted hash; without the salt, which goes when a member's data are deleted, it leads back to nobody, and the chain still holds.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

FIRST = "0" * 64


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8: RFC 8785 for what holds no fractions and no keys beyond the basic plane."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def subject(member: str, salt: str) -> str:
    """How entries name a member."""
    return sha256(f"{salt}|{member}".encode()).hexdigest()


def entry_hash(previous: str, entry: Mapping[str, Any]) -> str:
    return sha256(previous.encode() + canonical(entry)).hexdigest()


def first_break(links: Iterable[Mapping[str, Any]]) -> int | None:
    """The place of the first link (`entry`, `hash`) that does not follow from the ones before it; None when the chain holds."""
    previous = FIRST
    for place, link in enumerate(links):
        previous = entry_hash(previous, link["entry"])
        if previous != link["hash"]:
            return place
    return None
