"""Food-safety time of a cold cabinet: what the product's temperature was, and for how long it was over the limit (2-hour/4-hour rule).

A cabinet's record is plain JSON: `probes` (by sensor: `product`, `air` in C, `at` in seconds) and `last` (the latest reading, in seconds).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, NamedTuple

from storeloom.workers.insight.thermal import follow

LONG_GAP_S = 3600.0


class Exposure(NamedTuple):
    """What one reading adds: the warmest product of the cabinet now, seconds since the reading before, and those of them over the limit."""

    warmest_c: float
    gap_s: float
    over_s: float


def expose(
    record: MutableMapping[str, Any], sensor: str, air_c: float, at: float, limit_c: float, time_constant_s: float
) -> Exposure | None:
    """Take a reading of the air into the record; None for a late one, which changes nothing.

    The product of each sensor follows its air and starts at the first reading. The time up to a reading counts as over the limit when the
    warmest product then is; a gap of more than an hour counts unless the air was at or under the limit on both of its sides.
    """
    probes = record["probes"]
    known = probes.get(sensor)
    if known and at <= known["at"]:
        return None
    under_before = all(probe["air"] <= limit_c for probe in probes.values())
    product = follow(known["product"], air_c, at - known["at"], time_constant_s) if known else air_c
    probes[sensor] = {"product": product, "air": air_c, "at": at}
    for silent in [name for name, probe in probes.items() if at - probe["at"] > LONG_GAP_S]:
        del probes[silent]
    gap = max(0.0, at - record["last"]) if record["last"] is not None else 0.0
    record["last"] = max(at, record["last"] or at)
    warmest = max(probe["product"] for probe in probes.values())
    over = not (under_before and air_c <= limit_c) if gap > LONG_GAP_S else warmest > limit_c
    return Exposure(warmest, gap, gap if over else 0.0)
