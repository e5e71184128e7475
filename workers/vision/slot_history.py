"""The state of a slot over time, by readings that must agree before it changes; pure, on JSON and times.

A slot's history is an entry {"state", "since", "settled", "seen", "run"}: `settled` is the time up to which its minutes are counted, `run`
the readings that differ from the state and wait for others to agree. A change dates back to the first reading that showed it, so minutes
are counted only once it is certain in which state they were spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339

Entry = dict[str, Any]
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Span:
    """Time that a slot spent in a state."""

    state: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Turn:
    """A change of state: dated back to the first reading that showed it; `was` held since `began`."""

    state: str
    since: datetime
    was: str
    began: datetime


def begin(at: datetime) -> Entry:
    """The history of a slot that nothing is known of."""
    stamp = rfc3339(at)
    return {"state": UNKNOWN, "since": stamp, "settled": stamp, "seen": stamp, "run": None}


def follow(entry: Entry, reading: str, at: datetime, confirm: int) -> tuple[Turn | None, list[Span]]:
    """Enter a reading: a state changes with the `confirm`-th equal reading in a row and dates back to the first of them.

    Gives the change, where there is one, and the time of which it is now certain in which state it was spent.
    """
    entry["seen"] = rfc3339(at)
    if reading == entry["state"]:
        entry["run"] = None
        return None, _settle(entry, at)
    run = entry["run"]
    if run is None or run["state"] != reading:
        run = entry["run"] = {"state": reading, "from": rfc3339(at), "count": 0}
    run["count"] += 1
    spans = _settle(entry, parse_time(run["from"]))
    if run["count"] < confirm:
        return None, spans
    turn = _turn(entry, reading, parse_time(run["from"]))
    return turn, spans + _settle(entry, at)


def expire(entry: Entry, at: datetime) -> tuple[Turn | None, list[Span]]:
    """No reading for too long: from `at` on nothing is known of the slot."""
    spans = _settle(entry, at)
    entry["run"] = None
    return (_turn(entry, UNKNOWN, at) if entry["state"] != UNKNOWN else None), spans


def settle(entry: Entry, at: datetime) -> list[Span]:
    """Time up to `at` of which it is certain in which state it was spent: what waits for confirmation is left open."""
    return _settle(entry, at if entry["run"] is None else min(at, parse_time(entry["run"]["from"])))


def minutes(spans: Iterable[Span], open_seconds: Callable[[datetime, datetime], float], *states: str) -> float:
    """Minutes of opening hours that spans spent in these states; `open_seconds` is that of the store's hours."""
    return sum(open_seconds(span.start, span.end) for span in spans if span.state in states) / 60


def _turn(entry: Entry, state: str, since: datetime) -> Turn:
    turn = Turn(state, since, entry["state"], parse_time(entry["since"]))
    entry.update(state=state, since=rfc3339(since), run=None)
    return turn


def _settle(entry: Entry, end: datetime) -> list[Span]:
    start = parse_time(entry["settled"])
    if end <= start:
        return []
    entry["settled"] = rfc3339(end)
    return [Span(entry["state"], start, end)]
