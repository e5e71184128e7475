"""Vendor-managed stock: how much of a supplier's proposal keeps within the agreed cover, and what to order where it proposes nothing.

Cover is stock over the mean forecast of a day; the band of least and greatest cover is what such agreements set (Disney and Towill, "A
discrete transfer function model to determine the dynamic stability of a vendor managed inventory supply chain", 2002, call it (s, S)).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

TINY = 1e-6
Sent = Mapping[str, Mapping[str, float]]
"""Lines of a dispatch notice by gtin: units `told` and `received`."""


def accepted(proposed: float, have: float, daily: float, max_cover: float, case: float) -> float:
    """The proposal where stock with it stays within the greatest cover, else the most whole cases that do."""
    if have + proposed <= max_cover * daily + TINY:
        return proposed
    return max(0, math.floor((max_cover * daily - have) / case + TINY)) * case


def own_proposal(arriving: float, daily: float, min_cover: float, case: float) -> float:
    """Whole cases that lift the stock at arrival to the least cover; 0 where it has it."""
    return max(0, math.ceil((min_cover * daily - arriving) / case - TINY)) * case


def differences(lines: Sent, cases: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Units told and received of the lines that differ by a case or more."""
    return {
        gtin: (line["told"], line["received"]) for gtin, line in lines.items() if abs(line["told"] - line["received"]) >= cases[gtin] - TINY
    }


def nearest_notice(notices: Mapping[str, Mapping[str, Any]], gtin: str, order: str | None) -> str | None:
    """The notice that a receipt answers: the one that it or its order names, else the first that told of the item."""
    told = [name for name, notice in notices.items() if gtin in notice["lines"]]
    named = [name for name in told if order is not None and order in (name, notices[name]["order"])]
    return next(iter(named or told), None)
