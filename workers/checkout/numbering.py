"""Receipt numbers of a till: consecutive, so that what was lost or withheld shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

LONGEST_GAP = 200


def read(receipt: str) -> tuple[str, int, int] | None:
    """Prefix, number and width of a receipt number; None for one without a number."""
    found = re.fullmatch(r"(.*?)(\d{1,15})", receipt)
    return (found[1], int(found[2]), len(found[2])) if found else None


def missing(last: Sequence[Any] | None, receipt: str) -> list[str]:
    """The numbers between the highest so far (prefix, number) and this one; none where another series begins or the leap is no gap."""
    now = read(receipt)
    if now is None or last is None or now[0] != last[0] or not 1 < now[1] - last[1] <= LONGEST_GAP:
        return []
    return [f"{now[0]}{number:0{now[2]}d}" for number in range(last[1] + 1, now[1])]


def highest(last: Sequence[Any] | None, receipt: str) -> list[Any] | None:
    """The highest number so far, this receipt's counted; a number that leaps or another prefix begins a new series."""
    now = read(receipt)
    if now is None:
        return None if last is None else list(last)
    behind = last is not None and now[0] == last[0] and last[1] - LONGEST_GAP <= now[1] <= last[1]
    return [last[0], last[1]] if behind and last is not None else [now[0], now[1]]
