"""Handheld tills: what discount a person may give, when a queue is long, which numbers are used once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from storeloom.workers import gs1
from storeloom.workers.gs1 import epc


def discount_limit(person: Mapping[str, Any] | None, limits: Mapping[str, float]) -> float:
    """Largest manual discount (%) of a person by the roles and the grade of their row in the table `staff`; 0 for nobody."""
    row = person or {}
    return max((limits.get(role, 0) for role in [*(row.get("roles") or ()), row.get("grade")] if role), default=0)


def may_give(amount: int, gross: int, limit_pct: float) -> bool:
    """Whether a discount on a line of `gross` (minor units) stays within a percentage, exactly."""
    return amount * 100 <= Fraction(str(limit_pct)) * gross


def waiting_per_till(zones: Iterable[Mapping[str, Any]]) -> float:
    """People waiting over the tills that are open: zones with `queue` and `staff`; a till is open with somebody at it. With none open
    the people count as at one."""
    rows = list(zones)
    waiting: float = sum(row["queue"] for row in rows)
    return waiting / max(1, len([row for row in rows if row["staff"] >= 1]))


def unique_number(code: str | None, gtin: str | None, serial: str | None) -> str | None:
    """What stands for one piece alone: an EPC, or a GTIN with its serial number; None for goods without."""
    if code and (tag := epc.sgtin(code)):
        return f"{gs1.item_key(tag.gtin)}|{tag.serial}"
    return f"{gs1.item_key(gtin)}|{serial}" if gtin and serial else None
