"""Ready food: batches on display that are good for a time, the part of a day's forecast that a stretch of time takes, and what to cook.

A display is plain JSON, `[{"ends", "qty"}]`: pieces and the RFC 3339 time to which they may lie there, what ends first in front. Holding
times as critical limits follow HACCP (Codex Alimentarius CXC 1-1969).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339

Display = list[dict[str, Any]]
TINY = 1e-9


def put_out(display: Display, qty: float, ends: datetime) -> None:
    """A batch that is good until `ends`."""
    display.append({"ends": rfc3339(ends), "qty": qty})
    display.sort(key=lambda batch: parse_time(batch["ends"]))


def sell(display: Display, units: float) -> None:
    """Pieces sold, of what ends first; more than lies there empties it."""
    for batch in display:
        taken = min(units, batch["qty"])
        batch["qty"] -= taken
        units -= taken
    display[:] = [batch for batch in display if batch["qty"] > 0]


def discard(display: Display, at: datetime) -> float:
    """Take out what is no longer good at a time; its pieces."""
    over: float = sum(batch["qty"] for batch in display if parse_time(batch["ends"]) <= at)
    display[:] = [batch for batch in display if parse_time(batch["ends"]) > at]
    return over


def good(display: Display, until: datetime) -> float:
    """Pieces that stay good to a time."""
    found: float = sum(batch["qty"] for batch in display if parse_time(batch["ends"]) >= until)
    return found


def share(windows: Iterable[tuple[datetime, datetime, float]], begin: datetime, end: datetime) -> float | None:
    """Share of a day's visitors (`windows`: from, to, visitors) that come between two times, windows in part by time; None without any."""
    known = list(windows)
    whole = sum(visitors for _, _, visitors in known)
    if whole <= 0:
        return None
    return sum(visitors * max(0.0, (min(stop, end) - max(start, begin)) / (stop - start)) for start, stop, visitors in known) / whole


def to_cook(need: float, batch: int, capacity: int) -> int:
    """Pieces in whole batches that meet a need, no more than an oven run takes; an oven smaller than a batch is filled."""
    return max(0, min(capacity // batch * batch or capacity, math.ceil(need / batch - TINY) * batch))


def corrected(ratio: float, sold: float, expected: float, sold_out: bool, weight: float) -> float:
    """Today's ratio of sold to forecast after a slot, as an exponentially weighted mean; a slot that sold out counts at least 1."""
    found = sold / expected
    return ratio + weight * ((max(1.0, found) if sold_out else found) - ratio)
