"""The night of a store, from some time after closing to some time before opening, and how much of it a camera watched."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from storeloom.core.kernel.hours import StoreHours

State = dict[str, Any]
LONGEST_REST = 30


class Night(NamedTuple):
    """`day` is the date of the trading day that it follows; days on which the store stays closed belong to one long night."""

    day: date
    start: datetime
    end: datetime


def night_of(hours: StoreHours, at: datetime, margin: timedelta) -> Night | None:
    """The night around an instant, its ends included; None in trading hours and near them, and for a store that never closes."""
    opens, today = hours.next_open(at), hours.store_day(at)
    days = [today - timedelta(days=back) for back in range(-1, LONGEST_REST)]
    closed = next(((day, span[1]) for day in days if (span := hours.day(day)) and span[1] <= at), None)
    if closed is None or opens is None or hours.is_open(at):
        return None
    night = Night(closed[0], closed[1] + margin, opens - margin)
    return night if night.start <= at <= night.end else None


def begin(start_s: float) -> State:
    return {"last_s": start_s, "dark": False, "watched_s": 0.0, "gaps": []}


def watched(state: State, t_s: float, dark: bool, offline_s: float) -> bool:
    """Count the time since a camera's last frame, in place: watched, or a gap where that frame was dark or is longer ago than `offline_s`.

    False, and nothing is counted, for a frame older than the last. Adjacent gaps are one.
    """
    passed_s = t_s - state["last_s"]
    if passed_s < 0:
        return False
    if state["dark"] or passed_s > offline_s:
        if state["gaps"] and state["gaps"][-1][1] == state["last_s"]:
            state["gaps"][-1][1] = t_s
        elif passed_s:
            state["gaps"].append([state["last_s"], t_s])
    else:
        state["watched_s"] += passed_s
    state["last_s"], state["dark"] = t_s, dark
    return True
