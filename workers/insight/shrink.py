"""Stock loss between two counts of an item, and what most likely caused it.

An interval is plain JSON: {"from_s", "to_s", "start", "counted", "sums", "wastes", "recent"}; it lies after one count and up to the next,
both in seconds. `sums` are quantities (pieces, or kg of weighed goods) by what moved them, and the value of sales in minor units.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Literal

Interval = dict[str, Any]
Cause = Literal["swap", "receiving", "late_waste", "yield", "theft_or_unknown"]
FIELDS = ("received", "moved_in", "made", "returned", "paid_back", "moved_out", "sold", "waste", "sales_value")
EDGE = 1e-9
DAY_S = 86400.0


def begin(from_s: float | None = None, start: float = 0.0) -> Interval:
    """What follows a count; `from_s` is None before the first one."""
    return {"from_s": from_s, "to_s": None, "start": start, "counted": None, "sums": dict.fromkeys(FIELDS, 0), "wastes": [], "recent": []}


def add(interval: Interval, field: str, qty: float, t_s: float) -> None:
    interval["sums"][field] += qty
    if field == "waste":
        interval["wastes"].append([t_s, qty])


def remember(interval: Interval, field: str, qty: float, t_s: float, keep_s: float) -> None:
    """Add to the open interval what a count that is told late may still hand on to the next one."""
    add(interval, field, qty, t_s)
    recent = interval["recent"]
    del recent[: bisect_left(recent, t_s - keep_s, key=itemgetter(0))]
    insort(recent, [t_s, field, qty], key=itemgetter(0))


def close(interval: Interval, counted: float, t_s: float) -> Interval:
    """End an interval with a count; the one that follows it, with what moved later than the count."""
    following = begin(t_s, counted)
    for moved_s, field, qty in interval["recent"]:
        if moved_s > t_s:
            add(following, field, qty, moved_s)
            following["recent"].append([moved_s, field, qty])
            interval["sums"][field] -= qty
    interval["wastes"] = [one for one in interval["wastes"] if one[0] <= t_s]
    interval.update(to_s=t_s, counted=counted, recent=[])
    return following


def book(interval: Mapping[str, Any]) -> float:
    """What should be there. Goods brought back are told by the till, as a movement, or by both: the larger figure counts."""
    sums = interval["sums"]
    came = sums["received"] + sums["moved_in"] + sums["made"] + max(sums["returned"], sums["paid_back"])
    return float(round(interval["start"] + came - sums["moved_out"] - sums["sold"] - sums["waste"], 6))


def loss(interval: Mapping[str, Any]) -> float:
    """Book less counted; below 0 where stock was found."""
    return float(round(book(interval) - interval["counted"], 6))


def wasted_after(waste: list[list[float]], to_s: float, days: float) -> float:
    """Waste booked within so many days after a count."""
    return sum(qty for t_s, qty in waste if to_s < t_s <= to_s + days * DAY_S)


def cause_of(
    lost: float, sums: Mapping[str, float], *, case_pack: float | None, weighed: bool, later_waste: float, yield_pct: float
) -> Cause:
    """The first cause that fits a loss of one item by itself; a case of one piece says nothing."""
    if case_pack and case_pack > 1 and lost <= sums["received"] + EDGE and abs(lost / case_pack - round(lost / case_pack)) < EDGE:
        return "receiving"
    if later_waste >= lost - EDGE:
        return "late_waste"
    if weighed and lost <= sums["received"] * yield_pct / 100 + EDGE:
        return "yield"
    return "theft_or_unknown"


def swapped(lost: float, other: float, price: float | None, other_price: float | None, tol_pct: float) -> bool:
    """Whether another item's find is this one's loss: as many pieces, at about the same price."""
    if price is None or other_price is None or lost <= 0 or abs(lost + other) > EDGE:
        return False
    return abs(other_price - price) <= price * tol_pct / 100 + EDGE


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two closed intervals have time in common."""
    return bool(one["from_s"] < other["to_s"] and other["from_s"] < one["to_s"])
