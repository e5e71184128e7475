"""Which channels brought the purchases: six ways to share them out, and how far these ways disagree.

- last, first, linear (equal over touches), position (40 % first, 40 % last, the rest between);
- Markov: the removal effect of a channel in the first-order chain of paths: the share of purchases lost when all who would go to it drop
  out (Anderl, Becker, von Wangenheim and Schumann, IJRM 33, 2016);
- Shapley: a channel's mean addition to the purchase rate of members reached by a set of channels only (Shapley 1953; as applied by
  Dalessandro, Perlich, Stitelman and Provost, ADKDD 2012).

All share out the same purchases. None shows a cause: members who buy anyway are touched as well. Where the ways disagree (`spread`) only a
test that holds a channel back decides, and `against_test` holds an attribution against one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight.effects import MOST, Check, Effect, warnings
from storeloom.workers.insight.faults import complain, needed, require_setting, wrong
from storeloom.workers.insight.proportions import LEVEL

MOST_CHANNELS = 12
EDGE_SHARE = 0.4
LARGEST_SPREAD = 0.15
START, END, LOST = "(start)", "(bought)", "(lost)"
Credit = dict[str, float]


@dataclass(frozen=True, slots=True)
class Path:
    """Touches in order of time, before a purchase or up to today; `count` members took it, `bought` of them bought."""

    channels: tuple[str, ...]
    bought: float
    count: float = 1.0


@dataclass(frozen=True)
class Attribution:
    """`table`: method, channel, credit (purchases), share, low, high (interval of the share by the bootstrap over members); `spread`: the
    largest distance between two methods' shares of one channel; `findings` where it is too large to decide on."""

    table: pl.DataFrame
    purchases: float
    spread: Check
    findings: tuple[Finding, ...]


def attribute(
    paths: Iterable[Path], *, methods: Sequence[str] | None = None, draws: int = 200, seed: int = 0, level: float = LEVEL
) -> Attribution:
    """All `methods` side by side. Members without a touch count in no channel; paths are merged before counting."""
    chosen = tuple(methods or METHODS)
    require_setting("methods", list(chosen), ", ".join(METHODS), bool(chosen) and set(chosen) <= set(METHODS))
    merged = _merged(paths)
    names = sorted({name for path in merged for name in path.channels})
    purchases = sum(path.bought for path in merged)
    found = {method: METHODS[method](merged) for method in chosen}
    drawn = {method: np.array([[0.0] * len(names)]) for method in chosen}
    if draws:
        drawn = _drawn(merged, names, chosen, draws, seed)
    rows = []
    for method in chosen:
        low, high = np.quantile(drawn[method], [(1 - level) / 2, (1 + level) / 2], axis=0)
        for index, name in enumerate(names):
            credit = found[method].get(name, 0.0)
            limits = (float(low[index]), float(high[index])) if draws else (None, None)
            rows.append((method, name, credit, credit / purchases, *limits))
    table = pl.DataFrame(rows, schema=["method", "channel", "credit", "share", "low", "high"], orient="row")
    apart = table.group_by("channel").agg((pl.col("share").max() - pl.col("share").min()).alias("apart"))["apart"].to_numpy()
    value = float(apart.max())
    spread = Check("distance between methods", "各方法份额的最大差距", value, f"<= {LARGEST_SPREAD}", value <= LARGEST_SPREAD)
    return Attribution(table, purchases, spread, warnings([spread]))


def last(paths: Sequence[Path]) -> Credit:
    """Each purchase to the last touch."""
    return _by_touch(paths, lambda n: [0.0] * (n - 1) + [1.0])


def first(paths: Sequence[Path]) -> Credit:
    """Each purchase to the first touch."""
    return _by_touch(paths, lambda n: [1.0] + [0.0] * (n - 1))


def linear(paths: Sequence[Path]) -> Credit:
    """Each purchase equally to all touches."""
    return _by_touch(paths, lambda n: [1 / n] * n)


def position(paths: Sequence[Path]) -> Credit:
    """40 % to the first touch, 40 % to the last, the rest equally between; two touches get a half each."""

    def shares(n: int) -> list[float]:
        if n <= 2:
            return [1 / n] * n
        return [EDGE_SHARE, *[(1 - 2 * EDGE_SHARE) / (n - 2)] * (n - 2), EDGE_SHARE]

    return _by_touch(paths, shares)


def markov(paths: Sequence[Path]) -> Credit:
    """Purchases in proportion to the removal effects; all effects 0 cannot be where anyone bought."""
    removal = removal_effects(paths)
    total, purchases = sum(removal.values()), sum(path.bought for path in paths)
    return {name: purchases * effect / total for name, effect in removal.items()}


def removal_effects(paths: Sequence[Path], order: int = 1) -> Credit:
    """By channel the share of purchases that the chain loses without it. `order`: how many of the last touches a state of it remembers."""
    start: tuple[str, ...] = (START,)
    steps: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    for path in paths:
        states = [path.channels[max(0, place + 1 - order) : place + 1] for place in range(len(path.channels))]
        for one, other in zip((start, *states), states, strict=False):
            steps[one, other] += path.count  # type: ignore[assignment]
        steps[states[-1], (END,)] += path.bought  # type: ignore[assignment]
        steps[states[-1], (LOST,)] += path.count - path.bought  # type: ignore[assignment]
    names = [start, *sorted({state for step in steps for state in step} - {start, (END,), (LOST,)})]
    place_of = {state: index for index, state in enumerate(names)}
    chain, ends = np.zeros((len(names), len(names))), np.zeros(len(names))
    leaving = np.zeros(len(names))
    for (one, other), count in steps.items():
        leaving[place_of[one]] += count
        if other in place_of:
            chain[place_of[one], place_of[other]] += count
        elif other == (END,):
            ends[place_of[one]] += count
    leaving = np.where(leaving > 0, leaving, 1.0)
    chain, ends = chain / leaving[:, None], ends / leaving

    def chance(without: str | None) -> float:
        kept = [index for index, state in enumerate(names) if without not in state]
        return float(np.linalg.solve(np.eye(len(kept)) - chain[np.ix_(kept, kept)], ends[kept])[0])

    whole = chance(None)
    channels = sorted({name for path in paths for name in path.channels})
    return {name: 1 - chance(name) / whole for name in channels}


def shapley(paths: Sequence[Path]) -> Credit:
    """Purchases in proportion to Shapley values of v(S) = purchase rate of members reached by channels of S only; v = 0 where there are
    none.

    A channel whose members buy less than others' may come out below 0. Exact over all sets, up to 12 channels.
    """
    names = sorted({name for path in paths for name in path.channels})
    if len(names) > MOST_CHANNELS:
        require_setting("channels", len(names), f"<= {MOST_CHANNELS}", False)
    bit = {name: 1 << index for index, name in enumerate(names)}
    bought, count = np.zeros(1 << len(names)), np.zeros(1 << len(names))
    for path in paths:
        mask = sum(bit[name] for name in set(path.channels))
        bought[mask] += path.bought
        count[mask] += path.count
    for one in bit.values():  # sums over subsets
        inside = (np.arange(bought.size) & one) > 0
        bought[inside] += bought[np.arange(bought.size)[inside] ^ one]
        count[inside] += count[np.arange(count.size)[inside] ^ one]
    worth = np.divide(bought, count, out=np.zeros_like(bought), where=count > 0)
    values = {name: _shapley_value(worth, bit[name], [bit[o] for o in names if o != name]) for name in names}
    total = float(worth[-1])
    return {name: float(bought[-1]) * value / total for name, value in values.items()}


METHODS: dict[str, Callable[[Sequence[Path]], Credit]] = {
    "last": last,
    "first": first,
    "linear": linear,
    "position": position,
    "markov": markov,
    "shapley": shapley,
}


def against_test(attribution: Attribution, channel: str, effect: Effect) -> dict[str, bool]:
    """By method whether its credit to `channel` (purchases) lies in the interval of a test that held the channel back."""
    rows = attribution.table.filter(pl.col("channel") == channel)
    complain(
        wrong(
            "channel",
            f"an unknown channel ({channel})",
            f"未知渠道（{channel}）",
            int(rows.height == 0),
            "one of the paths",
            "路径中的渠道",
        )
    )
    return {row["method"]: effect.covers(row["credit"]) for row in rows.iter_rows(named=True)}


def _merged(paths: Iterable[Path]) -> list[Path]:
    counts: dict[tuple[str, ...], tuple[float, float]] = {}
    bad = 0
    for path in paths:
        bad += not 0 <= path.bought <= path.count <= MOST
        if path.channels:
            bought, count = counts.get(path.channels, (0.0, 0.0))
            counts[path.channels] = (bought + path.bought, count + path.count)
    found = wrong(
        "paths",
        "counts below 0, huge, or more bought than came",
        "计数为负、过大或购买多于到访",
        bad,
        "0 <= bought <= count",
        "0 <= bought <= count",
    )
    complain(found)
    purchases = sum(bought for bought, _ in counts.values())
    complain(needed("purchases after a touch", "触达后的购买", round(purchases), 1))
    return [Path(channels, *both) for channels, both in sorted(counts.items())]


def _by_touch(paths: Sequence[Path], shares: Callable[[int], list[float]]) -> Credit:
    credit: Credit = {name: 0.0 for path in paths for name in path.channels}
    for path in paths:
        for name, share in zip(path.channels, shares(len(path.channels)), strict=True):
            credit[name] += share * path.bought
    return credit


def _shapley_value(worth: np.ndarray[tuple[int], np.dtype[np.float64]], own: int, others: list[int]) -> float:
    n, value = len(others) + 1, 0.0
    for size in range(n):
        weight = factorial(size) * factorial(n - size - 1) / factorial(n)
        for group in combinations(others, size):
            mask = sum(group)
            value += weight * float(worth[mask | own] - worth[mask])
    return value


def _drawn(
    merged: list[Path], names: list[str], methods: Sequence[str], draws: int, seed: int
) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """Shares by method: draws x channels. Draws in which nobody bought are left out."""
    rng = np.random.default_rng(seed)
    cells = np.array([part for path in merged for part in (path.bought, path.count - path.bought)])
    total = round(float(cells.sum()))
    out: dict[str, list[list[float]]] = {method: [] for method in methods}
    for _ in range(draws):
        counts = rng.multinomial(total, cells / cells.sum())
        again = [
            Path(path.channels, float(b), float(b + lost))
            for path, b, lost in zip(merged, counts[::2], counts[1::2], strict=True)
            if b + lost
        ]
        purchases = sum(path.bought for path in again)
        if purchases:
            for method in methods:
                credit = METHODS[method](again)
                out[method].append([credit.get(name, 0.0) / purchases for name in names])
    return {method: np.array(rows).reshape(-1, len(names)) for method, rows in out.items()}
