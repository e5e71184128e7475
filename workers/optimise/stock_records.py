"""Stock records held against counts: what the book says at a moment, how likely it is wrong, and what a difference comes from.

A record is plain JSON: `{"places", "moves"}`: counted quantities by place as [quantity, RFC 3339 time], and the changes since as
[time, units], by event time. A record may be negative, which shows that it is wrong.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, stamp

Record = dict[str, Any]
KEPT = timedelta(days=7)
WEEKS = 4
HISTORY = timedelta(weeks=WEEKS)


def new() -> Record:
    return {"places": {}, "moves": []}


def count(record: Record, place: str, qty: float, at: datetime) -> None:
    """A figure for a place; one of the whole store replaces those of shelf and backroom, and they replace it. An older one is ignored."""
    places = record["places"]
    if any(parse_time(known[1]) > at for name, known in places.items() if name == place or "store" in (name, place)):
        return
    for name in [name for name in places if (name == "store") != (place == "store")]:
        del places[name]
    places[place] = [qty, stamp(at)]


def move(record: Record, units: float, at: datetime) -> None:
    """A sale (below 0), receipt or other movement; what a count knows goes, and what is a week older than it goes into the figures."""
    moves = record["moves"]
    insort(moves, [stamp(at), units], key=_moved)
    since, old = _since(record), at - KEPT
    over = bisect_right(moves, stamp(old), key=_moved)
    counted = 0 if since is None else bisect_right(moves, stamp(since), key=_moved)
    if since is not None and counted < over:
        name = max(record["places"], key=lambda place: record["places"][place][1])
        gone = moves[counted:over]
        record["places"][name] = [record["places"][name][0] + sum(row[1] for row in gone), gone[-1][0]]
    del moves[: max(over, counted)]


def _moved(row: list[Any]) -> str:
    return str(row[0])


def on_hand(record: Record, at: datetime) -> float | None:
    """The book at a moment: what was counted, and the movements after the latest count up to then; None where nothing was counted."""
    since = _since(record)
    if since is None:
        return None
    counted, moves = sum(known[0] for known in record["places"].values()), record["moves"]
    first, last = (bisect_right(moves, stamp(bound), key=_moved) for bound in (since, at))
    return float(counted + sum(units for _, units in moves[first:last]))


def sold(days: dict[str, float], day: date, units: float) -> None:
    """Add units to the sales of a store day; days that no week's mean asks for any longer go."""
    if day.isoformat() not in days:
        for old in [one for one in days if date.fromisoformat(one) < day - HISTORY]:
            del days[old]
    days[day.isoformat()] = days.get(day.isoformat(), 0) + units


def weekly(days: Mapping[str, float], today: date) -> float:
    """Units a week of the last four weeks, with what sold today."""
    return sum(units for day, units in days.items() if today - HISTORY <= date.fromisoformat(day)) / WEEKS


def _since(record: Record) -> datetime | None:
    return max((parse_time(known[1]) for known in record["places"].values()), default=None)


def chance_wrong(wrong: int, counts: int, prior: float, weight: float = 10) -> float:
    """Chance that a record of a class is wrong: the mean of a beta distribution whose prior weighs as much as `weight` counts."""
    return (weight * prior + wrong) / (weight + counts)


def is_silent(expected: float, least: float) -> bool:
    """Whether no sale at all, with `expected` units expected, is less likely than `least` (Poisson)."""
    return math.exp(-expected) < least


def is_accurate(difference: float, book: float, units: float, share: float) -> bool:
    """Within the larger of a number of units and a share of the book."""
    return abs(difference) <= max(units, share * abs(book)) + 1e-9


def cause(difference: float, others: Iterable[float], case_pack: float | None, announced: float, waste: float | None) -> str:
    """The probable cause of a difference (counted - book), the first that fits.

    `others`: differences of the category's other items of late; `announced`: units of deliveries that are due and not posted; `waste`:
    units of waste that was reported and not booked, None where none was.
    """
    if any(abs(difference + other) < 1e-9 for other in others):
        return "swap"
    cases = difference / case_pack if case_pack else 0
    if difference > 0 and case_pack and abs(cases - round(cases)) < 1e-9 and difference <= announced + 1e-9:
        return "unposted_delivery"
    if difference < 0 and waste is not None and -difference <= waste + 1e-9:
        return "unbooked_waste"
    return "unknown_loss"


def plan(items: Iterable[Mapping[str, Any]], minutes: float) -> list[Mapping[str, Any]]:
    """What to count: by rank, then score, as far as the minutes go; `{"rank", "score", "minutes", "gtin"}`, lower ranks first."""
    chosen, left = [], minutes
    for one in sorted(items, key=lambda item: (item["rank"], -item["score"], item["gtin"])):
        if one["minutes"] <= left + 1e-9:
            chosen.append(one)
            left -= one["minutes"]
    return chosen
