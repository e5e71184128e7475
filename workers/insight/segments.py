"""Segments of members by behaviour: k-means or a Gaussian mixture, how stable they are, and whether there are any at all.

A clustering method always returns clusters. Two checks could show that they are not real: members drawn anew must give the same segments
(adjusted Rand index of bootstrap refits, Hubert and Arabie 1985; Hennig, CSDA 52, 2007), and between the centres of any two segments there
must be fewer members than at the centres: a valley, tested by the critical bandwidth (Silverman, JRSS B 43, 1981, on the stretch between
the centres as Hall and York, Statistica Sinica 11, 2001). A silhouette alone tells neither: halves of one even cloud have a good one. Where
a check fails, `found` is False and the parts are only slices of a continuum, which may still be useful as such. Features are drawn towards
normal shape (Yeo-Johnson) and standardised first, so that a long tail makes no segment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight.faults import InsightFault, require, require_setting

Floats = NDArray[np.float64]
METHODS = ("kmeans", "gmm")
LEAST_MEMBERS = 60
LEAST_STABLE = 0.6
MOST_P = 0.01
MOST_COMPARED = 1_000
GRID = 512
EARLY = 100
MOST_PARTS = 8


@dataclass(frozen=True)
class Segmentation:
    """`frame`: member, segment (0 is the largest), certainty (of a mixture; of k-means 1 - distance to the own centre over that to the
    next).

    `profile`: segment, members, share and the median of each feature. `silhouette` of the parts, and of other numbers of them in
    `by_parts`; `p_value`: of no valley between the two segments that are worst parted (`unparted`); `stability`: (median, low, high) of the
    adjusted Rand index over bootstrap refits. `found`: both checks hold.
    """

    method: str
    parts: int
    frame: pl.DataFrame
    profile: pl.DataFrame
    silhouette: float
    by_parts: dict[int, float]
    p_value: float
    unparted: tuple[int, int]
    stability: tuple[float, float, float]

    @property
    def found(self) -> bool:
        return self.p_value <= MOST_P and self.stability[0] >= LEAST_STABLE

    def verdict(self, lang: str = "en") -> str:
        """What may be said of the segments, in words."""
        zh = lang == "zh"
        rand, (one, other) = f"{self.stability[0]:.2f}", self.unparted
        if self.p_value > MOST_P:
            if zh:
                return f"没有分群：第 {one} 与第 {other} 部分之间会员并不稀少（p={self.p_value:.2f}），各部分只是连续体的切片。"
            return f"No segments: members are no rarer between parts {one} and {other} (p={self.p_value:.2f}); the parts are slices."
        if self.stability[0] < LEAST_STABLE:
            if zh:
                return f"没有稳定的分群：会员重抽样后仅部分重现（调整兰德指数 {rand}，至少需要 {LEAST_STABLE}）。"
            return f"No stable segments: members drawn anew give others (adjusted Rand index {rand}, needed {LEAST_STABLE})."
        if zh:
            return f"{self.parts} 个分群：轮廓系数 {self.silhouette:.2f}，调整兰德指数 {rand}。"
        return f"{self.parts} segments: silhouette {self.silhouette:.2f}, adjusted Rand index {rand}."


def segment(
    table: pl.DataFrame,
    *,
    method: str = "kmeans",
    parts: int | None = None,
    draws: int = 30,
    seed: int = 0,
) -> Segmentation:
    """Segments of a table of `member` and numeric features. `parts`: how many (default: best silhouette of 2..8).

    Silhouettes use at most 1,000 members, drawn by the seed. Raises InsightFault below 60 members, for features that are
    not finite, and where none varies.
    """
    require_setting("method", method, ", ".join(METHODS), method in METHODS)
    require_setting("parts", parts, f"2..{MOST_PARTS}", parts is None or 2 <= parts <= MOST_PARTS)
    require_setting("draws", draws, ">= 2", draws >= 2)
    require("members", "会员", table.height, LEAST_MEMBERS)
    names, z = _scaled(table)
    choice = (parts,) if parts else tuple(range(2, MOST_PARTS + 1))
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.permutation(len(z))[:MOST_COMPARED])
    by_parts = _silhouettes(z, sample, method, choice, seed)
    best = max(by_parts, key=lambda k: by_parts[k])
    labels, certainty = _assign(z, z, method, best, seed)
    order = np.argsort(-np.bincount(labels, minlength=best), kind="stable")
    labels = np.argsort(order)[labels]
    frame = table.select("member").with_columns(segment=pl.Series(labels), certainty=pl.Series(certainty))
    p_value, unparted = _worst_valley(z, labels, best, seed)
    profile, stability = _profile(table, names, labels), _stability(z, labels, method, best, draws, seed)
    return Segmentation(method, best, frame, profile, by_parts[best], by_parts, p_value, unparted, stability)


def _scaled(table: pl.DataFrame) -> tuple[list[str], Floats]:
    from sklearn.preprocessing import PowerTransformer

    names = [name for name, kind in table.schema.items() if name != "member" and kind.is_numeric()]
    raw = np.asarray(table.select(pl.col(names).cast(pl.Float64)).to_numpy(), dtype=np.float64)
    wrong = [name for index, name in enumerate(names) if not np.all(np.isfinite(raw[:, index]))]
    got, allowed = {"en": "missing or infinite values", "zh": "空值或非有限数值"}, {"en": "finite numbers", "zh": "有限数值"}
    if wrong:
        count = {name: int(np.sum(~np.isfinite(raw[:, names.index(name)]))) for name in wrong}
        raise InsightFault([Finding("SL-CUS-03", {"column": name, "got": got, "count": count[name], "allowed": allowed}) for name in wrong])
    varying = [index for index in range(len(names)) if np.ptp(raw[:, index]) > 0]
    require("features that vary", "有变化的特征", len(varying), 1)
    standard = (raw[:, varying] - raw[:, varying].mean(axis=0)) / raw[:, varying].std(axis=0)
    return [names[index] for index in varying], np.asarray(PowerTransformer().fit_transform(standard), dtype=np.float64)


def _fitted(z: Floats, method: str, parts: int, seed: int) -> Any:
    if method == "gmm":
        from sklearn.mixture import GaussianMixture

        return GaussianMixture(parts, n_init=2, reg_covar=1e-3, random_state=seed).fit(z)
    from sklearn.cluster import KMeans

    return KMeans(parts, n_init=5, random_state=seed).fit(z)


def _assign(z: Floats, every: Floats, method: str, parts: int, seed: int) -> tuple[NDArray[np.intp], Floats]:
    """Segments of `every` by a model of `z`, and how certain each is."""
    model = _fitted(z, method, parts, seed)
    labels = np.asarray(model.predict(every), dtype=np.intp)
    if method == "gmm":
        return labels, np.asarray(model.predict_proba(every).max(axis=1), dtype=np.float64)
    near = np.sort(np.asarray(model.transform(every)), axis=1)
    return labels, np.asarray(1 - near[:, 0] / np.maximum(near[:, 1], 1e-12), dtype=np.float64)


def _silhouettes(z: Floats, sample: NDArray[np.intp], method: str, choice: tuple[int, ...], seed: int) -> dict[int, float]:
    from sklearn.metrics import silhouette_score

    found = {}
    for parts in choice:
        labels, _ = _assign(z, z[sample], method, parts, seed)
        found[parts] = float(silhouette_score(z[sample], labels)) if np.unique(labels).size > 1 else -1.0
    return found


def _worst_valley(z: Floats, labels: NDArray[np.intp], parts: int, seed: int) -> tuple[float, tuple[int, int]]:
    """The largest p-value of a valley over all pairs of segments, and that pair."""
    pairs = [(one, other) for one in range(parts) for other in range(one + 1, parts)]
    found = [_valley(z[labels == one], z[labels == other], np.random.default_rng((seed, 1, one, other))) for one, other in pairs]
    worst = int(np.argmax(found))
    return found[worst], pairs[worst]


def _valley(one: Floats, other: Floats, rng: np.random.Generator, draws: int = 500) -> float:
    """p-value of no valley between two segments, on the line through their centres (0 and 1)."""
    start, end = one.mean(axis=0), other.mean(axis=0)
    along = (np.concatenate([one, other]) - start) @ (end - start) / max(float(np.sum((end - start) ** 2)), 1e-12)
    low, high = -1.0, 2.0
    edges = np.linspace(low, high, GRID + 1)
    inside = np.flatnonzero((edges[:-1] >= 0) & (edges[1:] <= 1))

    def has_valley(values: Floats, width: float) -> bool:
        from scipy.ndimage import gaussian_filter1d

        density = gaussian_filter1d(np.histogram(values, edges)[0].astype(np.float64), width * GRID / (high - low), truncate=6)[inside]
        slope = np.sign(np.diff(density))
        falls = np.flatnonzero(slope < 0)
        return bool(falls.size and np.any(slope[falls[0] :] > 0))

    small, large = 1e-3, 2.0
    if has_valley(along, large):
        return 0.0
    for _ in range(20):
        middle = (small + large) / 2
        small, large = (middle, large) if has_valley(along, middle) else (small, middle)
    shrink = 1 / np.sqrt(1 + large**2 / max(float(along.var()), 1e-12))
    more = 0
    for done in range(draws):
        if done == EARLY and more > 5 * MOST_P * EARLY:  # far from any doubt
            return more / done
        drawn = rng.choice(along, along.size)
        smooth = drawn.mean() + shrink * (drawn - drawn.mean() + large * rng.normal(size=along.size))
        more += has_valley(smooth, large)
    return (1 + more) / (1 + draws)


def _stability(z: Floats, labels: NDArray[np.intp], method: str, parts: int, draws: int, seed: int) -> tuple[float, float, float]:
    """Adjusted Rand index between the segments and those of models of members drawn anew: median, 2.5th and 97.5th percentile."""
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng((seed, 2))
    found = []
    for number in range(draws):
        other, _ = _assign(z[rng.integers(0, len(z), len(z))], z, method, parts, seed + number + 1)
        found.append(adjusted_rand_score(labels, other))
    middle, low, high = np.quantile(found, [0.5, 0.025, 0.975])
    return float(middle), float(low), float(high)


def _profile(table: pl.DataFrame, names: list[str], labels: NDArray[np.intp]) -> pl.DataFrame:
    found = table.with_columns(segment=pl.Series(labels)).group_by("segment")
    medians = found.agg(
        pl.len().cast(pl.Int64).alias("members"), (pl.len() / table.height).alias("share"), *(pl.col(name).median() for name in names)
    )
    return medians.sort("segment")
