"""Scores of inspections on weighted checklists, and how strict or lenient an inspector is beside others in the same stores.

An inspector's leaning is his mean difference from what others gave the same stores, drawn towards 0 the fewer comparable visits there are
(empirical Bayes shrinkage: Efron and Morris, JASA 70, 1975).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

CEILING = 100.0


def score(passed: Iterable[float], failed: Iterable[float]) -> float | None:
    """Passed weight of all weight that was judged, 0..100; None where none was."""
    good, bad = sum(passed), sum(failed)
    return CEILING * good / (good + bad) if good + bad > 0 else None


def usual(scores: Sequence[tuple[str, float]], inspector: str, most: int) -> float | None:
    """A store's mean of the last `most` scores by others than `inspector`, of (inspector, score) oldest first; None without any."""
    others = [points for who, points in scores if who != inspector][-most:]
    return fmean(others) if others else None


def leaning(apart: float, visits: int, shrink: float) -> float:
    """Points that an inspector gives more than others: his mean difference (`apart`: the sum over `visits`), by half at `shrink` visits."""
    return apart / (visits + shrink) if visits else 0.0


def adjusted(points: float, lean: float, *, cap: float | None = None) -> float:
    """A score less its inspector's leaning, 0..100, not above `cap`."""
    fair = min(CEILING, max(0.0, points - lean))
    return fair if cap is None else min(fair, cap)
