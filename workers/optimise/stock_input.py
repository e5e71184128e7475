"""What orders and prices are worked out from, checked: all faults at once, in zh and en."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding

Floats = NDArray[np.float64]
MOST = 1e9


class OrderFault(ValueError):
    """Demand, prices or rules that no honest order or price can be made of; `findings` holds all that is wrong."""

    def __init__(self, findings: Finding | Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(f"{one.text()} {one.fix()}".strip() for one in self.findings))


def complain(findings: Sequence[Finding]) -> None:
    """Raise where anything was found."""
    if findings:
        raise OrderFault(findings)


def setting(name: str, got: object, allowed: str, met: bool) -> list[Finding]:
    """A finding where a setting lies outside what is `allowed` (a range or a list, in signs that both languages read)."""
    return [] if met else [Finding("SL-ORD-04", {"setting": name, "got": got, "allowed": allowed})]


def wrong(what: str, got: tuple[str, str], count: int, allowed: tuple[str, str]) -> list[Finding]:
    """A finding where `count` is above nought; words as (en, zh)."""
    if not count:
        return []
    words = {"got": {"en": got[0], "zh": got[1]}, "allowed": {"en": allowed[0], "zh": allowed[1]}}
    return [Finding("SL-ORD-02", {"what": what, "count": count, **words})]


def needed(what: tuple[str, str], count: int, least: int) -> list[Finding]:
    """A finding where there are fewer than `least`; words as (en, zh)."""
    if count >= least:
        return []
    return [Finding("SL-ORD-03", {"what": {"en": what[0], "zh": what[1]}, "count": count, "least": least})]


def quantities(name: str, values: Any) -> tuple[Floats, list[Finding]]:
    """Quantities as floats, NaN where missing, with what is wrong: text, negative, infinite or huge ones."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0), wrong(name, ("text", "文字"), len(values), ("numbers", "数值"))
    found = wrong(name, ("negative values", "负数"), int(np.sum(array < 0)), ("0 or more", "0 及以上"))
    huge = int(np.sum(~np.isnan(array) & ~(np.abs(array) <= MOST)))
    return array, found + wrong(name, ("infinite or huge values", "无穷或过大的数"), huge, (f"up to {MOST:g}", f"不超过 {MOST:g}"))


def history(name: str, values: Any, least: int = 2) -> Floats:
    """Demand of days that could show it: nulls left out. Raises `OrderFault` where values are wrong or fewer than `least` remain."""
    array, found = quantities(name, values)
    known = array.ravel()[~np.isnan(array.ravel())]
    complain(found or needed(("days of demand", "需求天数"), known.size, least))
    return known
