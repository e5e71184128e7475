"""Whether something happens far more often than it used to: counts in buckets of equal length against their own moving mean and deviation.

Exponentially weighted mean and variance (Roberts, Technometrics 1, 1959; West, CACM 22, 1979). A record is plain JSON; the running bucket
is not in its mean.
"""

from __future__ import annotations

import math
from typing import Any

WEIGHT = 0.1
Record = dict[str, Any]


def new(bucket: int) -> Record:
    """Nothing seen yet; `bucket` is the number of the running one."""
    return {"bucket": bucket, "count": 0, "seen": 0, "mean": 0.0, "variance": 0.0}


def _close(record: Record, count: float) -> None:
    if record["seen"] == 0:
        record["mean"] = float(count)
    else:
        away = count - record["mean"]
        record["mean"] += WEIGHT * away
        record["variance"] = (1 - WEIGHT) * (record["variance"] + WEIGHT * away * away)
    record["seen"] += 1


def go_on(record: Record, bucket: int, empty: int) -> None:
    """Go on to a later bucket; `empty` buckets in between count as 0."""
    if bucket > record["bucket"]:
        _close(record, record["count"])
        for _ in range(empty):
            _close(record, 0)
        record["bucket"], record["count"] = bucket, 0


def limit(record: Record, sigmas: float) -> float:
    """Mean + so many deviations."""
    return float(record["mean"] + sigmas * math.sqrt(record["variance"]))


def is_surge(record: Record, sigmas: float, least_seen: int, least_count: int) -> bool:
    """Whether the running bucket is above the limit, once enough buckets were seen and it counts enough."""
    return bool(record["seen"] >= least_seen and record["count"] >= least_count and record["count"] > limit(record, sigmas))
