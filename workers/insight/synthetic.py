"""Synthetic control: what one treated store would have sold, as a weighted mean of untreated ones that moved like it before.

Weights are nonnegative and sum to 1, so that nothing is extrapolated (Abadie, Diamond and Hainmueller, JASA 105, 2010); each unit's own
level before the start may be taken out first (`shifted`), for stores of different size (Doudchenko and Imbens, NBER 22791, 2016; Ferman and
Pinto, Quantitative Economics 12, 2021). The weights are the point of least norm in a convex hull, found exactly by nonnegative least
squares (Lawson and Hanson 1974, chapter 23). Placebos: the same is done for each donor; the rank of the treated unit's ratio of errors
after to before gives the p-value, and inverting that rank test the interval (Firpo and Possebom, Journal of Causal Inference 6, 2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight.effects import Check, Effect, Floats, panel, require_level, warnings
from storeloom.workers.insight.faults import complain, needed, wrong
from storeloom.workers.insight.proportions import LEVEL

LEAST_BEFORE, LEAST_DONORS = 5, 5
LARGEST_MISFIT = 0.5
ONE_DONOR = 0.95


@dataclass(frozen=True)
class Synthetic:
    """`effect`: mean gap after the start (unbounded where there are too few donors for the level: n donors reach 1 - 1/(n + 1) at best);
    `weights` of donors above 0; `gaps`: ds, y, synthetic, gap; `ratio`: RMSPE after over before; `rank` of it among all, 1 the largest;
    `checks`: fit before the start, a start that never happened."""

    effect: Effect
    weights: dict[str, float]
    gaps: pl.DataFrame
    before_error: float
    ratio: float
    rank: int
    donors: int
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]


def weights(target: Floats, donors: Floats) -> Floats:
    """Nonnegative weights that sum to 1 and bring `donors` (times x units) closest to `target` (times) in squares."""
    from scipy.optimize import nnls

    away = donors - target[:, None]
    scale = max(float(np.sqrt(np.mean(away**2))), 1e-300) * math.sqrt(len(target))
    solved, _ = nnls(
        np.vstack([away / scale, np.ones(donors.shape[1])]), np.append(np.zeros(len(target)), 1.0), maxiter=50 * donors.shape[1]
    )
    return np.asarray(solved / solved.sum(), dtype=np.float64)


def control(frame: pl.DataFrame, unit: str, start: date | datetime, *, level: float = LEVEL, shifted: bool = True) -> Synthetic:
    """The effect on `unit` from `start` on; all other units of the panel `unique_id`, `ds`, `y` are donors.

    Donors must not be touched by the change (no neighbours that lose customers to it). A donor with gaps is left out; the treated unit
    may have none.
    """
    require_level(level)
    wide, names, times = _wide(panel(frame), unit, start)
    split = int(sum(at < start for at in times))
    all_gaps = {}
    for index, name in enumerate(names):
        others = [k for k in range(len(names)) if k not in (index, 0)]
        all_gaps[name] = _gap(wide[:, index], wide[:, others], split, shifted)
    gap, solved = all_gaps[unit]
    ratios = [_error(one[split:]) / max(_error(one[:split]), 1e-12) for one, _ in all_gaps.values()]
    rank = int(sum(ratio >= ratios[0] for ratio in ratios))
    effect = _inverted([one for one, _ in all_gaps.values()], split, rank / len(ratios), level)
    checks = (_misfit(wide[:split, 0], gap[:split]), _earlier(wide[:split], shifted))
    kept = {name: float(w) for name, w in zip(names[1:], solved, strict=True) if w > 1e-6}
    table = pl.DataFrame({"ds": times, "y": wide[:, 0], "synthetic": wide[:, 0] - gap, "gap": gap})
    lone = Check("weight of the heaviest donor", "最大供体权重", max(kept.values()), f"<= {ONE_DONOR}", max(kept.values()) <= ONE_DONOR)
    every = (*checks, lone)
    return Synthetic(effect, kept, table, _error(gap[:split]), ratios[0], rank, len(names) - 1, every, warnings(every))


def _wide(frame: pl.DataFrame, unit: str, start: date | datetime) -> tuple[Floats, list[str], list[date | datetime]]:
    """times x units, the treated one first; times at which it has a value."""
    own = frame.filter(pl.col("unique_id") == unit).sort("ds")
    complain(wrong("unit", f"an unknown unit ({unit})", f"未知对象（{unit}）", int(own.height == 0), "one of unique_id", "unique_id 之一"))
    complain(
        wrong(
            "start",
            "a time of another kind than ds",
            "与 ds 类型不同的时间",
            int(type(start) is not type(own["ds"][0])),
            "as ds",
            "与 ds 一致",
        )
    )
    wide = own.select("ds").join(frame.pivot(on="unique_id", index="ds", values="y"), on="ds", how="left").sort("ds")
    full = [name for name in wide.columns if name not in ("ds", unit) and wide[name].null_count() == 0]
    before = int(own.select((pl.col("ds") < start).sum()).item())
    found = needed("periods before the start", "开始前的周期", before, LEAST_BEFORE)
    found += needed("periods from the start on", "开始后的周期", own.height - before, 1)
    complain(found + needed("donors without gaps", "无缺失的供体", len(full), LEAST_DONORS))
    names = [unit, *sorted(full)]
    return np.asarray(wide.select(names).to_numpy(), dtype=np.float64), names, wide["ds"].to_list()


def _gap(target: Floats, donors: Floats, split: int, shifted: bool) -> tuple[Floats, Floats]:
    """Target less its synthetic twin at all times, and the weights, fitted on the times before `split`."""
    level = target[:split].mean() if shifted else 0.0
    levels = donors[:split].mean(axis=0) if shifted else np.zeros(donors.shape[1])
    solved = weights(target[:split] - level, donors[:split] - levels)
    return target - level - (donors - levels) @ solved, solved


def _error(gap: Floats) -> float:
    return float(np.sqrt(np.mean(gap**2)))


def _inverted(gaps: list[Floats], split: int, p_value: float, level: float) -> Effect:
    """The effects that the ranks of the placebos do not reject, around the treated unit's (the first)."""
    scaled = [abs(float(one[split:].mean())) / max(_error(one[:split]), 1e-12) for one in gaps[1:]]
    middle, unit = float(gaps[0][split:].mean()), _error(gaps[0][:split])
    place = math.ceil(level * len(gaps) - 1e-9)
    half = float(np.sort(scaled)[place - 1]) * unit if place <= len(scaled) else math.inf
    return Effect(middle, middle - half, middle + half, p_value, level)


def _misfit(target: Floats, gap: Floats) -> Check:
    spread = float(target.std())
    share = _error(gap) / spread if spread > 0 else math.inf
    return Check(
        "misfit before the start (RMSPE / sd)", "开始前拟合误差（RMSPE/标准差）", share, f"<= {LARGEST_MISFIT}", share <= LARGEST_MISFIT
    )


def _earlier(before: Floats, shifted: bool) -> Check:
    """A start that never happened, at two thirds of the time before: the unit must not stand out among its donors."""
    name, zh = "start that never happened, p", "虚构开始时间 p 值"
    split = 2 * len(before) // 3
    if split < 3:
        return Check("periods before the start", "开始前的周期数", float(len(before)), ">= 5", False)
    ratios = []
    for index in range(before.shape[1]):
        others = [k for k in range(before.shape[1]) if k not in (index, 0)]
        gap, _ = _gap(before[:, index], before[:, others], split, shifted)
        ratios.append(_error(gap[split:]) / max(_error(gap[:split]), 1e-12))
    p = sum(ratio >= ratios[0] for ratio in ratios) / len(ratios)
    least = max(0.05, 1.5 / len(ratios))
    return Check(name, zh, p, f">= {least:.2g}", p >= least)
