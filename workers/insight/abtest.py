"""What a test found: differences of means, shares and ratio metrics, less noisy with CUPED, for one or several variants.

Every reading comes with its checks. The first is always the sample ratio: arms whose sizes differ from the plan were not assigned by
chance alone, and no figure of such a test can be trusted (Fabijan et al., KDD 2019). What a test is read at is fixed in advance; who
looks several times uses `sequential`.
Sources: Welch, Biometrika 34 (1947); Fieller, JRSS B 16 (1954) for relative effects; Newcombe, Statistics in Medicine 17 (1998), method 10;
Deng, Knoblich and Lu, KDD 2018 (delta method); Deng, Xu, Kohavi and Walker, WSDM 2013 (CUPED).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from storeloom.workers.insight.effects import ALPHA, Check, Effect, Floats, holm, numbers, require_level, same_length, student, unusable
from storeloom.workers.insight.faults import complain, needed, require_setting, wrong
from storeloom.workers.insight.proportions import LEVEL, wilson, z_of

RATIO_ALPHA = 0.001
BALANCE_ALPHA = 0.001


@dataclass(frozen=True, slots=True)
class Reading:
    """`effect`: treatment less control, in the metric's unit; `relative`: the same as a share of control, None where the control's mean is
    not told from 0; means (shares, ratios) and sizes of both arms; `variance_left`: share of the variance that CUPED left, 1 without."""

    effect: Effect
    relative: Effect | None
    control: float
    treatment: float
    sizes: tuple[int, int]
    checks: tuple[Check, ...] = ()
    variance_left: float = 1.0


def means(control: Any, treatment: Any, *, level: float = LEVEL, planned: float = 0.5) -> Reading:
    """Difference of means by Welch's t. `planned`: share of units that was to be treated."""
    a, b = _arms(control, treatment)
    checks = (sample_ratio((a.size, b.size), (1 - planned, planned)),)
    return _welch(a, b, level, checks)


def shares(control_hits: int, control: int, treated_hits: int, treated: int, *, level: float = LEVEL, planned: float = 0.5) -> Reading:
    """Difference of shares: Newcombe's score interval, p-value of the pooled z-test."""
    require_level(level)
    counts = {"control": (control_hits, control), "treatment": (treated_hits, treated)}
    found = [one for name, (_, n) in counts.items() for one in needed(f"units in {name}", f"{name} 组样本", n, 2)]
    for name, (hits, n) in counts.items():
        found += wrong(name, "hits outside the trials", "命中数超出试验数", int(not 0 <= hits <= n), f"0..{n}", f"0..{n}")
    complain(found)
    p, q = control_hits / control, treated_hits / treated
    (low_p, high_p), (low_q, high_q) = wilson(control_hits, control, level), wilson(treated_hits, treated, level)
    low = q - p - math.hypot(q - low_q, high_p - p)
    high = q - p + math.hypot(high_q - q, p - low_p)
    pooled = (control_hits + treated_hits) / (control + treated)
    se = math.sqrt(pooled * (1 - pooled) * (1 / control + 1 / treated))
    effect = Effect(q - p, low, high, math.erfc(abs(q - p) / se / math.sqrt(2)) if se else 1.0, level, se)
    va, vb = p * (1 - p) / control, q * (1 - q) / treated
    checks = (sample_ratio((control, treated), (1 - planned, planned)),)
    return Reading(effect, _fieller(p, va, q, vb, z_of(level), effect), p, q, (control, treated), checks)


def ratios(control: tuple[Any, Any], treatment: tuple[Any, Any], *, level: float = LEVEL, planned: float = 0.5) -> Reading:
    """Difference of ratios of sums (amount a basket), where members were drawn: (numerators, denominators) of each member, by the delta
    method."""
    y, x = _arms(control[0], treatment[0]), _arms(control[1], treatment[1])
    complain([one for i in (0, 1) for one in same_length(numerators=y[i], denominators=x[i])])
    lines, values = [], []
    for top, bottom in zip(y, x, strict=True):
        if bottom.sum() <= 0:
            raise unusable("a ratio", "比率", "the denominators of an arm come to nothing", "某组分母合计为零")
        values.append(float(top.sum() / bottom.sum()))
        lines.append(values[-1] + (top - values[-1] * bottom) / bottom.mean())
    return _welch(lines[0], lines[1], level, (sample_ratio((lines[0].size, lines[1].size), (1 - planned, planned)),))


def cuped(
    control: Any, control_before: Any, treatment: Any, treatment_before: Any, *, level: float = LEVEL, planned: float = 0.5
) -> Reading:
    """Difference of means once what a figure from before the test explains is taken out; the treatment cannot have moved that figure.

    The check of balance compares that figure between the arms: a difference there is one that chance or a bad assignment made.
    """
    (a, b), (pre_a, pre_b) = _arms(control, treatment), _arms(control_before, treatment_before)
    complain([*same_length(control=a, control_before=pre_a), *same_length(treatment=b, treatment_before=pre_b)])
    within = np.concatenate([pre_a - pre_a.mean(), pre_b - pre_b.mean()])
    outcome = np.concatenate([a - a.mean(), b - b.mean()])
    spread = float(within @ within)
    theta = float(within @ outcome) / spread if spread > 0 else 0.0
    left = outcome - theta * within
    middle = float(np.concatenate([pre_a, pre_b]).mean())
    before = _welch(pre_a, pre_b, level, ()).effect.p_value
    checks = (
        sample_ratio((a.size, b.size), (1 - planned, planned)),
        Check("balance before the test, p", "测试前均衡性 p 值", before, f">= {BALANCE_ALPHA}", before >= BALANCE_ALPHA),
    )
    total = float(outcome @ outcome)
    return _welch(a - theta * (pre_a - middle), b - theta * (pre_b - middle), level, checks, float(left @ left) / total if total else 1.0)


def variants(control: Any, treatments: Mapping[str, Any], *, level: float = LEVEL) -> dict[str, Reading]:
    """Several variants against one control: p-values adjusted by Holm, intervals that hold together (Bonferroni)."""
    require_level(level)
    complain(needed("variants", "方案", len(treatments), 1))
    each = 1 - (1 - level) / len(treatments)
    read = {name: _welch(*_arms(control, values), each, ()) for name, values in treatments.items()}
    sizes = (len(control), *(len(values) for values in treatments.values()))
    ratio = sample_ratio(sizes, [1 / len(sizes)] * len(sizes))
    adjusted = holm([one.effect.p_value for one in read.values()])
    return {
        name: Reading(
            Effect(one.effect.value, one.effect.low, one.effect.high, p, level, one.effect.se),
            one.relative,
            one.control,
            one.treatment,
            one.sizes,
            (ratio,),
        )
        for (name, one), p in zip(read.items(), adjusted, strict=True)
    }


def sample_ratio(counts: Any, planned: Any, alpha: float = RATIO_ALPHA) -> Check:
    """Whether arms have the sizes that the plan would bring by chance: chi-squared, strict so that it speaks only when something is
    wrong."""
    from scipy.stats import chi2

    seen, expected = np.asarray(counts, dtype=np.float64), np.asarray(planned, dtype=np.float64)
    require_setting("planned", planned, "shares > 0 that sum to 1", bool(np.all(expected > 0) and abs(expected.sum() - 1) < 1e-9))
    complain(needed("units in all", "总样本", int(seen.sum()), 1))
    aims = expected * seen.sum()
    p = float(chi2.sf(float(np.sum((seen - aims) ** 2 / aims)), seen.size - 1))
    return Check("sample ratio, p", "样本比例 p 值", p, f">= {alpha}", p >= alpha)


def split_rate(values: Any, *, draws: int = 500, seed: int = 0, alpha: float = ALPHA) -> Check:
    """The share of random halves of one group that the test calls different (an A/A test): it must be `alpha`.

    Run it on last month's values before a test: heavy tails or clusters in a metric show here, not after the roll-out.
    """
    array, found = numbers("values", values, 8)
    complain(found)
    rng = np.random.default_rng(seed)
    half = array.size // 2
    wrongly = 0
    for _ in range(draws):
        order = rng.permutation(array)
        wrongly += _welch(order[:half], order[half:], 1 - alpha, ()).effect.p_value < alpha
    rate, band = wrongly / draws, 3 * math.sqrt(alpha * (1 - alpha) / draws)
    expected = f"{max(0.0, alpha - band):.3f}..{alpha + band:.3f}"
    return Check("A/A false alarm rate", "A/A 误报率", rate, expected, abs(rate - alpha) <= band)


def _arms(control: Any, treatment: Any) -> tuple[Floats, Floats]:
    a, found = numbers("control", control)
    b, more = numbers("treatment", treatment)
    complain(found + more)
    return a, b


def _welch(a: Floats, b: Floats, level: float, checks: tuple[Check, ...], left: float = 1.0) -> Reading:
    from scipy.stats import t

    va, vb = float(a.var(ddof=1)) / a.size, float(b.var(ddof=1)) / b.size
    df = (va + vb) ** 2 / (va**2 / (a.size - 1) + vb**2 / (b.size - 1)) if va + vb > 0 else a.size + b.size - 2
    first, second = float(a.mean()), float(b.mean())
    effect = student(second - first, math.sqrt(va + vb), df, level)
    relative = _fieller(first, va, second, vb, float(t.ppf(0.5 + level / 2, df)), effect)
    return Reading(effect, relative, first, second, (a.size, b.size), checks, left)


def _fieller(a: float, va: float, b: float, vb: float, edge: float, effect: Effect) -> Effect | None:
    """Interval of b / a - 1: the ratios that the data do not reject."""
    lead = a * a - edge * edge * va
    if lead <= 0 or a <= 0:
        return None
    half = edge * math.sqrt(max(0.0, a * a * vb + b * b * va - edge * edge * va * vb))
    return Effect(b / a - 1, (a * b - half) / lead - 1, (a * b + half) / lead - 1, effect.p_value, effect.level)
