"""Short supply shared over places, and items placed near or far: what a central warehouse decides for its regions.

Equal risk gives every place the same safety factor k, so that each runs out with the same chance (Eppen and Schrage, "Centralized ordering
policies in a multi-warehouse system with random demand", 1981; places that hold more than that are left out, as in Clark and Scarf's
balance assumption relaxed). Safety stock of pooled demand by the square-root law (Maister, 1976).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from storeloom.workers.optimise.size_curves import whole

Rule = Literal["equal_risk", "priority", "proportional"]


class Need(NamedTuple):
    """A place's demand until the next arrival, and what it holds."""

    mean: float
    sd: float
    hold: float


def share(supply: int, needs: Mapping[str, Need], rule: Rule, z: float) -> dict[str, int]:
    """Whole units by place, in the order of `needs` where they are equal or come first; none beyond mean + `z` sd, the rest is kept."""
    tops = {name: max(0.0, one.mean + z * one.sd - one.hold) for name, one in needs.items()}
    if rule == "equal_risk":
        exact = _equal_risk(supply, needs, z)
    elif rule == "priority":
        exact, left = {}, float(supply)
        for name in needs:
            exact[name] = min(left, tops[name])
            left -= exact[name]
    else:
        total = sum(one.mean for one in needs.values())
        exact = {name: min(tops[name], supply * one.mean / total) if total > 0 else 0.0 for name, one in needs.items()}
    return whole(exact, min(supply, math.floor(sum(exact.values()) + 1e-6)), list(needs))


def _equal_risk(supply: float, needs: Mapping[str, Need], z: float) -> dict[str, float]:
    inside = dict(needs)
    while inside:
        held, mean, sd = (sum(getattr(one, key) for one in inside.values()) for key in ("hold", "mean", "sd"))
        if sd > 0:
            k = min(z, (supply + held - mean) / sd)
            at = {name: one.mean + k * one.sd for name, one in inside.items()}
        else:
            part = min(1.0, (supply + held) / mean) if mean > 0 else 0.0
            at = {name: one.mean * part for name, one in inside.items()}
        above = [name for name, one in inside.items() if one.hold > at[name] + 1e-9]
        if not above:
            return {name: at[name] - needs[name].hold if name in inside else 0.0 for name in needs}
        for name in above:
            del inside[name]
    return dict.fromkeys(needs, 0.0)


def safety(z: float, variances: Sequence[float], lead_days: float) -> float:
    """Safety stock against the pooled demand of places with these variances a day."""
    return z * math.sqrt(sum(variances) * max(0.0, lead_days))


def surplus(weekly: float, direct: float, through: float, slot: float, holding: float, relief: float) -> float:
    """What holding an item near its stores earns a week: freight saved, less the slot and the holding that it adds over the relief."""
    return weekly * (direct - through) - slot - (holding - relief)


def place(surpluses: Mapping[str, float], held: Mapping[str, bool], kept: Mapping[str, bool], slots: int) -> list[str]:
    """The items a region holds: those whose time is not up stay as they are (`kept`), of the others the best surplus first, while it is
    positive and a slot is free."""
    fixed = [item for item in sorted(surpluses) if kept.get(item) and held.get(item)]
    free = sorted((item for item in surpluses if not kept.get(item) and surpluses[item] > 0), key=lambda item: (-surpluses[item], item))
    return fixed + free[: max(0, slots - len(fixed))]
