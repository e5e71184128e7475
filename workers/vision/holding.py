"""Something that must hold for a time before it is told, and be gone for a time before it is over."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]


def hold(state: State, present: bool, t_s: float, hold_s: float, clear_s: float) -> tuple[bool, bool]:
    """Whether something that is present or not has just begun or ended to hold.

    Keys: "first_s" (since when it is there), "last_s" (its last sight), "dirty_s" (since when it holds, None while it does not).
    """
    if present:
        state["first_s"] = t_s if state.get("first_s") is None else state["first_s"]
        state["last_s"] = t_s
        if state.get("dirty_s") is None and t_s - state["first_s"] >= hold_s:
            state["dirty_s"] = state["first_s"]
            return True, False
        return False, False
    if state.get("first_s") is not None and t_s - state["last_s"] >= clear_s:
        held = state.get("dirty_s") is not None
        state["first_s"] = state["dirty_s"] = None
        return False, held
    return False, False
