"""A day's conduct score of a store: cases of incidents cost points by kind, a late one twice as many, up to a cap a kind."""

from __future__ import annotations

from collections.abc import Mapping

FULL, LATE = 100.0, 2
Cases = Mapping[str, tuple[int, int]]


def costs(cases: Cases, weights: Mapping[str, float], cap: float) -> dict[str, float]:
    """What each kind's cases (closed on time, late) cost; a kind without a weight nothing."""
    return {kind: min(cap, weights.get(kind, 0) * (on_time + LATE * late)) for kind, (on_time, late) in cases.items()}


def score(costs: Mapping[str, float]) -> float:
    """Points left of 100, never under 0."""
    return max(0.0, FULL - sum(costs.values()))


def on_time_pct(cases: Cases) -> float | None:
    """Share of cases closed on time in percent; None without any."""
    total = sum(on_time + late for on_time, late in cases.values())
    return 100 * sum(on_time for on_time, _ in cases.values()) / total if total else None


def capture_pct(entries: int, passed_by: int | None) -> float | None:
    """Share of those at the door who came in, in percent; `passed_by` did not. None where nobody came or passers-by are not counted."""
    return 100 * entries / (entries + passed_by) if passed_by is not None and entries + passed_by else None
