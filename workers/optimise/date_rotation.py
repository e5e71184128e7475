"""Date rotation on a shelf: first expired, first out. The front pack of an item may not expire after one behind it.

A scan is plain JSON: `{"key", "expiry", "position", "at"}`: the item, its date (ISO 8601), `front` or `rear`, and when it was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time

Scan = dict[str, Any]
PAIR_WITHIN = timedelta(minutes=5)


def judge(scan: Scan, before: Scan | None, behind: Iterable[str]) -> tuple[bool | None, Scan | None]:
    """Whether a scan shows a fault, None where it shows nothing; and the scan to hold the next one against, None once it made a pair.

    `before`: the reader's last scan, which makes a pair with one of the same item at the other position within five minutes; a scan that
    names no position is the rear one after a front, else the front. `behind`: dates known to be there; a front pack without a pair is held
    against the earliest of them.
    """
    if before and (before["key"] != scan["key"] or parse_time(scan["at"]) - parse_time(before["at"]) > PAIR_WITHIN):
        before = None
    position = scan.get("position") or ("rear" if before and before["position"] == "front" else "front")
    if before and before["position"] != position:
        front, rear = (scan, before) if position == "front" else (before, scan)
        return front["expiry"] > rear["expiry"], None
    earliest = min(behind, default=None)
    faulty = scan["expiry"] > earliest if position == "front" and earliest is not None else None
    return faulty, {**scan, "position": position}
