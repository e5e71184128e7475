"""One placement on a scale is one weighing: a stable net weight after the pan was empty, followed until the pan is empty again.

A pan is a plain dict, so that it can be kept: `ready` whether it was empty since the last weighing, `net_g` what lies on it now.
"""

from collections.abc import Mapping
from typing import Any, Literal

Pan = dict[str, Any]
Step = Literal["empty", "waiting", "placed", "changed", "same"]


def new_pan() -> Pan:
    """A pan that counts as empty, as scales do when they are switched on."""
    return {"ready": True, "net_g": None}


def weigh(pan: Pan, reading: Mapping[str, Any], *, zero_g: float = 0, least_g: float = 0, change_g: float = 0) -> Step:
    """Take a `scale.reading` and say what it means.

    `empty`: stable and marked `zero`, or at most `zero_g` (a pan that is lighter than its tare is empty too); the next weight is a new
    placement. `placed`: the first stable weight of `least_g` or more since then. `changed`: it is another one by more than `change_g`
    while the goods lie there; `same`: it is not. `waiting`: unstable, overloaded, too light, or what is left of a weighing.
    """
    weight: float = reading["weight_g"]
    if reading.get("overload") or not reading.get("stable", True):
        return "waiting"
    if reading.get("zero") or weight <= zero_g:
        pan |= {"ready": True, "net_g": None}
        return "empty"
    if pan["ready"] and weight >= least_g:
        pan |= {"ready": False, "net_g": weight}
        return "placed"
    if pan["net_g"] is None or weight < least_g:
        return "waiting"
    if abs(weight - pan["net_g"]) <= change_g:
        return "same"
    pan["net_g"] = weight
    return "changed"
