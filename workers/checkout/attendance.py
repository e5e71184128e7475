"""Self-checkouts under attendance: which to close when few attend, and which machine stops more than its share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def to_change(kiosks: Mapping[str, Mapping[str, Any]], most: int) -> list[tuple[str, bool]]:
    """Kiosks to close (True) or to open again, so that at most `most` are open, in that order.

    Each has `session` (a basket while it is not None), `interventions`, and `closed`. Idle ones with the most interventions close first and
    open last, ties by name; one with a basket never closes.
    """
    trouble = sorted(kiosks, key=lambda name: (-kiosks[name]["interventions"], name))
    open_now = [name for name in trouble if not kiosks[name]["closed"]]
    idle = [name for name in open_now if kiosks[name]["session"] is None]
    if len(open_now) > most:
        return [(name, True) for name in idle[: len(open_now) - most]]
    shut = [name for name in reversed(trouble) if kiosks[name]["closed"]]
    return [(name, False) for name in shut[: most - len(open_now)]]


def chart(hour: Mapping[str, Mapping[str, int]], charts: dict[str, float], slack: float, level: float) -> dict[str, dict[str, Any]]:
    """One hour of the one-sided CUSUM of interventions by kiosk: S = max(0, S + x - e (1 + slack)), e its receipts at the rate of all.

    `hour`: `interventions` and `receipts` by kiosk; `charts` keeps S by kiosk. At `level` a kiosk goes to service and its S is 0 again;
    `cusum` is what it reached (Page, Biometrika 41, 1954).
    """
    receipts = sum(row["receipts"] for row in hour.values())
    rate = sum(row["interventions"] for row in hour.values()) / receipts if receipts else 0.0
    found = {}
    for name in sorted(hour):
        expected = hour[name]["receipts"] * rate
        reached = max(0.0, charts.get(name, 0.0) + hour[name]["interventions"] - expected * (1 + slack))
        service = reached >= level - 1e-9
        charts[name] = 0.0 if service else reached
        found[name] = {**hour[name], "expected": expected, "cusum": reached, "service": service}
    return found
