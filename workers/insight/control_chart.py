"""An EWMA control chart: a figure a week against the spread of its first weeks (Roberts, Technometrics 1, 1959).

State is JSON: {"base": the first figures, "z": the average so far, "out": whether it stands beyond the limit}. The limit is that of a chart
that has run for long, mean + width x s x sqrt(weight / (2 - weight)), with s the sample standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean, stdev
from typing import Any, Literal, NamedTuple

EDGE = 1e-9


class Point(NamedTuple):
    """The average after one more figure, the limit, and whether it has just `crossed` the limit or come `back`."""

    z: float
    limit: float
    change: Literal["crossed", "back"] | None


def advance(state: Mapping[str, Any], figure: float, *, weight: float, width: float, base: int) -> tuple[dict[str, Any], Point | None]:
    """The next state, and the point; None while the figure is one of the `base` (2 or more) that set mean and spread."""
    first = list(state.get("base", []))
    if len(first) < base:
        return {"base": [*first, figure], "z": None, "out": False}, None
    mean, spread = fmean(first[:base]), stdev(first[:base])
    before = state.get("z")
    z = weight * figure + (1 - weight) * (mean if before is None else before)
    limit = mean + width * spread * math.sqrt(weight / (2 - weight))
    out, was = z > limit + EDGE, bool(state.get("out"))
    change: Literal["crossed", "back"] | None = None if out == was else "crossed" if out else "back"
    return {"base": first, "z": z, "out": out}, Point(z, limit, change)
