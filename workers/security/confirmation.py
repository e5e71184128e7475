"""Sequential confirmation: an alarm counts as confirmed when a second, different detector signals within the confirmation time (BS 8243).

One detector may be wrong, two seldom are at once. The window begins with the first signal; repeats of the same detector do not move it.
State is JSON: {"first_s", "last_s", "detectors": [id, ...] in order of their first signal, "confirmed": bool}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

State = dict[str, Any]
Step = Literal["opened", "repeated", "confirmed", "joined"]
EDGE_S = 1e-6


def ends_s(state: Mapping[str, Any], *, confirm_s: float, quiet_s: float) -> float:
    """Until when a signal belongs to it: its confirmation time, or `quiet_s` after the last signal of one that is confirmed."""
    return float(state["last_s"] + quiet_s if state["confirmed"] else state["first_s"] + confirm_s)


def signal(state: Mapping[str, Any] | None, detector: str, t_s: float, *, confirm_s: float, quiet_s: float) -> tuple[State, Step]:
    """Take one signal: it opens an incident where none is open any more, is a detector's repeat, confirms, or joins what is confirmed.

    Both ends of a window count. A signal that comes late, by its time before the first, belongs to what is open.
    """
    if state is None or t_s > ends_s(state, confirm_s=confirm_s, quiet_s=quiet_s) + EDGE_S:
        return {"first_s": t_s, "last_s": t_s, "detectors": [detector], "confirmed": False}, "opened"
    after: State = {**state, "last_s": max(state["last_s"], t_s)}
    if detector in state["detectors"]:
        return after, "repeated"
    after["detectors"] = [*state["detectors"], detector]
    if state["confirmed"]:
        return after, "joined"
    return after | {"confirmed": True}, "confirmed"
