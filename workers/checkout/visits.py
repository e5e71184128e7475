"""Visits to a store without tills: who comes in on a code, who belongs to it, who leaves, and what the visit took.

A visit is plain JSON: {"session", "payer", "gate", "entered", "opened" (the gate, last), "left", "passed", "out" (people counted at the
gate), "people" (names), "takings": [[gtin, qty, price, time]]}. Times are RFC 3339, prices minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, plain

Visit = dict[str, Any]
JOIN = timedelta(seconds=15)


def begin(session: str, payer: str, gate: str, at: datetime) -> Visit:
    return {
        "session": session, "payer": payer, "gate": gate, "entered": plain(at), "opened": plain(at), "left": None, "passed": 0, "out": 0,
        "people": [], "takings": [],
    }  # fmt: skip


def inside(visits: Iterable[Visit]) -> list[Visit]:
    """The visits that have not left, the first to come first."""
    return sorted((visit for visit in visits if not visit["left"]), key=lambda visit: parse_time(visit["entered"]))


def heads(visit: Visit) -> int:
    """People of a visit: as the gate counts them, else as they were seen, at least one."""
    return visit["passed"] or max(1, len(visit["people"]))


def came_in(visits: Sequence[Visit], credential: str | None, count: int) -> None:
    """Count people who passed the gate: for the credential's visit, else the first that nobody passed for, else the last let in."""
    named = [visit for visit in visits if credential and visit["payer"] == credential]
    first = [visit for visit in visits if not visit["passed"]]
    for visit in (named or first or sorted(visits, key=lambda one: parse_time(one["opened"]))[-1:])[:1]:
        visit["passed"] += count


def waiting(visits: Sequence[Visit], at: datetime) -> Visit | None:
    """The visit that somebody new belongs to: one of which nobody was seen yet, else the last that was let in just now."""
    let_in = [visit for visit in visits if parse_time(visit["opened"]) <= at]
    first = [visit for visit in let_in if not visit["people"]]
    late = [visit for visit in let_in if at - parse_time(visit["opened"]) <= JOIN]
    return first[0] if first else max(late, key=lambda visit: parse_time(visit["opened"]), default=None)


def out_of_sight(visits: Iterable[Visit], seen_s: Mapping[str, float], frame_s: float) -> list[Visit]:
    """Visits of whose people none was in the newest frame; `seen_s` is the last sight of each person."""
    return [visit for visit in visits if visit["people"] and all(seen_s[name] < frame_s for name in visit["people"])]


def leaver(visits: Sequence[Visit], credential: str | None, at_exit: Sequence[Visit], unseen: Sequence[Visit]) -> Visit | None:
    """Who passed out: the credential's visit, else the one at the exit, the only one inside, the only one out of sight; None if unsure."""
    named = [visit for visit in visits if credential and credential in (visit["payer"], visit["session"])]
    return next((found[0] for found in (named, at_exit, visits, unseen) if len(found) == 1), None)


def counted(takings: Iterable[Sequence[Any]]) -> list[tuple[str, int, int, str]]:
    """Takings by product and price: (gtin, price, pieces, time of the first)."""
    found: dict[tuple[str, int], tuple[int, str]] = {}
    for gtin, qty, price, at in takings:
        pieces, first = found.get((gtin, price), (0, at))
        found[gtin, price] = pieces + qty, first
    return [(gtin, price, pieces, first) for (gtin, price), (pieces, first) in found.items()]
