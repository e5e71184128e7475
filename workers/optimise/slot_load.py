"""Times of delivery and collection sold by what people can do: a slot's capacity, what is sold of it, and what it will want.

A slot is a plain record: {"sold": {ORDER: {"lines": left, "all": sold, "drop": bool}}, "came": {STEPS AHEAD: lines}, "closed": since or
None, "asked": bool}. Capacity is (lines or drops a slot) of people x pace x length; a slot of no capacity is full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import Any, NamedTuple

from storeloom.core.kernel.events import parse_time, rfc3339

Slot = dict[str, Any]
EDGE = 1e-9


class Room(NamedTuple):
    """What can be done in a slot: lines, and drops where riders are known."""

    lines: float
    drops: float | None


def empty() -> Slot:
    return {"sold": {}, "came": {}, "closed": None, "asked": False}


def committed(slot: Slot) -> tuple[int, int]:
    """Lines not yet picked and drops not yet made."""
    return sum(one["lines"] for one in slot["sold"].values()), sum(one["drop"] for one in slot["sold"].values())


def load(slot: Slot, room: Room, *, lines: int = 0, drop: bool = False) -> float:
    """Share of the room that is sold, of the tighter of lines and drops, with one more order if given; infinite where there is none."""
    sold, drops = committed(slot)
    shares = [_share(sold + lines, room.lines)]
    if room.drops is not None:
        shares.append(_share(drops + drop, room.drops))
    return max(shares)


def takes(slot: Slot, room: Room, lines: int, *, drop: bool, kept: float = 0.0) -> bool:
    """Whether an order of so many lines fits, a share of the lines `kept` from it."""
    sold, drops = committed(slot)
    fits = sold + lines <= room.lines * (1 - kept) + EDGE
    return fits and (room.drops is None or not drop or drops + 1 <= room.drops + EDGE)


def _share(sold: float, room: float) -> float:
    return sold / room if room > EDGE else (float("inf") if sold else 0.0)


def usual(weeks: Iterable[Mapping[str, int]], steps: int) -> float:
    """Lines that a slot usually still gets from so many steps before its begin on: the mean of the weeks that are known, 0 of none."""
    known = [sum(lines for ahead, lines in week.items() if int(ahead) <= steps) for week in weeks]
    return sum(known) / len(known) if known else 0.0


def hands(expected: float, room: float, pace: float) -> int:
    """People who are missing: each does `pace` lines in the slot."""
    return max(0, ceil((expected - room) / pace - EDGE)) if pace > 0 else 0


def work(book: dict[str, Any], who: str, begun: datetime, ended: datetime, told: Iterable[str]) -> None:
    """Enter work of this hour, `told` by its names: {"done", "seconds", "last", "told"}.

    What is told again counts once, and so does the time of work that overlaps what the same person did before.
    """
    new = set(told) - book["told"].keys()
    if not new:
        return
    book["told"] |= dict.fromkeys(sorted(new), True)
    last = book["last"].get(who)
    start = max(begun, parse_time(last)) if last else begun
    book["done"] += len(new)
    book["seconds"] += max(0.0, (ended - start).total_seconds())
    book["last"][who] = rfc3339(max(ended, start))


def idle() -> dict[str, Any]:
    """An hour in which nothing was done yet."""
    return {"done": 0, "seconds": 0.0, "last": {}, "told": {}}


def learn(pace: float | None, book: Mapping[str, Any], weight: float) -> float | None:
    """The pace (an hour and person) after an hour: an exponentially weighted mean; an hour of no work teaches nothing."""
    if not book["done"] or book["seconds"] <= 0:
        return pace
    newest: float = book["done"] / book["seconds"] * 3600
    return newest if pace is None else pace + weight * (newest - pace)
