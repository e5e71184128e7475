"""Composite scores (of stores, suppliers, staff, tenants): parts brought to one scale, weighed, and how far the ranks hang on the weights.

Steps and tests as in the OECD/JRC Handbook on Constructing Composite Indicators (2008): normalisation, weighting, linear aggregation, then
uncertainty of the ranks when the weights move. A rank that a slight change of weights turns is no rank: `low_rank` to `high_rank` says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight.effects import MOST, Check, Floats, numbers, warnings
from storeloom.workers.insight.faults import InsightFault, complain, needed, require_setting, wrong
from storeloom.workers.insight.proportions import LEVEL

LARGEST_MOVE = 0.1


@dataclass(frozen=True, slots=True)
class Part:
    """A column of the table. `weight` > 0, relative; `higher_is_better`; `scale`: "range" (`worst` to `best`, which may be given as
    targets, else those seen), "rank" (percentile, robust to outliers), "z" (standard deviations, 50 +- 20 points)."""

    column: str
    weight: float
    higher_is_better: bool = True
    scale: str = "range"
    worst: float | None = None
    best: float | None = None


@dataclass(frozen=True)
class Scores:
    """`table`: the key, score (0 to 100), rank (1 the best, ties share it), low_rank and high_rank (under other weights), covered (share of
    the weight that was known), and the points of each part; units below the coverage have no score. `stability`: mean move of ranks as a
    share of all; `turning`: by part the least change of its weight (as a factor) that puts another unit first, None where none does."""

    table: pl.DataFrame
    stability: Check
    turning: dict[str, float | None]
    findings: tuple[Finding, ...]


def score(
    table: pl.DataFrame,
    key: str,
    parts: Sequence[Part],
    *,
    missing: str = "reweigh",
    least_covered: float = 0.7,
    concentration: float = 50.0,
    draws: int = 1000,
    seed: int = 0,
    level: float = LEVEL,
) -> Scores:
    """Scores of the rows of `table` by `parts`.

    `missing`: "reweigh" shares the weight of a missing part among the unit's others, as long as `least_covered` of all weight is known;
    "worst" gives it 0 points, for parts that a unit could hide. Weights are redrawn from a Dirichlet distribution around those given;
    `concentration` 50 lets a weight of 0.3 range over about 0.18 to 0.43.
    """
    require_setting("missing", missing, "reweigh, worst", missing in ("reweigh", "worst"))
    require_setting("concentration", concentration, "> 0", concentration > 0)
    require_setting("least_covered", least_covered, "0..1", 0 < least_covered <= 1)
    points = _points(table, key, parts)
    if missing == "worst":
        points = np.nan_to_num(points, nan=0.0)
    weights = np.array([part.weight for part in parts]) / sum(part.weight for part in parts)
    covered = np.isfinite(points) @ weights
    rated = np.flatnonzero(covered >= least_covered - 1e-12)
    complain(needed("units with enough known parts", "数据足够的对象", rated.size, 1))
    values = _weighed(points[rated], weights)
    ranks = _ranks(values)
    rng = np.random.default_rng(seed)
    moved = np.array([_ranks(_weighed(points[rated], w)) for w in rng.dirichlet(weights * concentration, draws)])
    low, high = np.quantile(moved, [(1 - level) / 2, (1 + level) / 2], axis=0, method="nearest")
    move = float(np.mean(np.abs(moved - ranks))) / rated.size
    stability = Check(
        "mean move of ranks under other weights", "权重变化时的平均名次变动", move, f"<= {LARGEST_MOVE}", move <= LARGEST_MOVE
    )
    result = pl.DataFrame(
        {
            key: table[key].gather(rated),
            "score": values,
            "rank": ranks,
            "low_rank": low.astype(np.int64),
            "high_rank": high.astype(np.int64),
            "covered": covered[rated],
            **{part.column: points[rated, i] for i, part in enumerate(parts)},
        }
    ).with_columns(pl.col(part.column).fill_nan(None) for part in parts)
    rest = np.setdiff1d(np.arange(table.height), rated)
    left = pl.DataFrame({key: table[key].gather(rest), "covered": covered[rest]})
    whole = pl.concat([result.sort("rank", key), left], how="diagonal")
    turning = {part.column: _turning(points[rated], weights, i) for i, part in enumerate(parts)}
    return Scores(whole, stability, turning, warnings([stability]))


def _points(table: pl.DataFrame, key: str, parts: Sequence[Part]) -> Floats:
    """Units x parts, 0 to 100 each; nan where missing."""
    columns = [key, *(part.column for part in parts)]
    known, wanted = ", ".join(table.columns) or "-", ", ".join(columns)
    found = [Finding("SL-EXP-01", {"column": c, "known": known, "needed": wanted}) for c in columns if c not in table.columns]
    complain(found + needed("parts", "组成项", len(parts), 1))
    found = wrong(
        key,
        "repeated or missing keys",
        "重复或缺失的主键",
        int(table[key].is_duplicated().sum() + table[key].null_count()),
        "one row each",
        "每个一行",
    )
    for part in parts:
        raw = table[part.column].drop_nulls()
        found += numbers(part.column, raw.to_numpy(), 1)[1]
        met = 0 < part.weight <= MOST and part.scale in ("range", "rank", "z")
        found += wrong(
            part.column, "a weight or scale", "权重或刻度有误", int(not met), "weight > 0; range, rank, z", "权重大于 0；range、rank、z"
        )
    if found:
        raise InsightFault(found)
    return np.column_stack([_scaled(table[part.column].cast(pl.Float64).to_numpy(), part) for part in parts])


def _scaled(raw: Floats, part: Part) -> Floats:
    known = np.isfinite(raw)
    out, values = np.full(raw.size, math.nan), raw[known] if part.higher_is_better else -raw[known]
    if part.scale == "rank":
        below, ties = (values[:, None] > values).sum(axis=1), (values[:, None] == values).sum(axis=1) - 1
        out[known] = 50.0 if values.size == 1 else 100 * (below + ties / 2) / (values.size - 1)
    elif part.scale == "z":
        spread = float(values.std())
        out[known] = np.clip(50 + 20 * (values - values.mean()) / spread, 0, 100) if spread > 0 else 50.0
    else:
        sign = 1 if part.higher_is_better else -1
        worst = float(values.min()) if part.worst is None else sign * part.worst
        best = float(values.max()) if part.best is None else sign * part.best
        require_setting(
            f"{part.column}: worst, best", (part.worst, part.best), "worst and best apart, in the part's direction", best >= worst
        )
        out[known] = np.clip(100 * (values - worst) / (best - worst), 0, 100) if best > worst else 50.0
    return out


def _weighed(points: Floats, weights: Floats) -> Floats:
    known = np.isfinite(points)
    share = np.maximum(known @ weights, 1e-300)
    return np.asarray(np.nan_to_num(points) @ weights / share, dtype=np.float64)


def _ranks(values: Floats) -> Floats:
    rounded = np.round(values, 9)
    return np.asarray(1 + np.sum(rounded[:, None] < rounded, axis=1), dtype=np.int64)


def _turning(points: Floats, weights: Floats, index: int) -> float | None:
    first = int(np.argmax(_weighed(points, weights)))
    factors = np.geomspace(1, 10, 200)[1:]
    for factor in [one for pair in zip(factors, 1 / factors, strict=True) for one in pair]:
        other = weights.copy()
        other[index] *= factor
        values = _weighed(points, other / other.sum())
        if float(values.max()) > float(values[first]) + 1e-9:
            return float(factor)
    return None
