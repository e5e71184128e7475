"""Price elasticity of each item from its own prices and sales, shrunk towards its category, with an interval and checks against it.

Demand is log-log in price, log E[y] = a + b log(price / usual price) + g promotion + market, fitted by Poisson pseudo-likelihood, which
takes weeks without sales as they are and needs no log of nought (Santos Silva and Tenreyro, "The Log of Gravity", Review of Economics and
Statistics 88, 2006). `market` is the log of what the other categories sold that week, with coefficient 1: season and traffic, at no cost in
freedom. Coefficients of items are then normal about their category, categories about all (empirical Bayes: Morris, JASA 78, 1983; variances
by Paule and Mandel, 1982). Own code: no maintained library fits thousands of short series with shrinkage over two levels.

Weeks sold out in part are left out where `out_of_stock` exceeds a tenth: their sales are not their demand. Prices that follow demand
(raised because much sells) bias any such estimate, and so do promotions that are not named: only prices set by chance or calendar are safe.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.optimise.stock_input import MOST, Floats, OrderFault, complain, needed, setting, wrong

Rule = Literal["shrunk", "own", "category", "constant"]
RULES: tuple[Rule, ...] = ("shrunk", "own", "category", "constant")
COLUMNS = ("unique_id", "category", "ds", "y", "price")
MOST_OUT, LEAST_WEEKS, LEAST_SPREAD, SAME = 0.1, 8, 0.02, 0.05
STEPS, SETTLED, STEEP = 60, 1e-9, 20.0
DRAWS = 400


@dataclass(frozen=True, slots=True)
class Elasticities:
    """`table`: unique_id, category, weeks, own and its own_se (null where prices did not move), elasticity, low, high, weight (of the own
    estimate), promotion, usual_price. `within` and `between`: standard deviation of items about their category, and of categories."""

    table: pl.DataFrame
    level: float
    mean: float
    within: float
    between: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Later weeks foreseen: `table` holds for each rule the mean Poisson deviance, on `all` weeks and on those at another price (`moved`).

    `ratio` is that of "shrunk" over "constant" on moved weeks with its 95 % interval over items; `placebo` the mean elasticity when each
    item's prices are shuffled over its weeks, which should be about nought, beside `mean`, the one found.
    """

    table: pl.DataFrame
    ratio: float
    low: float
    high: float
    moved: int
    placebo: float
    mean: float


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    category: str
    days: Floats
    y: Floats
    price: Floats
    promo: Floats
    market: Floats

    @property
    def usual(self) -> float:
        return float(np.median(self.price))

    def at(self, keep: Any) -> _Item:
        parts = (one[keep] for one in (self.days, self.y, self.price, self.promo, self.market))
        return _Item(self.name, self.category, *parts)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Own coefficients with their variances: infinite where the data do not tell."""

    price: float
    price_var: float
    promo: float
    promo_var: float


def fit(frame: pl.DataFrame, *, level: float = 0.9) -> Elasticities:
    """Elasticities of all items of a frame: unique_id, category, ds, y, price and, where known, promo (0..1) and out_of_stock (share of the
    week). Rows without y or price say nothing and are left out. Raises `OrderFault` with all that is wrong."""
    complain(setting("level", level, "0.5..1", 0.5 < level < 1))
    return _estimate(_items(frame), level)


def hold_out(frame: pl.DataFrame, cut: date, *, seed: int = 0) -> Judged:
    """The check: fitted before `cut`, judged from then on against demand that does not know the price (same season, same weeks)."""
    items = _items(frame)
    days = (cut - date(1970, 1, 1)).days
    first = [one.at(one.days < days) for one in items]
    pairs = [(a, b.at(b.days >= days)) for a, b in zip(first, items, strict=True) if a.y.size >= LEAST_WEEKS and a.y.sum() > 0]
    pairs = [(a, b) for a, b in pairs if b.y.size]
    complain(needed(("items on both sides of the cut", "切分日前后都有数据的商品"), len(pairs), 2))
    before = [a for a, _ in pairs]
    found = _estimate(before, 0.9)
    errors = {rule: [_later(rule, a, b, row) for (a, b), row in zip(pairs, found.table.to_dicts(), strict=True)] for rule in RULES}
    moved = [np.abs(np.log(b.price / a.usual)) >= SAME for a, b in pairs]
    count = int(sum(int(one.sum()) for one in moved))
    complain(needed(("later weeks at another price", "后期价格不同的周数"), count, 10))
    rows = [
        {
            "rule": rule,
            "all": float(np.concatenate(errors[rule]).mean()),
            "moved": float(np.concatenate([one[m] for one, m in zip(errors[rule], moved, strict=True)]).mean()),
        }
        for rule in RULES
    ]
    sums = {rule: np.array([one[m].sum() for one, m in zip(errors[rule], moved, strict=True)]) for rule in ("shrunk", "constant")}
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(pairs), (DRAWS, len(pairs)))
    below = np.maximum(sums["constant"][picks].sum(axis=1), 1e-12)
    low, high = np.quantile(sums["shrunk"][picks].sum(axis=1) / below, [0.025, 0.975])
    shuffled = [_Item(a.name, a.category, a.days, a.y, *_shuffle(a, rng), a.market) for a in before]
    ratio = float(sums["shrunk"].sum() / max(sums["constant"].sum(), 1e-12))
    return Judged(pl.DataFrame(rows), ratio, float(low), float(high), count, _estimate(shuffled, 0.9).mean, found.mean)


def shrink(own: Floats, variance: Floats, groups: Sequence[str]) -> tuple[Floats, Floats, Floats, float, float, float]:
    """Posterior mean and variance of each value, the weight of its own estimate, the grand mean, and the two standard deviations.

    `variance` infinite: nothing known of its own. Where nothing at all is known, everything stays infinite.
    """
    names = sorted(set(groups))
    at = np.array([names.index(one) for one in groups])
    known = np.isfinite(variance)
    if not known.any():
        return np.zeros(own.size), np.full(own.size, math.inf), np.zeros(own.size), 0.0, math.inf, math.inf
    within = _paule_mandel(own[known], variance[known], at[known])
    precision = np.where(known, 1 / (variance + within), 0.0)
    whole = np.bincount(at, precision, len(names))
    some = whole > 0
    means = np.divide(np.bincount(at, precision * np.where(known, own, 0.0), len(names)), whole, out=np.zeros(len(names)), where=some)
    spread = np.divide(1.0, whole, out=np.full(len(names), math.inf), where=some)
    between = _paule_mandel(means[some], spread[some], np.zeros(int(some.sum()), dtype=int))
    top = np.where(some, 1 / (spread + between), 0.0)
    grand, grand_var = float((top * means).sum() / top.sum()), float(1 / top.sum())
    keep = np.where(some, between / (between + spread) if between > 0 else 0.0, 0.0)
    category = keep * means + (1 - keep) * grand
    category_var = np.where(some, keep * np.where(some, spread, 0.0), between) + (1 - keep) ** 2 * grand_var
    weight = np.where(known, within / (within + variance), 0.0)
    middle = weight * np.where(known, own, 0.0) + (1 - weight) * category[at]
    posterior = np.where(known, weight * np.where(known, variance, 0.0), within) + (1 - weight) ** 2 * category_var[at]
    return middle, posterior, weight, grand, math.sqrt(within), math.sqrt(between)


def _paule_mandel(values: Floats, variance: Floats, groups: Any) -> float:
    """The variance among values of a group beyond their own, at which their scatter is as large as it should be; 0 where it is less."""
    count = len(np.unique(groups))
    free = values.size - count
    if free <= 0:
        return 0.0

    def excess(extra: float) -> float:
        weight = 1 / (variance + extra)
        whole = np.bincount(groups, weight)
        means = np.divide(np.bincount(groups, weight * values), whole, out=np.zeros(whole.size), where=whole > 0)
        return float((weight * (values - means[groups]) ** 2).sum()) - free

    low, high = 0.0, max(1e-6, float(np.ptp(values)) ** 2 + float(variance.max()))
    if excess(low) <= 0:
        return 0.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def _estimate(items: Sequence[_Item], level: float) -> Elasticities:
    from scipy.stats import norm

    fits = [_fit(one) for one in items]
    groups = [one.category for one in items]
    own, variance = np.array([one.price for one in fits]), np.array([one.price_var for one in fits])
    if not np.isfinite(variance).any():
        raise OrderFault(needed(("items whose price moved", "价格有变动的商品"), 0, 1))
    middle, posterior, weight, grand, within, between = shrink(own, variance, groups)
    promo, promo_var, *_ = shrink(np.array([one.promo for one in fits]), np.array([one.promo_var for one in fits]), groups)
    half = float(norm.ppf(0.5 + level / 2)) * np.sqrt(posterior)
    known = np.isfinite(variance)
    table = pl.DataFrame(
        {
            "unique_id": [one.name for one in items],
            "category": groups,
            "weeks": [one.y.size for one in items],
            "own": pl.Series([float(value) if k else None for value, k in zip(own, known, strict=True)], dtype=pl.Float64),
            "own_se": pl.Series([math.sqrt(value) if k else None for value, k in zip(variance, known, strict=True)], dtype=pl.Float64),
            "elasticity": middle,
            "low": middle - half,
            "high": middle + half,
            "weight": weight,
            "promotion": np.where(np.isfinite(promo_var), promo, 0.0),
            "usual_price": [one.usual for one in items],
        }
    )
    return Elasticities(table, level, grand, within, between)


def _fit(item: _Item) -> _Fit:
    """Own coefficients by iteratively reweighted least squares, variances by the overdispersion seen (never under Poisson)."""
    logs = np.log(item.price / item.usual)
    moved = float(logs.std()) >= LEAST_SPREAD
    promoted = float(item.promo.std()) > 0.05
    if moved and promoted and abs(float(np.corrcoef(logs, item.promo)[0, 1])) > 0.95:
        promoted = False
    columns = [np.ones(item.y.size)] + ([logs] if moved else []) + ([item.promo] if promoted else [])
    x = np.column_stack(columns)
    free = item.y.size - x.shape[1]
    none = _Fit(0.0, math.inf, 0.0, math.inf)
    if x.shape[1] == 1 or free < LEAST_WEEKS // 2 or item.y.sum() <= 0:
        return none
    found = poisson(x, item.y, item.market)
    if found is None:
        return none
    beta, covariance = found
    price_at, promo_at = (1 if moved else 0), (2 if moved else 1)
    return _Fit(
        float(beta[price_at]) if moved else 0.0,
        float(covariance[price_at, price_at]) if moved else math.inf,
        float(beta[promo_at]) if promoted else 0.0,
        float(covariance[promo_at, promo_at]) if promoted else math.inf,
    )


def poisson(x: Floats, y: Floats, offset: Floats) -> tuple[Floats, Floats] | None:
    """Coefficients of a log-linear mean and their covariance, times the overdispersion; None where they run off (separated data)."""
    beta = np.zeros(x.shape[1])
    beta[0] = math.log(y.sum() / np.exp(offset).sum())
    for _ in range(STEPS):
        mean = np.exp(np.clip(x @ beta + offset, -30, 30))
        try:
            step = np.linalg.solve(x.T @ (mean[:, None] * x), x.T @ (y - mean))
        except np.linalg.LinAlgError:
            return None
        beta = beta + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < SETTLED:
            break
    if float(np.abs(beta[1:]).max(initial=0.0)) > STEEP or float(np.abs(step).max()) > 1e-4:
        return None
    mean = np.exp(x @ beta + offset)
    dispersion = max(1.0, float(((y - mean) ** 2 / np.maximum(mean, 1e-9)).sum()) / max(1, y.size - x.shape[1]))
    return beta, dispersion * np.linalg.inv(x.T @ (mean[:, None] * x))


def _later(rule: Rule, before: _Item, after: _Item, row: dict[str, Any]) -> Floats:
    """Poisson deviance of each later week; the level is that of the weeks before at the rule's elasticity."""
    centre = row["elasticity"] if rule == "shrunk" or row["own"] is None else row["own"]
    if rule == "category":
        weight = row["weight"]
        centre = (row["elasticity"] - weight * row["own"]) / (1 - weight) if row["own"] is not None and weight < 1 else row["elasticity"]
    price, promo = (0.0, 0.0) if rule == "constant" else (centre, row["promotion"])
    usual = before.usual
    shape = np.exp(np.clip(price * np.log(before.price / usual) + promo * before.promo + before.market, -30, 30))
    mean = before.y.sum() / shape.sum() * np.exp(np.clip(price * np.log(after.price / usual) + promo * after.promo + after.market, -30, 30))
    y = after.y
    return np.asarray(2 * (np.where(y > 0, y * np.log(np.maximum(y, 1e-12) / mean), 0.0) - (y - mean)))


def _shuffle(item: _Item, rng: np.random.Generator) -> tuple[Floats, Floats]:
    places = rng.permutation(item.y.size)
    return item.price[places], item.promo[places]


def _items(frame: pl.DataFrame) -> list[_Item]:
    rows = _checked(frame)
    totals = rows.group_by("ds").agg(whole=pl.col("y").sum())
    own = rows.group_by("ds", "category").agg(mine=pl.col("y").sum())
    rest = own.join(totals, on="ds").with_columns(rest=pl.col("whole") - pl.col("mine")).select("ds", "category", "rest")
    with_rest = rows.join(rest, on=["ds", "category"]).sort("unique_id", "ds")
    items = []
    for (name,), part in with_rest.group_by(["unique_id"], maintain_order=True):
        others = part["rest"].to_numpy()
        market = np.log(others / others.mean()) if others.min() > 0 else np.zeros(others.size)
        days = part["ds"].cast(pl.Date).cast(pl.Int32).to_numpy().astype(np.float64)
        y, price, promo = (part[key].to_numpy() for key in ("y", "price", "promo"))
        items.append(_Item(str(name), str(part["category"][0]), days, y, price, promo, market))
    return items


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    known = ", ".join(frame.columns) or "-"
    complain([Finding("SL-ORD-01", {"column": n, "known": known, "needed": ", ".join(COLUMNS)}) for n in COLUMNS if n not in frame.columns])
    found = []
    for name, low in (("y", "0"), ("price", "> 0"), ("promo", "0..1"), ("out_of_stock", "0..1")):
        if name not in frame.columns:
            continue
        values = frame[name].cast(pl.Float64, strict=False)
        top = 1.0 if "1" in low else MOST
        bad = int((values.is_not_null() & ~(values.is_between(0, top) & (values > (0 if name == "price" else -1)))).sum())
        bad += int((values.is_null() & frame[name].is_not_null()).sum())
        allowed = low if top == 1.0 else f"{low}..{MOST:g}"
        found += wrong(name, ("other values", "其他数值"), bad, (allowed, allowed))
    if frame.schema["ds"] != pl.Date:
        found += wrong("ds", (f"type {frame.schema['ds']}", f"类型 {frame.schema['ds']}"), frame.height, ("Date", "日期"))
    blank = int(
        frame.select(pl.col("unique_id").is_null().sum() + pl.col("category").is_null().sum() + pl.col("ds").is_null().sum()).item()
    )
    found += wrong("unique_id, category, ds", ("nothing", "空值"), blank, ("a value in each row", "每行都有值"))
    complain(found)
    twice = frame.filter(pl.struct("unique_id", "ds").is_duplicated())
    if twice.height:
        raise OrderFault(Finding("SL-ORD-05", {"count": twice.height, "item": twice["unique_id"][0], "at": twice["ds"][0]}))
    plain = frame.with_columns(
        (pl.col("promo").cast(pl.Float64).fill_null(0.0) if "promo" in frame.columns else pl.lit(0.0)).alias("promo"),
        (pl.col("out_of_stock").cast(pl.Float64).fill_null(0.0) if "out_of_stock" in frame.columns else pl.lit(0.0)).alias("out_of_stock"),
        pl.col("unique_id").cast(pl.String),
        pl.col("category").cast(pl.String),
        pl.col("y").cast(pl.Float64),
        pl.col("price").cast(pl.Float64),
    )
    rows = plain.filter(pl.col("out_of_stock") <= MOST_OUT).drop_nulls(["y", "price"])
    complain(needed(("rows with units and price", "有销量与价格的数据行"), rows.height, LEAST_WEEKS))
    return rows.sort("unique_id", "ds")
