"""A post that should be manned: absences with the moment of a return confirmed, and time of which nothing is known.

State is JSON; times are seconds. A look tells whether too few are there; what it says holds until the next one, unless that comes later
than the camera's time-out: the time between is unknown then, ends an absence that was not told yet and leaves one that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

State = dict[str, Any]
Spans = Sequence[tuple[float, float]]
NEW: State = {"last_s": None, "from_s": None, "back_s": None, "told": False, "absent_s": 0.0, "unknown_s": 0.0}
NEW |= {"away_s": 0.0, "maybe_s": 0.0}


def overlap(spans: Spans, start: float, end: float) -> float:
    """Seconds of [start, end) within disjoint spans."""
    return sum(max(0.0, min(end, stop) - max(start, begin)) for begin, stop in spans)


def without(spans: Spans, breaks: Spans) -> list[tuple[float, float]]:
    """Spans with the breaks taken out."""
    for start, end in breaks:
        spans = [piece for a, b in spans for piece in ((a, min(b, start)), (max(a, end), b)) if piece[0] < piece[1]]
    return [(a, b) for a, b in spans]


def advance(state: State, duty: Spans, t_s: float, timeout_s: float) -> None:
    """Count the time since the last look as what that look said, up to `t_s`, in place.

    `absent_s` and `unknown_s` add up the duty; `away_s` is the absence at hand, `maybe_s` its time since a return that is not confirmed.
    """
    last = state["last_s"]
    if last is None:
        first = min((start for start, _ in duty), default=t_s)
        state["unknown_s"] += overlap(duty, first, t_s)
    elif t_s - last > timeout_s:
        state["unknown_s"] += overlap(duty, last, t_s)
        if not state["told"]:
            close(state)
        state["back_s"], state["maybe_s"] = None, 0.0
    else:
        seconds = overlap(duty, last, t_s)
        if state["back_s"] is not None:
            state["maybe_s"] += seconds
        elif state["from_s"] is not None:
            state["away_s"] += seconds
            state["absent_s"] += seconds
    state["last_s"] = t_s if last is None else max(last, t_s)


def look(state: State, t_s: float, short: bool) -> str | None:
    """Take what a look on duty says; `began` where an absence begins with it, `back` where someone may have returned."""
    if short:
        broken, state["back_s"] = state["back_s"] is not None, None
        if broken:
            state["away_s"] += state["maybe_s"]
            state["absent_s"] += state["maybe_s"]
            state["maybe_s"] = 0.0
        if state["from_s"] is None:
            state.update(from_s=t_s, away_s=0.0, maybe_s=0.0, told=False)
            return "began"
    elif state["from_s"] is not None and state["back_s"] is None:
        state["back_s"] = t_s
        return "back"
    return None


def close(state: State) -> None:
    """End the absence at hand; what came after an unconfirmed return counts as presence."""
    state.update(from_s=None, back_s=None, told=False, away_s=0.0, maybe_s=0.0)
