"""Leads: how warm they are, whom they go to, and what the rooms and accounts that they came from have kept.

A score fades by half every half-life, as exponentially discounted counts do (Gardner, Journal of Forecasting 4, 1985). A lead, and a book
of a room or account, are plain JSON.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from storeloom.core.kernel.events import parse_time, rfc3339, stamp

Lead = dict[str, Any]
Book = dict[str, Any]
Tier = Literal["cold", "warm", "hot"]
DAY_S = 86_400


def new_lead(at: datetime, source: str) -> Lead:
    """`sent`: contents that it got; `ended`: an order was placed; `hot`: whether it ever was, and whether it then bought."""
    now = rfc3339(at)
    return {
        "score": 0.0,
        "at": now,
        "entered": now,
        "source": source,
        "tier": None,
        "sent": 0,
        "ended": False,
        "hot": None,
        "consent": None,
    }


def faded(score: float, since: datetime, at: datetime, half_life_d: float) -> float:
    """What is left of a score after a time."""
    return score * math.exp2(-(at - since).total_seconds() / DAY_S / half_life_d)


def add(lead: Lead, weight: float, at: datetime, half_life_d: float) -> float:
    """Enter an action of a time, which may lie before the last one; the score as of the later of the two."""
    last = parse_time(lead["at"])
    if at >= last:
        lead["score"], lead["at"] = faded(lead["score"], last, at, half_life_d) + weight, rfc3339(at)
    else:
        lead["score"] += faded(weight, at, last, half_life_d)
    return float(lead["score"])


def merge(lead: Lead, other: Lead, half_life_d: float) -> None:
    """Take another lead into one: both scores, the entry and source of the first, and what either got."""
    add(lead, other["score"], parse_time(other["at"]), half_life_d)
    if parse_time(other["entered"]) < parse_time(lead["entered"]):
        lead |= {"entered": other["entered"], "source": other["source"]}
    lead |= {"sent": max(lead["sent"], other["sent"]), "ended": lead["ended"] or other["ended"], "hot": lead["hot"] or other["hot"]}
    lead["consent"] = other["consent"] if lead["consent"] is None else lead["consent"]


def tier(score: float, warm_at: float, hot_at: float) -> Tier:
    """Scores that differ from a limit by rounding alone have reached it."""
    rounded = round(score, 9)
    return "cold" if rounded < warm_at else "warm" if rounded < hot_at else "hot"


def next_holder(present: Iterable[str], held: Mapping[str, int], tried: Collection[str], current: str | None) -> str | None:
    """Who of those present has the fewest leads: not the current holder, of equals first who has not had this one, then by name."""
    rest = [one for one in present if one != current]
    return min(rest, key=lambda one: (held.get(one, 0), one in tried, one), default=None)


def new_book(at: datetime) -> Book:
    """Of a room or account: first sight of each viewer, who was kept, viewers as the platform counted them, orders."""
    return {"seen": {}, "kept": {}, "counted": 0, "orders": {}, "told_orders": 0, "last": stamp(at)}


def see(book: Book, who: str | None, at: datetime) -> None:
    book["last"] = max(book["last"], stamp(at))
    if who is not None:
        book["seen"].setdefault(who, rfc3339(at))


def keep(book: Book, who: str, at: datetime, retain_days: int) -> bool:
    """Whether a viewer's joining counts: the first, within the days after the first sight."""
    first = book["seen"].get(who)
    counts = first is not None and who not in book["kept"] and timedelta(0) <= at - parse_time(first) <= timedelta(days=retain_days)
    if counts:
        book["kept"][who] = 1
    return counts


def viewers(book: Book) -> int:
    """Viewers: those seen, or more where the platform counted more."""
    return max(len(book["seen"]), int(book["counted"]))


def account(book: Book, cost: float | None) -> dict[str, float]:
    """Viewers, kept, orders, and where they can be told the share kept in percent and the cost of a kept lead."""
    seen, kept = viewers(book), len(book["kept"])
    row: dict[str, float] = {"viewers": seen, "kept": kept, "orders": max(len(book["orders"]), book["told_orders"])}
    if seen:
        row["kept_rate"] = 100 * kept / seen
    if cost is not None:
        row |= {"cost": cost} | ({"cost_per_lead": cost / kept} if kept else {})
    return row
