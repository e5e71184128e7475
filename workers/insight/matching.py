"""Members who got a campaign beside members like them who did not: propensity matching, with the balance it reached and a placebo.

One to one on the logit of the propensity, without replacement, within a caliper of 0.2 standard deviations (Rosenbaum and Rubin, Biometrika
70, 1983; Austin, Pharmaceutical Statistics 10, 2011). Errors are of the pairs (Abadie and Spiess, JASA 117, 2022). Matching makes alike
only what it sees: members chosen for what is not in the data stay different, and the placebo outcome (what they did before) is there to
show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight.effects import ALPHA, Check, Effect, Floats, numbers, same_length, student, unusable, warnings
from storeloom.workers.insight.faults import complain, needed, require_setting, wrong
from storeloom.workers.insight.proportions import LEVEL

CALIPER = 0.2
BALANCED = 0.1
LEAST = 20


@dataclass(frozen=True)
class Pairs:
    """`treated` and `controls`: rows that were paired; `unmatched`: treated rows without a like; `balance`: covariate, before, after
    (standardised differences); `propensity` of every row; `worst`: the check that all of them came below 0.1."""

    treated: NDArray[np.intp]
    controls: NDArray[np.intp]
    unmatched: int
    balance: pl.DataFrame
    propensity: Floats
    worst: Check


@dataclass(frozen=True)
class Matched:
    """`effect`: mean outcome of paired treated members over their likes; `control`: mean of the likes; `placebo`: the same of an outcome
    that the treatment cannot have moved."""

    effect: Effect
    control: float
    placebo: Effect | None
    pairs: Pairs
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]


def pair(covariates: pl.DataFrame, treated: Any, *, caliper: float = CALIPER, seed: int = 0) -> Pairs:
    """Pairs of members by numeric `covariates` from before the treatment (skewed ones on a log scale); `treated` is 0 or 1 a row."""
    from sklearn.linear_model import LogisticRegression

    require_setting("caliper", caliper, "> 0", caliper > 0)
    x, got = _checked(covariates, treated)
    scale = np.where(x.std(axis=0) > 1e-12, x.std(axis=0), 1.0)
    z = (x - x.mean(axis=0)) / scale
    model = LogisticRegression(C=100.0, max_iter=1000).fit(z, got)
    logit = np.asarray(model.decision_function(z), dtype=np.float64)
    ones, others = _nearest(logit, got, caliper * float(logit.std()), seed)
    if ones.size < 2:
        raise unusable("an effect", "效应", "no treated member has a like among the others", "没有可匹配的未触达会员")
    before = _differences(x, np.flatnonzero(got > 0), np.flatnonzero(got == 0))
    after = _differences(x, ones, others, before[1])
    balance = pl.DataFrame({"covariate": covariates.columns, "before": before[0], "after": after[0]})
    largest = float(np.max(np.abs(after[0])))
    worst = Check("largest standardised difference", "最大标准化差异", largest, f"<= {BALANCED}", largest <= BALANCED)
    return Pairs(ones, others, int(got.sum()) - ones.size, balance, 1 / (1 + np.exp(-logit)), worst)


def matched(pairs: Pairs, outcome: Any, placebo: Any | None = None, *, level: float = LEVEL) -> Matched:
    """The effect on the treated by `outcome` of every row; `placebo`: an outcome from before the treatment that was not matched on."""
    effect, control = _paired(pairs, outcome, "outcome", level)
    lost = pairs.unmatched / (pairs.unmatched + pairs.treated.size)
    checks = [pairs.worst, Check("treated without a like", "未匹配的触达会员占比", lost, "<= 0.2", lost <= 0.2)]
    before = None
    if placebo is not None:
        before, _ = _paired(pairs, placebo, "placebo", level)
        checks.append(Check("placebo outcome, p", "安慰剂结果 p 值", before.p_value, f">= {ALPHA}", before.p_value >= ALPHA))
    return Matched(effect, control, before, pairs, tuple(checks), warnings(checks))


def _paired(pairs: Pairs, values: Any, name: str, level: float) -> tuple[Effect, float]:
    y, found = numbers(name, values)
    complain(found + same_length(rows=pairs.propensity, outcome=y))
    apart = y[pairs.treated] - y[pairs.controls]
    se = float(apart.std(ddof=1)) / math.sqrt(apart.size)
    return student(float(apart.mean()), se, apart.size - 1, level), float(y[pairs.controls].mean())


def _checked(covariates: pl.DataFrame, treated: Any) -> tuple[Floats, Floats]:
    got, found = numbers("treated", treated)
    for name in covariates.columns:
        found += numbers(name, covariates[name].to_numpy())[1]
    found += wrong("treated", "values other than 0 and 1", "0 与 1 以外的值", int(np.sum((got != 0) & (got != 1))), "0, 1", "0、1")
    if got.size != covariates.height:
        found += wrong(
            "treated", "another length than the covariates", "与协变量长度不一", 1, str(covariates.height), str(covariates.height)
        )
    found += needed("treated members", "触达会员", int(np.sum(got == 1)), LEAST)
    complain(found + needed("members not treated", "未触达会员", int(np.sum(got == 0)), LEAST))
    return np.asarray(covariates.to_numpy(), dtype=np.float64), got


def _nearest(logit: Floats, got: Floats, within: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Greedy pairs, treated members in random order; each takes the nearest one left."""
    free = np.flatnonzero(got == 0)
    free = free[np.argsort(logit[free], kind="stable")]
    values, after = logit[free], np.arange(1, free.size + 2)
    before = np.arange(-1, free.size + 1)

    def root(links: NDArray[np.intp], at: int) -> int:
        path = []
        while links[at] != at:
            path.append(at)
            at = int(links[at])
        links[path] = at
        return at

    right, left = np.arange(free.size + 1), np.arange(free.size + 1)
    ones, others = [], []
    for one in np.random.default_rng(seed).permutation(np.flatnonzero(got > 0)):
        place = int(np.searchsorted(values, logit[one]))
        up, down = root(right, place), root(left, place)
        far_up = values[up] - logit[one] if up < free.size else math.inf
        far_down = logit[one] - values[down - 1] if down > 0 else math.inf
        if min(far_up, far_down) > within:
            continue
        taken = up if far_up <= far_down else down - 1
        right[taken], left[taken + 1] = after[taken], before[taken + 1]
        ones.append(int(one))
        others.append(int(free[taken]))
    return np.array(ones, dtype=np.intp), np.array(others, dtype=np.intp)


def _differences(x: Floats, ones: NDArray[np.intp], others: NDArray[np.intp], spread: Floats | None = None) -> tuple[Floats, Floats]:
    """Standardised differences, and the pooled standard deviations before matching that they are measured in (Austin 2009)."""
    if spread is None:
        spread = np.sqrt((x[ones].var(axis=0, ddof=1) + x[others].var(axis=0, ddof=1)) / 2)
    apart = x[ones].mean(axis=0) - x[others].mean(axis=0)
    return apart / np.where(spread > 1e-12, spread, 1.0), spread
