"""Members on their way to the store: when they arrive, who receives them, and how long they waited.

A visit is a mapping of plain JSON: `last` (last signal), `arrival`, `seen` (whether the arrival was seen, not reckoned).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from storeloom.core.kernel.events import parse_time

Visit = Mapping[str, Any]
GUIDE_ROLES = frozenset({"guide", "shopping_guide", "sales", "stylist", "adviser", "advisor"})
"""Roles of the table `staff` that look after customers."""


@dataclass(frozen=True, slots=True)
class Guide:
    """Somebody who could receive: the brands and zones of the place, receptions that are open, and idle since when."""

    staff: str
    places: frozenset[str]
    open: int
    idle_since: datetime


def is_same_visit(visit: Visit, at: datetime, gap: timedelta) -> bool:
    """Whether a signal lies closer than `gap` to the last one of a visit."""
    return abs(at - parse_time(visit["last"])) < gap


def sharper(visit: Visit, arrival: datetime, seen: bool, at: datetime) -> bool:
    """Whether a signal at a time tells the arrival better than what a visit has: seen before reckoned, and nothing after it came about."""
    return not visit["seen"] and (seen or parse_time(visit["arrival"]) > at)


def receiver(guides: Iterable[Guide], places: Collection[str], most: int, not_these: Collection[str] = ()) -> str | None:
    """Who receives: fewest open receptions under `most`, then longest idle, then id; of the same places where any are known."""
    fit = [one for one in guides if one.open < most and one.staff not in not_these and (not places or one.places & set(places))]
    return min(fit, key=lambda one: (one.open, one.idle_since, one.staff)).staff if fit else None


def wait_min(arrival: datetime, taken: datetime) -> float:
    """Minutes that a member waited; none where the guide was ready before."""
    return max(0.0, (taken - arrival) / timedelta(minutes=1))


def rows(taken: Mapping[str, Sequence[float | None]], sla_min: float) -> list[dict[str, Any]]:
    """Receptions by guide: how many, the median wait, and the percentage on time; a wait of None was never taken."""
    found = []
    for guide in sorted(taken):
        waits = [wait for wait in taken[guide] if wait is not None]
        on_time = 100 * sum(wait <= sla_min for wait in waits) / len(taken[guide])
        found.append(
            {"guide": guide, "receptions": len(taken[guide]), "on_time": on_time} | ({"median_wait": median(waits)} if waits else {})
        )
    return found
