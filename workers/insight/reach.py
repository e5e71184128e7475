"""Whether and where a member may be written to, by a row of the table `members`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
DEFAULT_CHANNEL = "mini_program"


def channel_of(member: Row | None) -> str:
    """The channel that a member agreed to first, else the first that has an address, else the shop's own mini program."""
    row = member or {}
    agreed = (row.get("consents") or {}).get("messaging") or row.get("channels") or (DEFAULT_CHANNEL,)
    return str(next(iter(agreed)))


def refuses(member: Row | None, purposes: Iterable[str]) -> bool:
    """Whether a member has left or said no to one of these purposes; who was never asked has not."""
    row = member or {}
    consents = row.get("consents") or {}
    return bool(row.get("left")) or any(consents.get(purpose) is False for purpose in purposes)
