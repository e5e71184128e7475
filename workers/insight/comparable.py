"""Comparable stores: untreated stores that moved like a treated one before a start, and are like it by nature.

A comparison over time rests on stores that would have moved alike, not on stores of one level; so the trend is matched first. Weeks wipe
out the weekday; each store is taken relative to its own mean, so that a large and a small store can be comparable. Matching on many noisy
weeks regresses to the mean (Daw and Hatfield, Health Services Research 53, 2018): what was found is shown with its quality, and the
placebo starts of `did` and `synthetic` are there to refute it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from storeloom.workers.insight.effects import Floats, panel
from storeloom.workers.insight.faults import complain, needed, wrong

WEEK = 7
LEAST_WEEKS = 4
GOOD, FAIR = 0.05, 0.10
Traits = Mapping[str, str | None]


@dataclass(frozen=True)
class Likeness:
    """How like `store` is to `treated`: `trend`, root mean square of the difference of their weeks relative to their own means (0.05: weeks
    lie 5 % apart); `level`, its mean week over the treated one's; `unlike`, the traits in which they differ."""

    treated: str
    store: str
    trend: float
    level: float
    unlike: tuple[str, ...]

    @property
    def grade(self) -> str:
        """`good`, `fair` or `poor`, by the trend alone."""
        return "good" if self.trend <= GOOD else "fair" if self.trend <= FAIR else "poor"


@dataclass(frozen=True)
class Comparables:
    """`likeness` of the stores chosen for each treated one, the nearest first; `left_out`: stores that lack some of the `weeks`."""

    likeness: tuple[Likeness, ...]
    left_out: tuple[str, ...]
    weeks: int

    @property
    def stores(self) -> tuple[str, ...]:
        """All that were chosen, each once."""
        return tuple(dict.fromkeys(one.store for one in self.likeness))


def comparables(
    frame: pl.DataFrame, treated: Sequence[str], start: date, *, traits: Mapping[str, Traits] | None = None, each: int = 5, weeks: int = 12
) -> Comparables:
    """For each treated store of a panel `unique_id`, `ds` (days), `y` the `each` stores most like it in the whole weeks before `start`.

    Stores that differ in fewer `traits` come first, then those nearer by trend. InsightFault where a treated store lacks a week, there are
    fewer than four weeks, or nothing to choose from.
    """
    known = panel(frame)
    early = known.filter(pl.col("ds") < start)
    asked = list(dict.fromkeys(treated))
    unknown = [one for one in asked if one not in set(known["unique_id"])]
    found = wrong(
        "treated",
        f"stores without figures ({', '.join(unknown)})",
        f"没有指标的门店（{'、'.join(unknown)}）",
        len(unknown),
        "stores with figures",
        "有指标的门店",
    )
    span = 0 if early.height == 0 else ((start - min(early["ds"])).days) // WEEK
    used = min(weeks, span)
    complain(
        found
        + needed("whole weeks before the start", "开始前的完整周数", used, LEAST_WEEKS)
        + needed("treated stores", "试点门店", len(asked), 1)
    )
    shape, level, left_out = _weekly(early.filter(pl.col("ds") >= start - timedelta(days=WEEK * used)), start, used)
    gone = [one for one in asked if one not in shape]
    found = wrong(
        "treated",
        f"weeks without figures ({', '.join(gone)})",
        f"有整周缺数（{'、'.join(gone)}）",
        len(gone),
        "figures in each week, of a mean above 0",
        "每周都有数且均值为正",
    )
    others = sorted(shape.keys() - set(asked))
    complain(found + needed("stores to choose from", "可选对照门店", len(others), 1))
    chosen = [like for one in asked for like in _nearest(one, others, shape, level, traits or {})[:each]]
    return Comparables(tuple(chosen), tuple(one for one in left_out if one not in asked), used)


def _weekly(rows: pl.DataFrame, start: date, weeks: int) -> tuple[dict[str, Floats], dict[str, float], list[str]]:
    """Each store's weeks relative to their mean, and that mean; the stores that lack a week or sell nothing."""
    week = ((pl.lit(start) - pl.col("ds")).dt.total_days() - 1) // WEEK
    sums = rows.group_by("unique_id", week.alias("week")).agg(pl.col("y").mean()).sort("unique_id", "week", descending=[False, True])
    shape, level, left_out = {}, {}, []
    for (store,), part in sums.group_by("unique_id", maintain_order=True):
        values = np.asarray(part["y"].to_numpy(), dtype=np.float64)
        mean = float(values.mean())
        if values.size < weeks or mean <= 0:
            left_out.append(str(store))
        else:
            shape[str(store)], level[str(store)] = values / mean, mean
    return shape, level, left_out


def _nearest(
    one: str, others: Sequence[str], shape: Mapping[str, Floats], level: Mapping[str, float], traits: Mapping[str, Traits]
) -> list[Likeness]:
    own = traits.get(one, {})
    found = []
    for other in others:
        trend = float(np.sqrt(np.mean((shape[one] - shape[other]) ** 2)))
        unlike = tuple(name for name in own if traits.get(other, {}).get(name) != own[name])
        found.append(Likeness(one, other, trend, level[other] / level[one], unlike))
    return sorted(found, key=lambda like: (len(like.unlike), like.trend, like.store))
