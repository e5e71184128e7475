"""What past launches teach: how alike items are, how sales go after a launch, how far they scatter.

Likeness. Items differ by attributes (Gower, "A general coefficient of similarity", 1971; numbers by their ranks: Podani, 1999). What each
attribute weighs is learnt from how well the likes' early sales foretell those of each past launch that is left out: kernel regression whose
metric is fitted (Weinberger and Tesauro, "Metric learning for kernel regression", 2007), with the Tweedie loss of rates of sale. How much
the mean of all launches counts beside the likes is learnt with it.

Course. Sales of the weeks after a launch, relative to their mean: flat, a novelty that wears off, the diffusion of Bass (1969), or the
weeks' own means; the one that best foretells how launches left out divide their sales over the weeks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from storeloom.core.kernel.errors import Finding
from storeloom.workers.forecast.grid import Array
from storeloom.workers.forecast.panel import PanelFault

Value = str | float | None

TWEEDIE = 1.5
STEEPEST, RIDGE, START = 8.0, 0.5, 1.0
MOST_LEARNT = 600
LEAST = 12
FOLDS = 5
TINY = 1e-9
FADES = (0.15, 0.3, 0.5, 0.8, 1.2, 2.0)
INNOVATION = (0.01, 0.03, 0.06, 0.12, 0.25)
IMITATION = (0.0, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True)
class Launch:
    """An item's units of each week since it was launched; `exposure`: the share of each week that it could be bought (none given: all).

    `attributes`: text, numbers or None where not known.
    """

    item: str
    attributes: Mapping[str, Value]
    units: tuple[float, ...]
    exposure: tuple[float, ...] = ()

    @property
    def shown(self) -> tuple[float, ...]:
        return self.exposure or (1.0,) * len(self.units)


@dataclass(frozen=True)
class Likeness:
    """`weights` of the attributes; `own`: how much evidence the mean of all launches counts as, in item-weeks of a twin."""

    weights: Mapping[str, float]
    own: float
    kinds: Mapping[str, Array | None]

    def differences(self, ones: Sequence[Mapping[str, Value]], others: Sequence[Mapping[str, Value]]) -> Array:
        """How far items differ, from 0 (attributes x ones x others); one not known differs as two launches usually do."""
        found = [_differences(name, self.kinds[name], ones, others) for name in self.weights]
        return np.stack(found) if found else np.zeros((0, len(ones), len(others)))

    def distance(self, differences: Array) -> Array:
        """Gower distance with the learnt weights, 0 to 1."""
        weights = np.array(list(self.weights.values()))
        found: Array = np.tensordot(weights / max(weights.sum(), TINY), differences, 1)
        return found

    def likeness(self, differences: Array) -> Array:
        """How much an item's sales tell of the other's, 0 to 1."""
        found: Array = np.exp(-np.tensordot(np.array(list(self.weights.values())), differences, 1))
        return found


@dataclass(frozen=True)
class Course:
    """Sales of each week after a launch relative to their mean; weeks beyond stand as the last one. `name`: flat, fading, bass, weekly."""

    name: str
    weeks: Array

    def at(self, first: int, weeks: int) -> Array:
        found: Array = self.weeks[np.minimum(np.arange(first, first + weeks), len(self.weeks) - 1)]
        return found


def checked(launches: Sequence[Launch]) -> None:
    """PanelFault with all that is wrong: no launches, repeats, units or exposures that are none."""
    names = [one.item for one in launches]
    faults = [] if launches else [Finding("SL-FCT-01")]
    again = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if again:
        faults.append(Finding("SL-FCT-30", {"count": len(again), "item": again[0]}))
    for column, allowed, bad in (
        ("units", {"en": "finite numbers of at least 0", "zh": "不小于 0 的有限数值"}, _bad_units),
        ("exposure", {"en": "shares from 0 to 1, one a week", "zh": "每周一个 0 到 1 的比例"}, _bad_exposure),
    ):
        wrong = [one for one in launches if bad(one)]
        if wrong:
            args = {"column": column, "count": len(wrong), "item": wrong[0].item, "allowed": allowed}
            faults.append(Finding("SL-FCT-31", args))
    if faults:
        raise PanelFault(faults)


def _bad_units(one: Launch) -> bool:
    return any(not isfinite(value) or value < 0 for value in one.units)


def _bad_exposure(one: Launch) -> bool:
    return bool(one.exposure) and (len(one.exposure) != len(one.units) or any(not 0 <= value <= 1 for value in one.exposure))


def likeness_of(launches: Sequence[Launch], course: Course) -> Likeness:
    """The likeness that foretells the launches' sales best; equal weights where there are fewer than `LEAST`."""
    names = list(dict.fromkeys(name for one in launches for name in one.attributes))
    kinds = {name: _ranks([one.attributes.get(name) for one in launches]) for name in names}
    plain = Likeness(dict.fromkeys(names, 1.0), START, kinds)
    part = _spread_out(launches)
    if len(part) < LEAST or not names:
        return plain
    from scipy.optimize import minimize

    units, exposure = evidence(part, course)
    attributes = [one.attributes for one in part]
    differences = plain.differences(attributes, attributes)
    begin = np.append(np.full(len(names), START), np.log(START))
    bounds = [(0.0, STEEPEST)] * len(names) + [(-5.0, 5.0)]
    fitted = minimize(_loss, begin, (differences, units, exposure), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
    weights = {name: float(weight) for name, weight in zip(names, fitted.x, strict=False)}
    return Likeness(weights, float(np.exp(fitted.x[-1])), kinds)


def _spread_out(launches: Sequence[Launch]) -> list[Launch]:
    """At most `MOST_LEARNT` launches, evenly over those given."""
    if len(launches) <= MOST_LEARNT:
        return list(launches)
    return [launches[int(place)] for place in np.linspace(0, len(launches) - 1, MOST_LEARNT)]


def evidence(launches: Sequence[Launch], course: Course) -> tuple[Array, Array]:
    """Units of each launch, and the weeks of the mean that they took."""
    units = np.array([sum(u for u, e in zip(one.units, one.shown, strict=True) if e > 0) for one in launches], dtype=float)
    exposure = np.array([float(course.at(0, len(one.units)) @ np.array(one.shown)) if one.units else 0.0 for one in launches])
    return units, exposure


def _loss(at: Array, differences: Array, units: Array, exposure: Array) -> tuple[float, Array]:
    """Tweedie deviance of each launch by its likes without itself, and its slope."""
    weights, own = at[:-1], float(np.exp(at[-1]))
    kernel = np.exp(-np.tensordot(weights, differences, 1))
    np.fill_diagonal(kernel, 0.0)
    usual = max(units.sum() / max(exposure.sum(), TINY), TINY)
    shown = kernel @ exposure + own
    rate = np.maximum((kernel @ units + own * usual) / shown, TINY)
    told = np.maximum(rate * exposure, TINY)
    power = 1 - TWEEDIE
    deviance = 2 * (told ** (power + 1) / (power + 1) - units * told**power / power)
    slope = 2 * (told - units) / told**TWEEDIE * exposure / shown
    scale = 1 / max(float(np.sqrt(units).sum()), TINY)
    toward = slope[:, None] * (units[None, :] - rate[:, None] * exposure[None, :]) * kernel
    by_weight = -np.tensordot(differences, toward, ([1, 2], [0, 1])) * scale + RIDGE / len(units)
    by_own = float((slope * (usual - rate)).sum()) * own * scale
    return float(deviance.sum()) * scale + RIDGE / len(units) * float(weights.sum()), np.append(by_weight, by_own)


def _ranks(values: Sequence[Value]) -> Array | None:
    """The sorted numbers of an attribute of numbers; None for one of words."""
    known = [value for value in map(_known, values) if value is not None]
    if not known or any(isinstance(value, str) for value in known):
        return None
    return np.sort(np.array(known, dtype=float))


def _known(value: Value) -> Value:
    """None for a number that is none."""
    return None if isinstance(value, float) and value != value else value


def _differences(name: str, ranks: Array | None, ones: Sequence[Mapping[str, Value]], others: Sequence[Mapping[str, Value]]) -> Array:
    left, right = ([_known(one.get(name)) for one in side] for side in (ones, others))
    if ranks is None:
        numbers = {value: place for place, value in enumerate(dict.fromkeys([*left, *right]))}
        words = [np.array([numbers[value] for value in side]) for side in (left, right)]
        found: Array = (words[0][:, None] != words[1][None, :]).astype(float)
    else:
        found = np.abs(_placed(left, ranks)[:, None] - _placed(right, ranks)[None, :])
    unknown = np.array([value is None for value in left])[:, None] | np.array([value is None for value in right])[None, :]
    known = found[~unknown]
    found[unknown] = known.mean() if len(known) else 0.5
    return found


def _placed(values: Sequence[Value], ranks: Array) -> Array:
    """Places of numbers among those of the launches, 0 to 1."""
    plain = np.array([float(value) if value is not None else 0.0 for value in values])
    found: Array = (np.searchsorted(ranks, plain, "left") + np.searchsorted(ranks, plain, "right")) / (2 * len(ranks))
    return found


def course_of(launches: Sequence[Launch], weeks: int) -> Course:
    """The course that best foretells launches left out, over the first `weeks`."""
    units, shown = _weekly(launches, weeks)
    sold = units.sum(axis=1) > 0
    units, shown = units[sold], shown[sold]
    if len(units) < LEAST:
        return Course("flat", np.ones(weeks))
    fold = np.arange(len(units)) % FOLDS
    scores = dict.fromkeys(COURSES, 0.0)
    for left in range(FOLDS):
        for name, fit in COURSES.items():
            course = fit(units[fold != left], shown[fold != left])
            scores[name] += _told(units[fold == left], shown[fold == left], course)
    best = max(scores, key=scores.__getitem__)
    found = COURSES[best](units, shown)
    return Course(best, found / found.mean())


def _weekly(launches: Sequence[Launch], weeks: int) -> tuple[Array, Array]:
    units, shown = np.zeros((len(launches), weeks)), np.zeros((len(launches), weeks))
    for row, one in enumerate(launches):
        length = min(weeks, len(one.units))
        shown[row, :length] = one.shown[:length]
        units[row, :length] = np.where(shown[row, :length] > 0, one.units[:length], 0.0)
    return units, shown


def _told(units: Array, shown: Array, course: Array) -> float:
    """Log-likelihood of how sales divide over the weeks, given their sum."""
    part = shown * course
    share = part / np.maximum(part.sum(axis=1, keepdims=True), TINY)
    return float((units * np.log(np.maximum(share, TINY))).sum())


def _fitted(shapes: Callable[[int], Iterator[Array]]) -> Callable[[Array, Array], Array]:
    """The likeliest of some shapes."""

    def fit(units: Array, shown: Array) -> Array:
        weeks = units.shape[1]
        return max((np.ones(weeks), *shapes(weeks)), key=lambda one: _told(units, shown, one))

    return fit


def _fading(weeks: int) -> Iterator[Array]:
    """1 + a x exp(-b x week): a novelty that wears off, or a slow start."""
    week = np.arange(weeks)
    for fade in FADES:
        yield from (1 + size * np.exp(-fade * week) for size in (-0.8, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0))


def _bass(weeks: int) -> Iterator[Array]:
    """Density of adoption of the Bass model, at the middle of each week."""
    week = np.arange(weeks) + 0.5
    for p in INNOVATION:
        for q in IMITATION:
            fall = np.exp(-(p + q) * week)
            yield np.maximum((p + q) ** 2 / p * fall / (1 + q / p * fall) ** 2, 1e-6)


def _by_week(units: Array, shown: Array) -> Array:
    """Weeks' own means, drawn to flat by ten units a week."""
    part = shown / np.maximum(shown.sum(axis=1, keepdims=True), TINY) * units.sum(axis=1, keepdims=True)
    found: Array = (units.sum(axis=0) + 10) / (part.sum(axis=0) + 10)
    return found


def _flat(units: Array, shown: Array) -> Array:
    return np.ones(units.shape[1])


COURSES: dict[str, Callable[[Array, Array], Array]] = {
    "flat": _flat,
    "fading": _fitted(_fading),
    "bass": _fitted(_bass),
    "weekly": _by_week,
}
