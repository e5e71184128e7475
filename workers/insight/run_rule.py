"""Runs on one side of a standard: the run rule of the Western Electric handbook (Statistical Quality Control Handbook, 1956).

Eight values in a row on one side of the centre line have, where nothing has shifted, a chance of 2 x 0.5^8 or below one in a hundred.
State is JSON: {"side": "above" or "below", "values": [...], "told": bool}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

State = dict[str, Any]


class Run(NamedTuple):
    """A run that has just become long enough: its side and the mean of its values."""

    side: Literal["above", "below"]
    mean: float


def advance(state: Mapping[str, Any], value: float, centre: float, *, within: bool, length: int) -> tuple[State, Run | None]:
    """The next state, and the run at the value that makes it `length` long (told once).

    A value on the centre, one out of tolerance (not `within`) and a change of side restart the run; the one that changes side begins it.
    """
    if not within or value == centre:
        return {}, None
    side: Literal["above", "below"] = "above" if value > centre else "below"
    go_on = state.get("side") == side
    values = [*(state["values"] if go_on else ()), value][-length:]
    told = bool(go_on and state["told"])
    if told or len(values) < length:
        return {"side": side, "values": values, "told": told}, None
    return {"side": side, "values": values, "told": True}, Run(side, sum(values) / len(values))
