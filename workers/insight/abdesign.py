"""How many units a test needs, and what it can see: power, sample size and least detectable effect, decided before the test starts.

Means by the non-central t of the two-sample test (Cohen 1988); shares by the pooled z-test (Fleiss, Levin and Paik 2003, without continuity
correction); ratio metrics (amount a basket, where the member was drawn and not the basket) by the standard deviation of their
linearisation (Deng, Knoblich and Lu, KDD 2018), which then counts as a mean's. Sizes are those of the control arm; the other arm has
`ratio` times as many units. `comparisons` > 1 splits alpha over that many variants (Bonferroni; Holm in the analysis only gains on it).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from storeloom.workers.insight.effects import numbers, same_length, unusable
from storeloom.workers.insight.faults import complain, require_setting

LARGEST = 10**9
NEGLIGIBLE = 5.0
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Design:
    """Two-sided `alpha`, the `power` wanted, treated units for each control unit, and how many variants are held against the control."""

    alpha: float = 0.05
    power: float = 0.80
    ratio: float = 1.0
    comparisons: int = 1

    def __post_init__(self) -> None:
        require_setting("alpha", self.alpha, "0..0.5", 0 < self.alpha < 0.5)
        require_setting("power", self.power, "alpha..1", self.alpha < self.power < 1)
        require_setting("ratio", self.ratio, "0.01..100", 0.01 <= self.ratio <= 100)
        require_setting("comparisons", self.comparisons, ">= 1", self.comparisons >= 1)

    @property
    def each(self) -> float:
        """The alpha of one comparison."""
        return self.alpha / self.comparisons


def means_power(size: int, effect: float, sd: float, design: Design | None = None) -> float:
    """The chance to see a true difference of means of `effect` with `size` units in the control arm."""
    from scipy.stats import nct, t

    design = design or Design()
    require_setting("size", size, ">= 2", 2 <= size < math.inf)
    require_setting("effect", effect, "a finite number", math.isfinite(effect))
    require_setting("sd", sd, "> 0", 0 < sd < math.inf)
    other = size * design.ratio
    df = size + other - 2
    shift = abs(effect) / (sd * math.sqrt(1 / size + 1 / other))
    edge = float(t.ppf(1 - design.each / 2, df))
    if df > 10_000:
        return NORMAL.cdf(shift - edge) + NORMAL.cdf(-shift - edge)
    wrong_side = float(nct.cdf(-edge, df, shift)) if shift < NEGLIGIBLE else 0.0
    return float(nct.sf(edge, df, shift)) + wrong_side


def means_size(effect: float, sd: float, design: Design | None = None) -> int:
    """Least control units with which a difference of means of `effect` is seen with the design's power."""
    design = design or Design()
    require_setting("effect", effect, "not 0", effect != 0 and math.isfinite(effect))
    return _least(lambda size: means_power(size, effect, sd, design), design.power)


def means_detectable(size: int, sd: float, design: Design | None = None) -> float:
    """The least difference of means that `size` control units see with the design's power."""
    from scipy.optimize import brentq

    design = design or Design()
    require_setting("sd", sd, "> 0", 0 < sd < math.inf)
    top = 4 * sd * math.sqrt((1 + 1 / design.ratio) / size)
    while means_power(size, top, sd, design) < design.power:
        top *= 1.5
    return float(brentq(lambda effect: means_power(size, effect, sd, design) - design.power, 0.0, top, xtol=1e-10 * sd))


def shares_power(size: int, share: float, effect: float, design: Design | None = None) -> float:
    """The chance to see a share of `share` move by `effect` with `size` units in the control arm."""
    design = design or Design()
    other = share + effect
    require_setting("share", share, "0..1", 0 < share < 1)
    require_setting("share + effect", other, "0..1", 0 <= other <= 1)
    treated = size * design.ratio
    pooled = (share + design.ratio * other) / (1 + design.ratio)
    null = math.sqrt(pooled * (1 - pooled) * (1 / size + 1 / treated))
    own = math.sqrt(share * (1 - share) / size + other * (1 - other) / treated)
    edge = NORMAL.inv_cdf(1 - design.each / 2) * null
    return NORMAL.cdf((abs(effect) - edge) / own) + NORMAL.cdf((-abs(effect) - edge) / own)


def shares_size(share: float, effect: float, design: Design | None = None) -> int:
    """Least control units with which a move of a share by `effect` is seen with the design's power."""
    design = design or Design()
    require_setting("effect", effect, "not 0", effect != 0)
    return _least(lambda size: shares_power(size, share, effect, design), design.power)


def shares_detectable(size: int, share: float, design: Design | None = None) -> float:
    """The least rise of a share that `size` control units see with the design's power. A fault where no rise up to 1 can be seen."""
    from scipy.optimize import brentq

    design = design or Design()
    top = (1 - share) * (1 - 1e-9)
    if shares_power(size, share, top, design) < design.power:
        raise unusable(
            "the least detectable effect", "最小可检测效应", f"{size} units see no rise up to 100 %", f"{size} 个样本看不出任何提升"
        )
    return float(brentq(lambda effect: shares_power(size, share, effect, design) - design.power, 0.0, top, xtol=1e-12))


def ratio_sd(numerators: Any, denominators: Any) -> float:
    """Standard deviation of a ratio metric per unit of randomisation, for `means_size` and the like: of (y - R x) / mean x."""
    y, found = numbers("numerators", numerators)
    x, more = numbers("denominators", denominators)
    complain(found + more + same_length(numerators=y, denominators=x))
    if x.mean() <= 0:
        raise unusable("a ratio", "比率", "the denominators come to nothing", "分母合计为零")
    return float(np.std(y - y.mean() / x.mean() * x, ddof=1) / x.mean())


def cuped_sd(sd: float, correlation: float) -> float:
    """What is left of a standard deviation once a figure from before the test, with this correlation, is taken out."""
    require_setting("correlation", correlation, "-1..1", -1 < correlation < 1)
    return sd * math.sqrt(1 - correlation**2)


def design_effect(cluster_size: float, correlation: float) -> float:
    """By how many times a test must grow when whole clusters (stores) are drawn: 1 + (m - 1) rho (Kish 1965)."""
    require_setting("cluster_size", cluster_size, ">= 1", cluster_size >= 1)
    require_setting("correlation", correlation, "0..1", 0 <= correlation <= 1)
    return 1 + (cluster_size - 1) * correlation


def _least(power: Callable[[int], float], wanted: float) -> int:
    high = 2
    while power(high) < wanted:
        high *= 2
        if high > LARGEST:
            raise unusable("the sample size", "样本量", f"more than {LARGEST:,} units are needed", f"所需样本超过 {LARGEST:,}")
    low = max(1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= wanted else (middle, high)
    return high
