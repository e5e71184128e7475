"""Difference-in-differences: what a change in some stores did, held against stores where nothing changed.

Two-way fixed effects with errors clustered by unit (Bertrand, Duflo and Mullainathan, QJE 119, 2004). Where units start at different
times, plain two-way fixed effects compare late starters with early ones and can even get the sign wrong (Goodman-Bacon, Journal of
Econometrics 225, 2021); each start is therefore stacked with the never treated only (Cengiz, Dube, Lindner and Zipperer, QJE 134, 2019).
What the comparison rests on is that both groups would have moved alike. That can be refuted, never proved: by the slopes before the
start, by an event study, by starts that never happened, and by other stores drawn in the treated ones' place. With few treated stores
believe `permuted` before the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight import absorb
from storeloom.workers.insight.effects import ALPHA, Check, Effect, Floats, holm, panel, require_level, student, unusable, warnings
from storeloom.workers.insight.faults import InsightFault, complain, needed, require_setting, wrong
from storeloom.workers.insight.proportions import LEVEL

Starts = Mapping[str, date | datetime]
Codes = NDArray[np.intp]
LEAST_TREATED, LEAST_CONTROLS = 2, 3


@dataclass(frozen=True)
class Change:
    """`effect`: mean of y in treated units after the start over what it would have been; `share`: the same as a share of that; `checks`: of
    parallel slopes, and whether permuted stores show as much; `findings`: where the slopes were not parallel."""

    effect: Effect
    share: float | None
    treated: int
    controls: int
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Study:
    """An event study: `table` has `period` (0: the first treated one; -1 is the base, 0 by definition), `value`, `low`, `high`; the
    outermost periods hold all that lies beyond. `pre`: joint test that nothing moved before the start."""

    table: pl.DataFrame
    pre: Check


@dataclass(frozen=True)
class _Rows:
    """The stacked panel: one line a unit, time and stack."""

    y: Floats
    since: Codes
    """Periods since the start, of treated units; meaningless for others."""
    treated: NDArray[np.bool_]
    unit: Codes
    time: Codes
    cluster: Codes
    units: int
    starters: int

    @property
    def groups(self) -> Codes:
        """1 for each cluster that starts, 0 for the never treated."""
        return (np.bincount(self.cluster, self.treated, self.units) > 0).astype(np.intp)

    def fit(self, x: Floats, jackknife: bool = True) -> absorb.Fit:
        found = absorb.fit(self.y, x, self.unit, self.time, self.cluster, jackknife=jackknife)
        if found is None:
            reason = "no unit has values both before and after its start", "没有对象在开始前后都有数据"
            raise unusable("the effect", "效应", *reason)
        return found


def change(frame: pl.DataFrame, starts: Starts, *, level: float = LEVEL, draws: int = 1000, seed: int = 0) -> Change:
    """The effect of what began at `starts[unit]` (first treated time) on `y` of a panel `unique_id`, `ds`, `y`; other units are controls.

    `draws`: units drawn at random in place of the treated ones for the permutation check; 0 leaves it out.
    """
    require_level(level)
    rows = _stacked(panel(frame), starts)
    on = (rows.treated & (rows.since >= 0)).astype(np.float64)
    found = rows.fit(on[:, None])
    effect = student(float(found.slopes[0]), float(_errors(found)[0]), absorb.freedom(rows.groups), level)
    base = float(rows.y[on > 0].mean()) - effect.value
    checks = [_trend(rows)]
    if draws and len(set(starts.values())) == 1:
        checks.append(_permuted(rows, draws, seed, level))
    share = effect.value / base if base > 0 else None
    return Change(effect, share, rows.starters, rows.units - rows.starters, tuple(checks), warnings(checks[:1]))


def event_study(frame: pl.DataFrame, starts: Starts, *, before: int = 4, after: int = 4, level: float = LEVEL) -> Study:
    """The effect by period since the start, from `before` periods ahead of it to `after` from it on, against the last period before it."""
    require_setting("before", before, ">= 2", before >= 2)
    require_setting("after", after, ">= 1", after >= 1)
    rows = _stacked(panel(frame), starts)
    period = np.clip(rows.since, -before, after - 1)
    shown = [at for at in range(-before, after) if at != -1]
    columns = np.column_stack([(rows.treated & (period == at)).astype(np.float64) for at in shown])
    found = rows.fit(columns)
    df = absorb.freedom(rows.groups)
    each = zip(shown, found.slopes, _errors(found), strict=True)
    effects = {at: student(float(value), float(error), df, level) for at, value, error in each}
    lines = [
        (at, effects[at].value, effects[at].low, effects[at].high) if at in effects else (-1, 0.0, 0.0, 0.0) for at in range(-before, after)
    ]
    table = pl.DataFrame(lines, schema=["period", "value", "low", "high"], orient="row")
    return Study(table, _still(found, before - 1, df, rows.starters))


def placebo_dates(
    frame: pl.DataFrame, starts: Starts, *, dates: int = 4, level: float = LEVEL
) -> tuple[tuple[date | datetime, Effect], ...]:
    """Effects of starts that never happened: all that came from the first true start on is cut off, and `dates` even-spread times tried.

    The p-values are Holm's over the dates: one below 1 - level speaks against the comparison.
    """
    clean = panel(frame)
    first = min(_starts(clean, starts).values())
    early = clean.filter(pl.col("ds") < first)
    times = early["ds"].unique().sort().to_list()
    complain(needed("periods before the first start", "首个开始时间之前的周期", len(times), 2 * dates + 2))
    picks = [times[round(one)] for one in np.linspace(0, len(times), dates + 2)[1:-1]]
    tried = [(at, change(early, dict.fromkeys(starts, at), level=level, draws=0).effect) for at in picks]
    adjusted = holm([effect.p_value for _, effect in tried])
    return tuple((at, Effect(e.value, e.low, e.high, p, level, e.se)) for (at, e), p in zip(tried, adjusted, strict=True))


def _errors(found: absorb.Fit) -> Floats:
    return np.asarray(np.sqrt(np.diag(found.covariance)), dtype=np.float64)


def _starts(frame: pl.DataFrame, starts: Starts) -> dict[str, date | datetime]:
    known = set(frame["unique_id"].unique())
    strange = sorted(set(starts) - known)
    found = wrong("starts", f"unknown units ({', '.join(strange[:3])})", f"未知对象（{'、'.join(strange[:3])}）", len(strange), "-", "-")
    kinds = {type(frame["ds"][0])} if frame.height else set()
    mixed = [unit for unit, at in starts.items() if type(at) not in kinds]
    found += wrong("starts", "times of another kind than ds", "与 ds 类型不同的时间", len(mixed), "as ds", "与 ds 一致")
    found += needed("treated units", "实施对象", len(set(starts) & known), LEAST_TREATED)
    found += needed("units without the change", "未实施对象", len(known - set(starts)), LEAST_CONTROLS)
    complain(found)
    return dict(starts)


def _stacked(frame: pl.DataFrame, starts: Starts) -> _Rows:
    """One copy of the never treated for each start, with effects of their own in each."""
    when = _starts(frame, starts)
    order = {at: number for number, at in enumerate(frame["ds"].unique().sort())}
    times = np.array([order[at] for at in frame["ds"]], dtype=np.intp)
    names, unit = np.unique(frame["unique_id"].to_numpy(), return_inverse=True)
    all_times = np.array(frame["ds"].unique().sort().to_list())
    begin = np.array([int(np.sum(all_times < when[name])) if name in when else -1 for name in names], dtype=np.intp)
    outside = [str(name) for name, at in zip(names, begin, strict=True) if name in when and not 0 < at < len(order)]
    if outside:
        args = {"got": {"en": "starts before or after all data", "zh": "早于或晚于全部数据的开始时间"}, "count": len(outside)}
        allowed = {"en": "data on both sides", "zh": "前后均有数据"}
        raise InsightFault(Finding("SL-EXP-02", {"what": "starts", **args, "allowed": allowed}))
    never = begin < 0
    parts: list[tuple[Codes, Codes]] = []
    for number, at in enumerate(np.unique(begin[~never])):
        kept = np.flatnonzero(never[unit] | (begin[unit] == at))
        parts.append((kept, np.full(kept.size, number, dtype=np.intp)))
    kept, stack = (np.concatenate(one) for one in zip(*parts, strict=True))
    y = frame["y"].to_numpy()
    return _Rows(
        np.asarray(y[kept], dtype=np.float64),
        (times - begin[unit])[kept],
        ~never[unit][kept],
        np.unique(stack * names.size + unit[kept], return_inverse=True)[1],
        np.unique(stack * len(order) + times[kept], return_inverse=True)[1],
        unit[kept].astype(np.intp),
        names.size,
        int(np.sum(~never)),
    )


def _trend(rows: _Rows) -> Check:
    """Whether the treated drifted away from the others before the start: difference of the linear slopes."""
    early_times = np.unique(rows.time[rows.treated & (rows.since < 0)])
    early = np.isin(rows.time, early_times)
    name, zh = "parallel slopes before the start, p", "开始前趋势平行 p 值"
    position = np.where(rows.treated, rows.since, 0).astype(np.float64)
    cluster = np.unique(rows.cluster[early], return_inverse=True)[1]
    found = None
    if early_times.size >= 3:
        unit, time = (np.unique(one[early], return_inverse=True)[1] for one in (rows.unit, rows.time))
        found = absorb.fit(rows.y[early], position[early][:, None], unit, time, cluster)
    if found is None:
        return Check("periods before the start", "开始前的周期数", float(early_times.size), ">= 3", False)
    groups = (np.bincount(cluster, rows.treated[early]) > 0).astype(np.intp)
    p = student(float(found.slopes[0]), float(_errors(found)[0]), absorb.freedom(groups), LEVEL).p_value
    return Check(name, zh, p, f">= {ALPHA}", p >= ALPHA)


def _still(found: absorb.Fit, leads: int, df: float, starters: int) -> Check:
    """Joint test of the first `leads` slopes, scaled as Hotelling's: with few clusters it is no plain F(q, G - 1)."""
    from scipy.stats import f

    if df < leads:
        return Check("treated units for the joint test", "联合检验所需实施对象", float(starters), f">= {leads + 2}", False)
    ahead = found.slopes[:leads]
    wald = float(ahead @ np.linalg.pinv(found.covariance[:leads, :leads]) @ ahead)
    p = float(f.sf(wald * (df - leads + 1) / (df * leads), leads, df - leads + 1))
    return Check("no move before the start, joint p", "开始前无变动的联合 p 值", p, f">= {ALPHA}", p >= ALPHA)


def _permuted(rows: _Rows, draws: int, seed: int, level: float) -> Check:
    """Share of random draws of as many units whose gain after the start is as large (randomisation inference, Fisher 1935)."""
    rng = np.random.default_rng(seed)
    later = rows.time >= int((rows.time - rows.since)[rows.treated][0])
    swept = absorb.sweep(rows.y[:, None], rows.unit, rows.time)[:, 0]
    gains = np.bincount(rows.cluster[later], swept[later], rows.units)
    own = abs(float(gains[np.unique(rows.cluster[rows.treated])].sum()))
    drawn = (abs(float(rng.choice(gains, rows.starters, replace=False).sum())) for _ in range(draws))
    larger = sum(one >= own * (1 - 1e-9) for one in drawn)
    p = (1 + larger) / (1 + draws)
    return Check("permuted stores, p", "随机置换门店 p 值", p, f"< {1 - level:.2g}", p < 1 - level)
