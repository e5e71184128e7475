"""What a virtual store gives to a bundle: facts, and the times written inside them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.events import Fact

__all__ = ["DAY", "HOUR", "MINUTE", "Fact", "Row", "Tables", "at_local", "gtin13", "iso", "moment"]

Row = dict[str, Any]
Tables = dict[str, list[Row]]

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0


def moment(stamp: float) -> datetime:
    """UTC datetime of an epoch second, to the millisecond."""
    return datetime.fromtimestamp(round(stamp, 3), UTC)


def iso(stamp: float) -> str:
    """RFC 3339 text in UTC of an epoch second, to the second."""
    return datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def at_local(day: date, clock: str, zone: ZoneInfo) -> float:
    """Epoch second of a wall-clock time "HH:MM" on a store day; "24:00" is the next midnight."""
    hour, minute = (int(part) for part in clock.split(":")[:2])
    if hour == 24:
        day, hour = day + timedelta(days=1), 0
    return datetime.combine(day, time(hour, minute), zone).timestamp()


def gtin13(body: str) -> str:
    """Twelve digits with their GS1 modulo-10 check digit appended. Raises ValueError for anything but twelve digits."""
    if len(body) != 12 or not body.isdigit():
        raise ValueError(f"a GTIN-13 body has 12 digits, got {body!r}")
    total = sum(int(digit) * (3 if position % 2 else 1) for position, digit in enumerate(body))
    return body + str(-total % 10)
