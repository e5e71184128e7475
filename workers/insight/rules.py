"""Association rules over whole baskets: which items are bought together more than chance has it, with what certainty.

Frequent sets by FP-growth (Han, Pei and Yin, SIGMOD 2000); support, confidence, lift (Brin et al. 1997), leverage (Piatetsky-Shapiro 1991)
and conviction. Whether a rule is more than chance is Fisher's exact test, one-sided; as thousands are tried at once, p-values are adjusted
for every rule that the frequent items could have formed (Webb, Machine Learning 68, 2007), not only for those that looked promising. Own
code, for the library of the field (mlxtend) wants a one-hot matrix of all baskets by all items, gives neither intervals nor corrections,
and brings plotting along; the counts are checked against direct counting. `basket_rules` counts pairs basket by basket inside a running
solution; this reads a whole history.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.insight.faults import require, require_setting
from storeloom.workers.insight.proportions import LEVEL, false_discovery, wilson, z_of

Floats = NDArray[np.float64]
Itemset = tuple[str, ...]
Transactions = Sequence[tuple[tuple[str, ...], int]]
SCHEMA: dict[str, Any] = {
    "antecedent": pl.List(pl.String),
    "consequent": pl.String,
    "together": pl.Int64,
    "with_antecedent": pl.Int64,
    "with_consequent": pl.Int64,
    "baskets": pl.Int64,
}


def baskets_of(lines: pl.DataFrame, by: str = "item") -> list[frozenset[str]]:
    """The distinct items (or another column `by`, such as a category) of each receipt; null ones are left out."""
    found = lines.drop_nulls(by).group_by("receipt").agg(pl.col(by).unique()).sort("receipt")
    return [frozenset(items) for items in found[by].to_list()]


def frequent_sets(baskets: Iterable[Iterable[str]], *, least: int, longest: int = 3) -> dict[Itemset, int]:
    """All sets of up to `longest` items in at least `least` baskets, as sorted tuples, with how many hold them."""
    require_setting("least", least, ">= 1", least >= 1)
    require_setting("longest", longest, "1..6", 1 <= longest <= 6)
    found: dict[Itemset, int] = {}
    _grow([(tuple(set(basket)), 1) for basket in baskets], least, longest, (), found)
    return found


def association_rules(
    baskets: Sequence[Iterable[str]],
    *,
    min_support: float = 0.001,
    min_together: int = 5,
    min_confidence: float = 0.0,
    longest: int = 2,
    level: float = LEVEL,
) -> pl.DataFrame:
    """Rules "who buys the antecedent buys the consequent", one consequent each, strongest lift with certainty first.

    Columns: antecedent (list), consequent, together, with_antecedent, with_consequent, baskets (counts), support, confidence, lift,
    leverage and conviction (inf where the rule never failed) each with `_low` and `_high`, p_value and q_value. Intervals: support and
    confidence by Wilson; lift (on the log scale) and leverage by the delta method over multinomial baskets; conviction by those of
    confidence, the consequent's share given. A rule with q_value at most 0.05 belongs to a list of which 5 % are expected to be chance.
    Raises InsightFault for no baskets and settings out of range.
    """
    require_setting("min_support", min_support, "0..1", 0 <= min_support <= 1)
    require_setting("min_confidence", min_confidence, "0..1", 0 <= min_confidence <= 1)
    require_setting("longest", longest, "2..6", 2 <= longest <= 6)
    require("baskets", "购物篮", len(baskets), 1)
    least = max(1, min_together, math.ceil(min_support * len(baskets) - 1e-9))
    sets = frequent_sets(baskets, least=least, longest=longest)
    rows = [
        (list(rest), one, together, sets[rest], sets[(one,)], len(baskets))
        for items, together in sets.items()
        if len(items) > 1
        for one in items
        if together >= min_confidence * sets[rest := tuple(item for item in items if item != one)]
    ]
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    single = sum(1 for items in sets if len(items) == 1)
    return _judged(_measured(table, level), _possible(single, longest)).sort(
        "lift_low", "together", "consequent", pl.col("antecedent").list.join("|"), descending=[True, True, False, False]
    )


def _possible(items: int, longest: int) -> int:
    """How many rules could be tried: both directions of a pair are one hypothesis."""
    return sum(math.comb(items, size) * (1 if size == 2 else size) for size in range(2, longest + 1))


def _grow(transactions: Transactions, least: int, longest: int, suffix: Itemset, found: dict[Itemset, int]) -> None:
    """FP-growth: a prefix tree of the frequent items, most frequent first, and for each item the tree of the paths above it."""
    support: Counter[str] = Counter()
    for items, count in transactions:
        for item in items:
            support[item] += count
    order = {item: (-count, item) for item, count in support.items() if count >= least}
    heads: dict[str, list[list[Any]]] = defaultdict(list)
    root: dict[str, list[Any]] = {}
    for items, count in transactions:
        parent, children = None, root
        for item in sorted((item for item in items if item in order), key=order.__getitem__):
            node = children.get(item)
            if node is None:
                node = children[item] = [item, 0, parent, {}]
                heads[item].append(node)
            node[1] += count
            parent, children = node, node[3]
    for item in sorted(order, key=order.__getitem__, reverse=True):
        grown = tuple(sorted((*suffix, item)))
        found[grown] = support[item]
        if len(grown) < longest:
            paths = [(_above(node), node[1]) for node in heads[item]]
            _grow([path for path in paths if path[0]], least, longest, grown, found)


def _above(node: list[Any]) -> tuple[str, ...]:
    path = []
    while (node := node[2]) is not None:
        path.append(node[0])
    return tuple(path)


def _measured(table: pl.DataFrame, level: float) -> pl.DataFrame:
    both, a, b, n = (table[name].cast(pl.Float64).to_numpy() for name in ("together", "with_antecedent", "with_consequent", "baskets"))
    z = z_of(level)
    p11, pa, pb = both / n, a / n, b / n
    p10, p01 = pa - p11, pb - p11
    confidence, lift, leverage = both / a, both * n / (a * b), p11 - pa * pb
    log_se = _delta(n, (p11, p10, p01), (1 / p11 - 1 / pa - 1 / pb, -1 / pa, -1 / pb))
    leverage_se = _delta(n, (p11, p10, p01), (1 - pa - pb, -pb, -pa))
    confidence_low, confidence_high = _wilsons(both, a, level)
    support_low, support_high = _wilsons(both, n, level)
    columns = {
        "support": (p11, support_low, support_high),
        "confidence": (confidence, confidence_low, confidence_high),
        "lift": (lift, lift * np.exp(-z * log_se), lift * np.exp(z * log_se)),
        "leverage": (leverage, leverage - z * leverage_se, leverage + z * leverage_se),
        "conviction": (_conviction(pb, confidence), _conviction(pb, confidence_low), _conviction(pb, confidence_high)),
    }
    named = {f"{name}{end}": value for name, values in columns.items() for end, value in zip(("", "_low", "_high"), values, strict=True)}
    return table.with_columns(pl.Series(name, value, dtype=pl.Float64) for name, value in named.items())


def _delta(n: Floats, cells: tuple[Floats, ...], slopes: tuple[Floats, ...]) -> Floats:
    """Standard error of a function of multinomial shares whose slope at the cell of neither item is 0."""
    square = sum((p * g * g for p, g in zip(cells, slopes, strict=True)), np.zeros_like(n))
    mean = sum((p * g for p, g in zip(cells, slopes, strict=True)), np.zeros_like(n))
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0.0) / n), dtype=np.float64)


def _conviction(share: Floats, confidence: Floats) -> Floats:
    fails = 1 - confidence
    return np.asarray(np.where(fails > 0, (1 - share) / np.where(fails > 0, fails, 1.0), np.inf), dtype=np.float64)


def _wilsons(hits: Floats, trials: Floats, level: float) -> tuple[Floats, Floats]:
    limits = np.array([wilson(int(h), int(t), level) for h, t in zip(hits, trials, strict=True)]).reshape(-1, 2)
    return limits[:, 0], limits[:, 1]


def _judged(table: pl.DataFrame, tests: int) -> pl.DataFrame:
    from scipy.stats import hypergeom

    both, a, b, n = (table[name].to_numpy() for name in ("together", "with_antecedent", "with_consequent", "baskets"))
    p_values = np.clip(hypergeom.sf(both - 1, n, a, b), 0.0, 1.0)
    keys = [
        tuple(sorted((*antecedent, consequent))) if len(antecedent) == 1 else (*antecedent, "->", consequent)
        for antecedent, consequent in table.select("antecedent", "consequent").iter_rows()
    ]
    distinct = dict(zip(keys, p_values, strict=True))
    adjusted = dict(zip(distinct, false_discovery(list(distinct.values()), tests), strict=True))
    return table.with_columns(
        p_value=pl.Series(p_values, dtype=pl.Float64), q_value=pl.Series([float(adjusted[key]) for key in keys], dtype=pl.Float64)
    )
