"""Checkout lanes as plain values: who is there, whether it was ordered to open or told to close, and since when.

Times in a lane are RFC 3339 text. `staff` and `queue` are the last seen, `before` the staff at the order, `by` the person sent,
`ours` a lane that an order opened, `since` the beginning of its present opening.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, stamp

Lane = dict[str, Any]
ORDER_LAPSES = timedelta(minutes=7)


def new() -> Lane:
    """A lane of which nothing is known."""
    unknown = dict.fromkeys(("seen", "since", "ordered", "by"))
    return {"staff": 0, "queue": 0, "before": 0, "ours": False, "closing": False, **unknown}


def see_staff(lane: Lane, staff: int, at: datetime) -> None:
    """Who stands there now: an order is met once more staff is there than before it, and lapses when nobody comes."""
    lane.update(staff=staff, closing=lane["closing"] and staff >= lane["before"])
    if lane["ordered"] and staff > lane["before"]:
        lane["ordered"] = None
    lapse(lane, at)
    if not lane["ordered"]:
        lane["since"] = (lane["since"] or stamp(at)) if staff else None
        lane["ours"] = lane["ours"] and staff > 0


def lapse(lane: Lane, at: datetime) -> None:
    """Forget an order that nobody followed."""
    if lane["ordered"] and at - parse_time(lane["ordered"]) > ORDER_LAPSES:
        lane["ordered"] = None


def order(lane: Lane, by: str | None, at: datetime) -> None:
    """Somebody is sent to open it; from now on it counts as open."""
    lane.update(ordered=stamp(at), before=lane["staff"], since=stamp(at), by=by, ours=True, closing=False)


def close(lane: Lane) -> None:
    """It is told to close; until its staff leaves it no longer counts as open."""
    lane.update(ordered=None, by=None, ours=False, since=None, closing=lane["staff"] > 0, before=lane["staff"])


def may_close(lane: Lane, at: datetime, least_open: timedelta, silent_after: timedelta) -> bool:
    """Whether it has been open long enough and nobody waits, as far as its camera tells."""
    if lane["since"] and at - parse_time(lane["since"]) < least_open:
        return False
    return not lane["queue"] or not lane["seen"] or at - parse_time(lane["seen"]) > silent_after


def start_day(lane: Lane) -> None:
    """Orders of the day before no longer hold."""
    lane.update(ordered=None, ours=False, closing=False, since=lane["since"] if lane["staff"] else None)


def manned(known: Mapping[str, Lane], *, single: bool) -> dict[str, Lane]:
    """Lanes that count as open, by name, in order of opening. A `single` zone stands for all lanes of a store and is always among them."""
    counted = {name: lane for name, lane in known.items() if single or (not lane["closing"] and (lane["staff"] or lane["ordered"]))}
    return dict(sorted(counted.items(), key=lambda item: (item[1]["since"] or item[1]["ordered"] or "", item[0])))


def count(counted: Mapping[str, Lane], *, single: bool) -> int:
    """How many lanes are open; the staff of a `single` zone tells."""
    if single:
        return sum(lane["staff"] + bool(lane["ordered"]) - lane["closing"] for lane in counted.values())
    return len(counted)


def waiting(known: Mapping[str, Lane], at: datetime, silent_after: timedelta) -> int | None:
    """People waiting at lanes whose cameras have reported lately; None when none has."""
    fresh = [lane["queue"] for lane in known.values() if lane["seen"] and at - parse_time(lane["seen"]) <= silent_after]
    return sum(fresh) if fresh else None


def to_close(counted: Mapping[str, Lane], at: datetime, least_open: timedelta, silent_after: timedelta, *, only_ours: bool) -> str | None:
    """The lane to close, of lanes in order of opening: the latest that an order opened, else the latest that may."""
    ours = [name for name, lane in counted.items() if lane["ours"]]
    names = ours[-1:] or ([] if only_ours else list(counted)[::-1])
    return next((name for name in names if may_close(counted[name], at, least_open, silent_after)), None)
