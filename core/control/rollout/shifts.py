"""How far the updated stores moved from their own past, beyond how the stores that are not updated moved over the same hours.

Each store's values are held against its own of the same hour of the week, as a share of its level, so that large and small stores, and
weekday and hour, weigh alike; the mean of the others over the same hours is taken off, so that weather, holidays and promotions of the
chain do not count. The store is the unit: hours of one store are not taken for independent. With few updated stores the spread between
stores is taken from all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from storeloom.core.control.rollout.picture import Evidence

Floats = NDArray[np.float64]
WEEK = 168
FEW = 10


def shift(key: str, values: Floats, since: Mapping[int, int], start: int, *, worse: str, least: int) -> Evidence:
    """The harm to the updated stores. `values`: stores by hours (the first is a multiple of a week before nothing in particular), NaN where
    nothing was told; `since`: for each updated store (row) its first hour under the release; hours before `start` are the past."""
    past = _past(values, start)
    level = np.nanmean(np.abs(values[:, :start]), axis=1, where=~np.isnan(values[:, :start]), keepdims=True) if start else None
    if level is None:
        return Evidence(key, None, None, 0, 0)
    moved = (values[:, start:] - past[:, start:]) / np.where(level > 0, level, np.nan)
    rows = np.arange(values.shape[0])
    treated = np.array(sorted(since), dtype=np.intp)
    others = np.setdiff1d(rows, treated)
    counted = ~np.isnan(moved)
    common = counted[others].sum(axis=0)
    usual = np.where(common > 0, np.nansum(moved[others], axis=0) / np.maximum(common, 1), np.nan)
    apart = moved - usual
    after = np.arange(start, values.shape[1])
    mine = [_mean(apart[row, after >= since[int(row)]]) for row in treated]
    theirs = [_mean(apart[row]) for row in others]
    heard = sum(bool(counted[row, after >= since[int(row)]].any()) for row in treated)
    t, c = (np.array([one for one in found if not math.isnan(one)]) for found in (mine, theirs))
    if t.size < 1 or t.size < min(least, treated.size) or c.size < max(2, least):
        return Evidence(key, None, None, heard, int(c.size))
    harm = float(t.mean()) * (-1 if worse == "lower" else 1)
    se = _error(t, c)
    return Evidence(key, harm, se, int(t.size), int(c.size)) if se > 0 else Evidence(key, None, None, int(t.size), int(c.size))


def _past(values: Floats, start: int) -> Floats:
    """Each store's mean of the same hour of the week before `start`, of the same hour of the day where it has none."""
    hours = np.arange(values.shape[1])
    found = np.full_like(values, np.nan)
    for length in (24, WEEK):
        for slot in range(length):
            then = values[:, (hours % length == slot) & (hours < start)]
            count = (~np.isnan(then)).sum(axis=1)
            mean = np.nansum(then, axis=1) / np.maximum(count, 1)
            where = hours % length == slot
            found[:, where] = np.where(count[:, None] > 0, mean[:, None], found[:, where])
    return found


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _error(treated: Floats, others: Floats) -> float:
    """The standard error, widened so that harm over it is a standard normal's where Student's t would be due."""
    own = float(treated.var(ddof=1)) if treated.size > 1 else 0.0
    all_ = float(others.var(ddof=1))
    if treated.size < FEW:
        df = treated.size + others.size - 2.0
        spread = ((treated.size - 1) * own + (others.size - 1) * all_) / df
        variance = spread * (1 / treated.size + 1 / others.size)
    else:
        a, b = own / treated.size, all_ / others.size
        variance = a + b
        df = variance**2 / (a**2 / (treated.size - 1) + b**2 / (others.size - 1)) if variance > 0 else 1.0
    error, effect = math.sqrt(variance), abs(float(treated.mean()))
    if error == 0 or effect == 0:
        return error
    from scipy.stats import norm, t

    tail = float(t.logsf(effect / error, df))
    z = float(norm.isf(math.exp(tail))) if tail > -700 else math.sqrt(-2 * tail)
    return effect / z if z > 0 else error


def excess(key: str, counts: Sequence[tuple[int, int, int, int]]) -> Evidence | None:
    """The rise of failures per event of one solution instance. `counts`, a store each: failures and events under the release, failures and
    events before; None where nothing was handled under it.

    Given a store's failures as a whole, those under the release are binomial where nothing changed, by its events alone; stores are summed,
    and spread between stores beyond chance (about the common rise) widens the error. With fewer than five stores it is taken for tenfold.
    """
    known = [(fa, ha, fb, hb) for fa, ha, fb, hb in counts if ha > 0 and hb > 0]
    events = sum(ha for _, ha, _, _ in known)
    if events == 0:
        return None
    expected = [(fa + fb) * ha / (ha + hb) for fa, ha, fb, hb in known]
    variance = sum((fa + fb) * ha * hb / (ha + hb) ** 2 for fa, ha, fb, hb in known)
    spread = max(_dispersion(known), 1.0 if len(known) >= 5 else 10.0)
    harm = (sum(fa for fa, *_ in known) - sum(expected)) / events
    return Evidence(key, harm, math.sqrt(max(spread * variance, 1e-6)) / events, len(known), len(known))


def _dispersion(known: Sequence[tuple[int, int, int, int]]) -> float:
    """Pearson's statistic per degree of freedom about the rate ratio that fits all stores best."""
    informative = [one for one in known if one[0] + one[2] > 0]
    if len(informative) < 2 or not any(fa for fa, *_ in informative) or not any(fb for _, _, fb, _ in informative):
        return 1.0
    low, high = -30.0, 30.0
    for _ in range(80):
        middle = (low + high) / 2
        gap = sum(fa - (fa + fb) * _share(ha, hb, middle) for fa, ha, fb, hb in informative)
        low, high = (middle, high) if gap > 0 else (low, middle)
    total = 0.0
    for fa, ha, fb, hb in informative:
        p = _share(ha, hb, (low + high) / 2)
        total += (fa - (fa + fb) * p) ** 2 / max((fa + fb) * p * (1 - p), 1e-9)
    return total / (len(informative) - 1)


def _share(after: int, before: int, log_ratio: float) -> float:
    return 1 / (1 + before / after * math.exp(-log_ratio))
