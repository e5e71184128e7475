"""Crowding: people a square metre, as levels that do not flicker.

The default levels follow Fruin (Pedestrian Planning and Design, 1971), whose standing levels of service pass from free standing to
touching between 0.8 and 3.6 people a square metre; shops want to know long before. State and results are JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision.errors import GeometryError

State = dict[str, Any]
LEVELS: tuple[tuple[str, float], ...] = (("busy", 0.5), ("dense", 1.0), ("critical", 2.0))
FREE = "free"


@dataclass(frozen=True)
class CrowdRule:
    """The zone's floor area, the density (people a m2) from which each level holds, in rising order, and the hysteresis.

    A level is left when the density falls by `slack` (a share) below its threshold; either way only after `hold_s`.
    """

    area_m2: float
    levels: Sequence[tuple[str, float]] = LEVELS
    slack: float = 0.15
    hold_s: float = 5.0

    def __post_init__(self) -> None:
        thresholds = [density for _, density in self.levels]
        if not self.area_m2 > 0:
            raise GeometryError(
                f"The zone's area is {self.area_m2} m2.", "area_m2", "Give a zone that spans an area.", zh=f"区域面积为 {self.area_m2} m²。"
            )
        if not thresholds or thresholds != sorted(set(thresholds)) or thresholds[0] <= 0:
            raise GeometryError(
                "The densities do not rise.", "levels", "Give densities above 0, each above the one before.", zh="各级密度未依次递增。"
            )


@dataclass(frozen=True)
class CrowdStep:
    """People a m2, the level that holds, the level before where it has just changed, and since when that was wanted."""

    density: float
    level: str
    before: str | None
    since_s: float


def step(state: Mapping[str, Any], rule: CrowdRule, count: int, t_s: float) -> tuple[State, CrowdStep]:
    """Advance by one frame. State: {"level": name, "next": name, "since_s": since when the next level would hold}."""
    density = count / rule.area_m2
    names = [FREE, *(name for name, _ in rule.levels)]
    level = state.get("level", FREE) if state.get("level", FREE) in names else FREE
    wanted = _wanted(rule, density, names.index(level))
    if wanted == names.index(level):
        return {"level": level, "next": level, "since_s": t_s}, CrowdStep(density, level, None, t_s)
    since_s = state["since_s"] if state.get("next") == names[wanted] else t_s
    if t_s - since_s < rule.hold_s:
        return {"level": level, "next": names[wanted], "since_s": since_s}, CrowdStep(density, level, None, since_s)
    return {"level": names[wanted], "next": names[wanted], "since_s": t_s}, CrowdStep(density, names[wanted], level, since_s)


def _wanted(rule: CrowdRule, density: float, level: int) -> int:
    """The level for a density, coming from a level: each is entered at its threshold and left below it less the slack."""
    wanted = 0
    for number, (_, threshold) in enumerate(rule.levels, 1):
        if density >= (threshold * (1 - rule.slack) if number <= level else threshold):
            wanted = number
    return wanted
