"""What to offer each member next: collaborative filtering on what was bought, what is bought again, and what sells now.

Methods: `als` (Hu, Koren and Volinsky, ICDM 2008), `bpr` (Rendle et al., UAI 2009) and `item_knn` (cosine over members; Sarwar et al., WWW
2001) by the library `implicit`, `popular` (recent sales; the rule that any method must beat), and `hybrid`: the ALS score plus the member's
own decayed purchases plus recent popularity. In grocery much of a next basket is a repeat, which factors blur and counting keeps.

Members without a history, and items without sales, start from popularity in the categories concerned. Filters take out what is not in
stock, not wanted, or already bought; a second ranking of the best candidates trades relevance against margin and variety, as asked.
Deterministic for a seed: one thread, fixed iterations.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from storeloom.workers.insight.faults import require, require_setting
from storeloom.workers.insight.purchases import Purchases

Floats = NDArray[np.float32]
METHODS = ("hybrid", "als", "bpr", "item_knn", "popular")
REASONS = ("similar_members", "bought_before", "popular")
REPEAT_HALF_LIFE_DAYS = 120.0
POPULAR_HALF_LIFE_DAYS = 60.0
CHUNK_BYTES = 64 * 2**20
SEED_WEIGHT = 0.1
LANES = 32
BPR_RATE = 0.05
HYBRID = (2.0, 1.0, 2.0)
SCHEMA = {"member": pl.String, "rank": pl.Int64, "item": pl.String, "score": pl.Float64, "reason": pl.String}


@dataclass(frozen=True)
class Interactions:
    """Who bought what: `counts` members x items (receipts), `recent` the same with repeats decayed, `popularity` an item (1: the best
    seller).

    `category` of each item ("" unknown). Items that are only in the catalogue have no counts, and a tenth of their category's mean
    popularity.
    """

    members: tuple[str, ...]
    items: tuple[str, ...]
    category: tuple[str, ...]
    counts: Any
    recent: Any
    popularity: Floats
    row_of: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True)
class Model:
    """A fitted method: `similar` gives scores of members (rows) for all items, None for `popular`; `weights` of `REASONS`."""

    data: Interactions
    method: str
    similar: Callable[[NDArray[np.intp]], Floats] | None
    weights: tuple[float, float, float]


@dataclass(frozen=True)
class Wishes:
    """What may be offered, and what it should bring.

    `stock`: items that may be offered (None: all); `exclude`: by member, items never to offer (the key "" means everybody); `drop_bought`:
    only what the member has not bought yet; `interests`: by member, categories it named, for those without a history. `margin`: by item,
    and `margin_weight` 0..1 how much the ranking follows it (by rank among the candidates); `variety` 0..1: what a further item of a
    category already chosen loses of its score; `pool`: candidates that the second ranking looks at.
    """

    stock: Collection[str] | None = None
    exclude: Mapping[str, Collection[str]] = field(default_factory=dict)
    drop_bought: bool = False
    interests: Mapping[str, Collection[str]] = field(default_factory=dict)
    margin: Mapping[str, float] = field(default_factory=dict)
    margin_weight: float = 0.0
    variety: float = 0.0
    pool: int = 50


def interactions(purchases: Purchases, today: date, catalogue: pl.DataFrame | None = None) -> Interactions:
    """What was known on the morning of `today`. `catalogue`: item and category (optional), of items old and new."""
    bought = purchases.before(today).bought
    require("lines of items bought", "已购商品明细行", bought.height, 1)
    sold = bought["item"].unique().sort().to_list()
    kind = dict(catalogue.select("item", pl.col("category").fill_null("")).iter_rows()) if catalogue is not None else {}
    items = [*sold, *sorted(set(kind) - set(sold))]
    members = bought["member"].unique().sort().to_list()
    rows = bought["member"].replace_strict(members, range(len(members)), return_dtype=pl.Int64).to_numpy()
    columns = bought["item"].replace_strict(sold, range(len(sold)), return_dtype=pl.Int64).to_numpy()
    age = bought.select((pl.lit(today) - pl.col("ds")).dt.total_days()).to_series().to_numpy().astype(np.float64)
    shape = (len(members), len(items))
    counts = sparse.csr_matrix((np.ones(rows.size, np.float32), (rows, columns)), shape=shape)
    recent = sparse.csr_matrix(((0.5 ** (age / REPEAT_HALF_LIFE_DAYS)).astype(np.float32), (rows, columns)), shape=shape)
    popularity = np.bincount(columns, 0.5 ** (age / POPULAR_HALF_LIFE_DAYS), minlength=len(items)).astype(np.float64)
    category = tuple(kind.get(item, "") for item in items)
    popularity[len(sold) :] = _unsold(popularity, category, len(sold))
    scaled = (popularity / popularity.max()).astype(np.float32)
    return Interactions(tuple(members), tuple(items), category, counts, recent, scaled, {member: row for row, member in enumerate(members)})


def _unsold(popularity: NDArray[np.float64], category: Sequence[str], sold: int) -> list[float]:
    by_category: dict[str, list[float]] = {}
    for index in range(sold):
        by_category.setdefault(category[index], []).append(float(popularity[index]))
    return [SEED_WEIGHT * float(np.mean(by_category.get(category[index], [0.0]))) for index in range(sold, len(category))]


def fit(
    data: Interactions,
    method: str = "hybrid",
    *,
    factors: int = 32,
    regularisation: float = 50.0,
    alpha: float = 5.0,
    iterations: int = 15,
    seed: int = 1,
) -> Model:
    """Fit a method. `factors`, `regularisation`, `alpha` (weight of a purchase; both als and hybrid) and `iterations` as in the papers; bpr
    takes 10 passes an iteration. The defaults and `HYBRID` were chosen on three months of a year of grocery receipts."""
    require_setting("method", method, ", ".join(METHODS), method in METHODS)
    require_setting("factors", factors, "1..512", 1 <= factors <= 512)
    require_setting("iterations", iterations, ">= 1", iterations >= 1)
    require_setting("regularisation", regularisation, "0..1e6", 0 <= regularisation <= 1e6)
    require_setting("alpha", alpha, "0..1e6", 0 < alpha <= 1e6)
    if method == "popular":
        return Model(data, method, None, (0.0, 0.0, 1.0))
    similar = _neighbours(data) if method == "item_knn" else _factors(data, method, factors, regularisation, alpha, iterations, seed)
    return Model(data, method, similar, HYBRID if method == "hybrid" else (1.0, 0.0, 0.0))


def recommend(model: Model, members: Sequence[str], k: int = 10, wishes: Wishes | None = None) -> pl.DataFrame:
    """The `k` items for each member, best first: member, rank (from 1), item, score, reason.

    Reasons: similar_members, bought_before, popular (what weighed most), popular_in_category (a new member's named interests). A member may
    get fewer than `k` where the filters leave no more. Memory: one block of members x items of 64 MiB at a time.
    """
    wishes = wishes or Wishes()
    require_setting("k", k, "1..1000", 1 <= k <= 1000)
    for name in ("margin_weight", "variety"):
        require_setting(name, getattr(wishes, name), "0..1", 0 <= getattr(wishes, name) <= 1)
    require_setting("pool", wishes.pool, ">= k", wishes.pool >= k or not (wishes.margin_weight or wishes.variety))
    parts = [_ranked(model, block, k, wishes) for block in _blocks(members, len(model.data.items))]
    return pl.concat(parts) if parts else pl.DataFrame(schema=SCHEMA)


def _factors(
    data: Interactions, method: str, factors: int, regularisation: float, alpha: float, iterations: int, seed: int
) -> Callable[[NDArray[np.intp]], Floats]:
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    from threadpoolctl import threadpool_limits

    if method == "bpr":
        model = BayesianPersonalizedRanking(
            factors=factors, learning_rate=BPR_RATE, iterations=10 * iterations, num_threads=1, random_state=seed
        )
    else:
        model = AlternatingLeastSquares(
            factors=factors, regularization=regularisation, alpha=alpha, iterations=iterations, num_threads=1, random_state=seed
        )
    with threadpool_limits(limits=1, user_api="blas"):
        model.fit(data.counts, show_progress=False)
    users, items = np.asarray(model.user_factors, np.float32), np.asarray(model.item_factors, np.float32).T
    return lambda rows: np.asarray(users[rows] @ items, np.float32)


def _neighbours(data: Interactions, k: int = 100) -> Callable[[NDArray[np.intp]], Floats]:
    from implicit.nearest_neighbours import CosineRecommender
    from implicit.utils import ParameterWarning

    model = CosineRecommender(K=k, num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # of a conversion that the library makes on its own
        model.fit(data.counts, show_progress=False)
    similarity = sparse.csr_matrix(model.similarity)
    return lambda rows: np.asarray((data.counts[rows] @ similarity).toarray(), np.float32)


def _blocks(members: Sequence[str], items: int) -> Iterator[Sequence[str]]:
    size = max(1, CHUNK_BYTES // (4 * max(items, 1)))
    for start in range(0, len(members), size):
        yield members[start : start + size]


def _ranked(model: Model, members: Sequence[str], k: int, wishes: Wishes) -> pl.DataFrame:
    data = model.data
    rows = np.array([data.row_of.get(member, -1) for member in members], dtype=np.intp)
    scores = _scores(model, rows)
    _filter(scores, data, members, rows, wishes)
    second = bool(wishes.margin_weight or wishes.variety)
    picks = _best(scores, wishes.pool if second else k)
    relevance = np.take_along_axis(scores, picks, axis=1).astype(np.float64)
    marks = relevance
    if second:
        picks, relevance, marks = _second_ranking(data, picks, relevance, k, wishes)
    named = np.array([row < 0 and member in wishes.interests for row, member in zip(rows, members, strict=True)])
    reasons = _reasons(model, rows, picks, relevance, named)
    offered = np.isfinite(relevance)
    row_at, rank_at = np.nonzero(offered)
    return pl.DataFrame(
        {
            "member": np.array(members, dtype=object)[row_at].tolist(),
            "rank": rank_at + 1,
            "item": np.array(data.items, dtype=object)[picks[offered]].tolist(),
            "score": marks[offered],
            "reason": reasons[offered].tolist(),
        },
        schema=SCHEMA,
    )


def _scores(model: Model, rows: NDArray[np.intp]) -> Floats:
    data, (similar, repeat, popular) = model.data, model.weights
    known = np.flatnonzero(rows >= 0)
    if model.similar is None or not known.size:
        return np.tile(data.popularity, (rows.size, 1))
    scores = model.similar(rows[known])
    scores *= np.float32(similar)
    scores += np.float32(popular) * data.popularity
    if repeat:
        _add(scores, np.arange(known.size), data.recent[rows[known]], np.float32(repeat))
    if known.size == rows.size:
        return scores
    every = np.tile(data.popularity, (rows.size, 1))
    every[known] = scores
    return every


def _add(scores: Floats, known: NDArray[np.intp], part: Any, weight: np.float32) -> None:
    at = np.repeat(known, np.diff(part.indptr))
    scores[at, part.indices] += weight * part.data


def _filter(scores: Floats, data: Interactions, members: Sequence[str], rows: NDArray[np.intp], wishes: Wishes) -> None:
    """Take out what must not be offered, by a score of minus infinity."""
    if wishes.stock is not None:
        allowed = set(wishes.stock)
        scores[:, [index for index, item in enumerate(data.items) if item not in allowed]] = -np.inf
    if wishes.drop_bought:
        known = np.flatnonzero(rows >= 0)
        part = data.counts[rows[known]]
        scores[np.repeat(known, np.diff(part.indptr)), part.indices] = -np.inf
    column_of = {item: index for index, item in enumerate(data.items)} if wishes.exclude else {}
    for at, member in enumerate(members):
        unwanted = [*wishes.exclude.get("", ()), *wishes.exclude.get(member, ())]
        scores[at, [column_of[item] for item in unwanted if item in column_of]] = -np.inf
        if rows[at] < 0 and (named := wishes.interests.get(member)):
            wanted = set(named)
            scores[at, [index for index, category in enumerate(data.category) if category not in wanted]] = -np.inf


def _best(scores: Floats, k: int) -> NDArray[np.intp]:
    """Columns of the k best of each row, best first; equal scores in the order of the items.

    In long rows only the k runs of `LANES` columns with the highest peaks are looked at: the k best lie in them.
    """
    rows, columns = scores.shape
    k, runs = min(k, columns), columns // LANES
    if runs > 4 * k:
        peaks = scores[:, : runs * LANES].reshape(rows, runs, LANES).max(axis=2)
        near = np.sort(np.argpartition(peaks, runs - k, axis=1)[:, runs - k :], axis=1)
        inside = (near[:, :, None] * LANES + np.arange(LANES)).reshape(rows, -1)
        rest = np.broadcast_to(np.arange(runs * LANES, columns), (rows, columns - runs * LANES))
        kept = np.concatenate([inside, rest], axis=1)
        return np.asarray(np.take_along_axis(kept, _best(np.take_along_axis(scores, kept, axis=1), k), axis=1), dtype=np.intp)
    top = np.sort(np.argpartition(scores, columns - k, axis=1)[:, columns - k :], axis=1)
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(top, order, axis=1), dtype=np.intp)


def _second_ranking(
    data: Interactions, picks: NDArray[np.intp], relevance: NDArray[np.float64], k: int, wishes: Wishes
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Picks, their relevance (minus infinity: none) and what they were chosen by, members x k."""
    chosen = np.zeros((len(picks), k), dtype=np.intp)
    kept, worth = np.full((len(picks), k), -np.inf), np.full((len(picks), k), -np.inf)
    margin = np.array([wishes.margin.get(item, 0.0) for item in data.items])
    for at in range(len(picks)):
        offered = np.flatnonzero(np.isfinite(relevance[at]))
        for rank, (index, value) in enumerate(_greedy(data, picks[at, offered], relevance[at, offered], margin, k, wishes)):
            chosen[at, rank], kept[at, rank], worth[at, rank] = picks[at, offered[index]], relevance[at, offered[index]], value
    return chosen, kept, worth


def _greedy(
    data: Interactions, items: NDArray[np.intp], relevance: NDArray[np.float64], margin: NDArray[np.float64], k: int, wishes: Wishes
) -> list[tuple[int, float]]:
    """One by one the best: relevance and rank of the margin, both on 0..1 among the candidates, less what its category has had already."""
    if not items.size:
        return []
    scaled = (relevance - relevance.min()) / max(float(np.ptp(relevance)), 1e-12)
    steps = np.unique(margin[items])
    rank = np.searchsorted(steps, margin[items]) / max(steps.size - 1, 1)
    value = (1 - wishes.margin_weight) * scaled + wishes.margin_weight * rank
    found: list[tuple[int, float]] = []
    for _ in range(min(k, items.size)):
        best = int(np.argmax(value))
        found.append((best, float(value[best])))
        value[best] = -np.inf
        same = np.array([data.category[item] == data.category[items[best]] for item in items])
        value[same] *= 1 - wishes.variety
    return found


def _reasons(
    model: Model, rows: NDArray[np.intp], picks: NDArray[np.intp], relevance: NDArray[np.float64], named: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """What weighed most in the score of each pick."""
    reasons = np.full(picks.shape, "popular", dtype=object)
    reasons[named] = "popular_in_category"
    known = np.flatnonzero(rows >= 0)
    if known.size and model.similar is not None:
        chosen = picks[known]
        own = model.weights[1] * model.data.recent[np.repeat(rows[known], chosen.shape[1]), chosen.ravel()].A1.reshape(chosen.shape)
        popular = model.weights[2] * model.data.popularity[chosen]
        parts = np.stack([np.where(np.isfinite(relevance[known]), relevance[known], 0.0) - own - popular, own, popular])
        parts[[weight == 0 for weight in model.weights]] = -np.inf
        reasons[known] = np.array(REASONS, dtype=object)[np.argmax(parts, axis=0)]
    return reasons
