"""Series that add up: items in categories, stores and all, as names, sums and the matrix that adds them.

Levels are lists of columns that name a node: () is the whole, ("category",) each category, ("store", "category") each category of each
store. The last level holds the single series. `nested` says which column must lie in one of another (an item in one category): where it
does not, the names form no tree, and the sums of a level would split an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.forecast.grid import Array, Grid
from storeloom.workers.forecast.metrics import by_series
from storeloom.workers.forecast.panel import Panel, PanelFault

WHOLE = "all"
SEPARATOR = " | "
LEAST_KNOWN = 0.95


@dataclass(frozen=True)
class Level:
    """Nodes of one level: name, ids in order, and for each bottom series the number of its node."""

    name: str
    ids: tuple[str, ...]
    of: Any

    def sums(self, values: Array) -> Array:
        """Values of bottom series (series x steps) added by node."""
        found = np.zeros((len(self.ids), values.shape[1]))
        np.add.at(found, self.of, values)
        return found


@dataclass(frozen=True)
class Hierarchy:
    """Levels from the top down, the last one the single series (`bottom`, sorted)."""

    levels: tuple[Level, ...]
    bottom: tuple[str, ...]

    @property
    def nodes(self) -> int:
        return sum(len(level.ids) for level in self.levels)

    def matrix(self) -> Any:
        """What adds bottom series up to nodes (sparse, nodes x bottom); its last rows are the identity."""
        from scipy import sparse

        count = len(self.bottom)
        parts = [sparse.csr_matrix((np.ones(count), (level.of, np.arange(count))), (len(level.ids), count)) for level in self.levels]
        return sparse.vstack(parts, format="csr")

    def grid(self, level: Level, bottom: Grid) -> Grid:
        """The series of a level: sums of what is known, scaled up for series not known where these are at most 5 % of the node's usual
        units; unknown where they are more."""
        if level is self.levels[-1]:
            return bottom
        began = np.arange(bottom.steps)[None, :] >= bottom.start[:, None]
        usual = np.nan_to_num(by_series(bottom.values))[:, None] * began
        known = ~np.isnan(bottom.values)
        whole, part = level.sums(usual), level.sums(np.where(known, usual, 0.0))
        share = np.where(whole > 0, part / np.maximum(whole, 1e-12), level.sums(known.astype(float)) > 0)
        sums = level.sums(np.nan_to_num(bottom.values))
        values = np.where(share >= LEAST_KNOWN, sums / np.maximum(share, LEAST_KNOWN), np.nan)
        start = np.full(len(level.ids), bottom.steps, dtype=np.int64)
        np.minimum.at(start, level.of, bottom.start)
        values[np.arange(bottom.steps)[None, :] < start[:, None]] = np.nan
        return Grid(level.ids, values, start, bottom.last, bottom.freq, bottom.season, {})


def arrange(names: pl.DataFrame, levels: Sequence[Sequence[str]], nested: Sequence[tuple[str, str]] = ()) -> Hierarchy:
    """The hierarchy of series `unique_id`, by the columns that `levels` name; the whole and the single series are added where missing.

    `nested`: pairs such as ("item", "category"): each item lies in one category. PanelFault names all that is wrong.
    """
    wanted = list(dict.fromkeys([*(name for level in levels for name in level), *(name for pair in nested for name in pair)]))
    missing = [name for name in ("unique_id", *wanted) if name not in names.columns]
    if missing or not names.height:
        known = ", ".join(names.columns) or "-"
        lacking = [Finding("SL-FCT-02", {"column": name, "known": known}) for name in missing]
        raise PanelFault([*([] if names.height else [Finding("SL-FCT-01")]), *lacking])
    faults = [*_unnamed(names, wanted), *_repeated(names), *(fault for pair in nested for fault in _split(names, *pair))]
    if faults:
        raise PanelFault(faults)
    ordered = names.with_columns(pl.col("unique_id").cast(pl.String)).sort("unique_id")
    bottom = tuple(ordered["unique_id"].to_list())
    made = [_level(ordered, tuple(level)) for level in dict.fromkeys(tuple(level) for level in [(), *levels])]
    made = [level for level in made if len(level.ids) < len(bottom)] or made[:1]
    return Hierarchy((*made, Level("series", bottom, np.arange(len(bottom)))), bottom)


def _level(names: pl.DataFrame, columns: tuple[str, ...]) -> Level:
    if not columns:
        return Level(WHOLE, (WHOLE,), np.zeros(names.height, dtype=int))
    keys = names.select(pl.concat_str([pl.col(name).cast(pl.String) for name in columns], separator=SEPARATOR).alias("node"))["node"]
    ids = sorted(set(keys.to_list()))
    place = {name: number for number, name in enumerate(ids)}
    return Level(SEPARATOR.join(columns), tuple(ids), np.array([place[key] for key in keys.to_list()]))


def _unnamed(names: pl.DataFrame, columns: Sequence[str]) -> list[Finding]:
    nothing, something = {"en": "nothing", "zh": "空值"}, {"en": "a name in each row", "zh": "每行都有名称"}
    counts = ((name, names[name].null_count()) for name in ("unique_id", *columns))
    return [Finding("SL-FCT-03", {"column": name, "got": nothing, "count": count, "allowed": something}) for name, count in counts if count]


def _repeated(names: pl.DataFrame) -> list[Finding]:
    again = names.filter(pl.col("unique_id").is_duplicated())
    if not again.height:
        return []
    count = again.height - again["unique_id"].n_unique()
    return [Finding("SL-FCT-32", {"count": count, "series": str(again["unique_id"].sort()[0])})]


def _split(names: pl.DataFrame, child: str, parent: str) -> list[Finding]:
    """Children in more than one parent."""
    both = names.drop_nulls([child, parent]).select(child, parent).unique().group_by(child).agg(pl.col(parent).sort()).sort(child)
    split = both.filter(pl.col(parent).list.len() > 1)
    if not split.height:
        return []
    parents = ", ".join(map(str, split[parent][0].to_list()))
    args = {"child": child, "parent": parent, "count": split.height, "name": str(split[child][0]), "parents": parents}
    return [Finding("SL-FCT-33", args)]


def covered(hierarchy: Hierarchy, panel: Panel) -> None:
    """PanelFault where the hierarchy and the panel name different series."""
    named, sold = set(hierarchy.bottom), set(panel.ids)
    if named != sold:
        odd = sorted(named ^ sold)
        raise PanelFault([Finding("SL-FCT-34", {"count": len(odd), "series": odd[0]})])
