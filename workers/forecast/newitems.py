"""First forecasts of new items: from items like them that were launched before, then more and more from what they sell themselves.

The level, units a week over the first weeks, is a gamma distribution. Its mean is that of the likes' early sales, weighted by likeness and
drawn to the mean of all launches; its width is how far launches really fell from what their likes foretold (maximum likelihood of a
negative binomial). Each week on the shelf adds its units and the share of a usual week that it was (conjugate gamma-Poisson; Gelman et al.,
"Bayesian Data Analysis", 2.6); a week in which the item could not be bought teaches nothing. Sales that scatter more than Poisson count
as less evidence, by their dispersion.

Intervals are negative binomial, their shares moved to those at which past launches really fell when each was forecast without itself, age
by age (`intervals.calibrated`). `NewItems.checks` tells what those forecasts were worth beside the mean of the group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from storeloom.workers.forecast.grid import Array
from storeloom.workers.forecast.intervals import EVEN, calibrated, drawn_shares, negative_binomial
from storeloom.workers.forecast.launches import (
    LEAST,
    TINY,
    Course,
    Launch,
    Likeness,
    Value,
    checked,
    course_of,
    evidence,
    likeness_of,
)

AGES = (0, 1, 2, 4, 8, 13)
NAMED = 3
LEAST_MEAN = 0.01
WIDTHS = np.geomspace(0.05, 100, 60)


@dataclass(frozen=True)
class Level:
    """Gamma distribution of units a week: `shape` by `rate`."""

    shape: float
    rate: float

    @classmethod
    def of_likes(cls, rates: Sequence[float]) -> Level:
        """From the weekly rates of like items, by their mean and sample variance (at least a quarter of the mean).

        Likes that sold nothing count as 0.01 a week. ValueError without any.
        """
        if not rates:
            raise ValueError("no like items")
        mean = max(float(np.mean(rates)), LEAST_MEAN)
        variance = max(float(np.var(rates, ddof=1)) if len(rates) > 1 else 0.0, mean / 4)
        return cls(mean**2 / variance, mean / variance)

    @property
    def mean(self) -> float:
        return self.shape / self.rate

    def seen(self, units: float, exposure: float, dispersion: float = 1.0) -> Level:
        """After `units` in so many weeks on the shelf; `dispersion`: variance by mean of a week's sales."""
        if exposure <= 0:
            return self
        return Level(self.shape + units / dispersion, self.rate + exposure / dispersion)

    def chance_above(self, hurdle: float) -> float:
        """Chance that the rate is above so many units a week."""
        from scipy.stats import gamma

        return float(gamma.sf(hurdle, self.shape, scale=1 / self.rate))

    def ratio(self, exposure: float, dispersion: float = 1.0) -> float:
        """Variance by mean of what sells over so many weeks: chance of the sales, and what is not known of the rate."""
        return dispersion + exposure / self.rate


@dataclass(frozen=True)
class Like:
    """A past launch like the new item: likeness 0 to 1, units a week in its first weeks."""

    item: str
    likeness: float
    rate: float


@dataclass(frozen=True)
class NewItemForecast:
    """`weeks`: week (from the launch, 1 is the first), mean, quantiles (q10 is the 10 % quantile). `total`: the same of their sum.
    `level` after what was sold; `own`: share of the evidence that is the item's own; `why`, `why_zh`: in words."""

    weeks: pl.DataFrame
    total: dict[str, float]
    level: Level
    likes: tuple[Like, ...]
    own: float
    why: str
    why_zh: str


@dataclass(frozen=True)
class Check:
    """What past launches, each forecast without itself at `age`, tell: WAPE of the units left in the window by this forecast, by the mean
    of the launches of the same group, by nothing; share of every other launch inside the 80 % interval that the rest give, ends of counts
    shared out by chance; bias."""

    age: int
    launches: int
    wape: float
    group_wape: float
    zero_wape: float
    covered: float
    bias: float


@dataclass(frozen=True)
class NewItems:
    """What is learnt of past launches; made by `learn`."""

    launches: tuple[Launch, ...]
    window: int
    course: Course
    likeness: Likeness
    usual: float
    width: float
    dispersion: float
    shares: Mapping[int, Array]
    checks: tuple[Check, ...] = field(default=())

    @cached_property
    def _evidence(self) -> tuple[Array, Array]:
        return evidence(self.launches, self.course)

    def likes(self, attributes: Mapping[str, Value], most: int = 5, farthest: float = 1.0) -> list[Like]:
        """The likest launches, at most so many, none farther than a Gower distance."""
        differences = self.likeness.differences([attributes], [one.attributes for one in self.launches])
        near, far = self.likeness.likeness(differences)[0], self.likeness.distance(differences)[0]
        units, exposure = self._evidence
        order = [int(place) for place in np.argsort(-near, kind="stable") if far[place] <= farthest and exposure[place] > 0][:most]
        return [Like(self.launches[place].item, float(near[place]), float(units[place] / exposure[place])) for place in order]

    def prior(self, attributes: Mapping[str, Value]) -> Level:
        """The level before anything was sold."""
        near = self.likeness.likeness(self.likeness.differences([attributes], [one.attributes for one in self.launches]))
        mean = float(_means(near, *self._evidence, self.likeness.own, self.usual)[0])
        return Level(self.width, self.width / mean)

    def forecast(
        self,
        attributes: Mapping[str, Value],
        weeks: int,
        units: Sequence[float] = (),
        exposure: Sequence[float] = (),
        ahead: Sequence[float] = (),
        levels: Sequence[float] = (80, 95),
    ) -> NewItemForecast:
        """Forecast `weeks` weeks of a new item that sold `units` in its first weeks.

        `exposure`: share of each week past that it could be bought; `ahead`: of each week to come (default: all). PanelFault for units
        or shares that are none.
        """
        from storeloom.workers.forecast.chain import column, shares_of

        own = Launch("new", attributes, tuple(units), tuple(exposure))
        planned = Launch("new", attributes, (0.0,) * weeks, tuple(ahead))
        checked([own])
        checked([planned])
        before = self.prior(attributes)
        sold, shown = evidence([own], self.course)
        level = before.seen(float(sold[0]), float(shown[0]), self.dispersion)
        week = self.course.at(len(units), weeks) * np.array(planned.shown)
        shares = shares_of(levels)
        means, total = level.mean * week, level.mean * float(week.sum())
        table = self.shares.get(max((age for age in self.shares if age <= len(units)), default=-1))
        drawn = _quantiles(means, np.array([level.ratio(one, self.dispersion) for one in week]), shares, table)
        summed = _quantiles(np.array([total]), np.array([level.ratio(float(week.sum()), self.dispersion)]), shares, table)
        frame = pl.DataFrame({"week": np.arange(len(units) + 1, len(units) + weeks + 1), "mean": means})
        frame = frame.with_columns(**{column(share): pl.Series(drawn[place]) for place, share in enumerate(shares)})
        told = {"mean": total, **{column(share): float(summed[place, 0]) for place, share in enumerate(shares)}}
        part = 1 - before.rate / level.rate
        likes = tuple(self.likes(attributes))
        return NewItemForecast(frame, told, level, likes, part, *_words(likes, before, level, part, self.course.name))


def learn(launches: Sequence[Launch], window: int = 8, group: str | None = None) -> NewItems:
    """Learn from past launches, by their first `window` weeks.

    `group`: the attribute whose mean the checks compare with (default: the first).

    With fewer than 12 launches all attributes weigh the same and intervals are those of theory. PanelFault for launches that are wrong.
    """
    checked(launches)
    known = [one for one in (_cut(one, window) for one in launches) if any(share > 0 for share in one.shown)]
    checked(known)
    course = course_of(known, window)
    likeness = likeness_of(known, course)
    units, exposure = evidence(known, course)
    usual = max(float(units.sum() / exposure.sum()), LEAST_MEAN)
    dispersion = _dispersion(known, course)
    found = NewItems(tuple(known), window, course, likeness, usual, 1.0, dispersion, {})
    if len(known) < LEAST:
        return found
    attributes = [one.attributes for one in known]
    near = likeness.likeness(likeness.differences(attributes, attributes))
    np.fill_diagonal(near, 0.0)
    means = _means(near, units, exposure, likeness.own, usual)
    width = _width(units, exposure, means, dispersion)
    shares, checks = {}, []
    name = group or next(iter(likeness.weights), "")
    for age in (age for age in AGES if age < window):
        fallen, check = _left_out(known, course, means, width, dispersion, age, name)
        if check is not None:
            checks.append(check)
            shares[age] = calibrated(fallen, True)
    return NewItems(tuple(known), window, course, likeness, usual, width, dispersion, shares, tuple(checks))


def _cut(one: Launch, window: int) -> Launch:
    return Launch(one.item, one.attributes, one.units[:window], one.exposure[:window])


def _means(near: Array, units: Array, exposure: Array, own: float, usual: float) -> Array:
    """Mean rates by likeness, and the mean of all."""
    found: Array = np.maximum((near @ units + own * usual) / (near @ exposure + own), LEAST_MEAN)
    return found


def _dispersion(launches: Sequence[Launch], course: Course) -> float:
    """Variance by mean of weeks about each launch's own rate, at least 1."""
    units, exposure = evidence(launches, course)
    squares = free = 0.0
    for one, sold, shown in zip(launches, units, exposure, strict=True):
        told = sold / max(shown, TINY) * course.at(0, len(one.units)) * np.array(one.shown)
        usable = told > TINY
        if usable.sum() >= 2:
            squares += float(((np.array(one.units) - told)[usable] ** 2 / told[usable]).sum())
            free += float(usable.sum()) - 1
    return max(1.0, squares / free) if free else 1.0


def _width(units: Array, exposure: Array, means: Array, dispersion: float) -> float:
    """The gamma's shape under which the launches, each foretold without itself, are likeliest."""
    from scipy.stats import nbinom

    told = means * exposure
    scores = []
    for width in WIDTHS:
        ratio = np.maximum(dispersion + told / width, 1 + 1e-6)
        scores.append(float(nbinom.logpmf(np.round(units), told / (ratio - 1), 1 / ratio).sum()))
    return float(WIDTHS[int(np.argmax(scores))])


def _left_out(
    launches: Sequence[Launch], course: Course, means: Array, width: float, dispersion: float, age: int, group: str
) -> tuple[Array, Check | None]:
    """Where the rest of each launch's window fell in its forecast at `age` without itself, and what the forecasts were worth."""
    rows = [row for row, one in enumerate(launches) if len(one.units) > age and sum(one.shown[age:]) > 0]
    if len(rows) < LEAST:
        return np.zeros((0, 0, 0)), None
    part = [launches[row] for row in rows]
    sold, shown = evidence([Launch(one.item, {}, one.units[:age], one.shown[:age]) for one in part], course)
    whole, exposure = evidence(part, course)
    left, rest = whole - sold, exposure - shown
    prior = width / means[rows]
    level, rate = width + sold / dispersion, prior + shown / dispersion
    told = level / rate * rest
    ratio = dispersion + rest / rate
    fallen = drawn_shares(left, told, ratio, age)
    rates = _group_rates(part, group, left, rest)
    inside = np.empty(len(rows))
    for half in (0, 1):
        low, high = np.interp((0.1, 0.9), EVEN, calibrated(fallen[None, 1 - half :: 2, None], True))
        inside[half::2] = (fallen[half::2] >= low) & (fallen[half::2] <= high)
    total = max(float(left.sum()), TINY)
    check = Check(
        age=age,
        launches=len(rows),
        wape=float(np.abs(left - told).sum()) / total,
        group_wape=float(np.abs(left - rates * rest).sum()) / total,
        zero_wape=1.0,
        covered=float(inside.mean()),
        bias=float((told - left).sum()) / total,
    )
    return fallen[None, :, None], check


def _group_rates(launches: Sequence[Launch], group: str, units: Array, exposure: Array) -> Array:
    """Mean rate of the other launches of the same group; of all others where there is none."""
    values = [one.attributes.get(group) for one in launches]
    found = np.empty(len(launches))
    for row, value in enumerate(values):
        others = np.array([other == value and place != row for place, other in enumerate(values)])
        if not others.any():
            others = np.arange(len(values)) != row
        found[row] = units[others].sum() / max(exposure[others].sum(), TINY)
    return found


def _quantiles(means: Array, ratios: Array, shares: Sequence[float], table: Array | None) -> Array:
    """Quantiles (shares x means), rising."""
    at = np.array(shares) if table is None else np.interp(shares, EVEN, table)
    found = np.stack([negative_binomial(means, ratios, np.full(means.shape, share)) for share in at])
    drawn: Array = np.maximum.accumulate(np.where(means > TINY, found, 0.0), axis=0)
    return drawn


def _words(likes: Sequence[Like], before: Level, level: Level, part: float, course: str) -> tuple[str, str]:
    named = ", ".join(f"{one.item} ({one.likeness:.2f} alike, {one.rate:.3g} a week)" for one in likes[:NAMED])
    named_zh = "、".join(f"{one.item}（相似度 {one.likeness:.2f}，周均 {one.rate:.3g}）" for one in likes[:NAMED])
    why = f"like {named or 'no launch'}: {before.mean:.3g} a week over the first weeks, course {course}"
    why_zh = f"相似品：{named_zh or '无'}；上市初期周均 {before.mean:.3g}，走势 {COURSES_ZH[course]}"
    if part > 0:
        why += f"; own sales are {part:.0%} of the evidence: {level.mean:.3g} a week"
        why_zh += f"；自身销售占依据的 {part:.0%}：周均 {level.mean:.3g}"
    return why, why_zh


COURSES_ZH = {"flat": "平稳", "fading": "新鲜感消退", "bass": "Bass 扩散", "weekly": "逐周均值"}
