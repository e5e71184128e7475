"""Labels that a scale printed lately: whether goods have theirs already.

A label is a plain dict, so that it can be kept: `gtin`, `net_g`, and when it was printed, `at` (RFC 3339).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from storeloom.core.kernel.events import parse_time

Label = dict[str, Any]


def recent(labels: Iterable[Label], now: datetime, within_s: float) -> list[Label]:
    """The labels printed at most so many seconds ago; none of them where that is 0."""
    return [one for one in labels if within_s and (now - parse_time(one["at"])).total_seconds() <= within_s]


def has_label(labels: Iterable[Label], gtin: str, net_g: float, interval_g: float) -> bool:
    """Whether one of the labels is for this item and weight, to within one interval of the scale."""
    return any(one["gtin"] == gtin and abs(one["net_g"] - net_g) <= interval_g for one in labels)
