"""A panel as a matrix: what methods that work on all series at once take."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.forecast.panel import Panel, PanelFault, Step, ahead, shifted
from storeloom.workers.forecast.vintages import Vintage

if TYPE_CHECKING:
    from storeloom.workers.forecast.drivers import Drivers

Array = NDArray[np.float64]

WEATHER = ("temperature", "rain")
SEASONS = {"15m": 672, "1h": 168, "1d": 7, "1w": 52}


@dataclass(frozen=True)
class Grid:
    """Series x steps, aligned at their last step; NaN where demand could not show and before a series begins.

    `start`: first step of each series, as a column; `season`: steps of the season that methods follow, 1 for none; `drivers`: columns by
    name, each series x (steps + steps ahead). `groups`: what each column tells of (`drivers.GROUPS`); `categories`: number of each series'
    category; `vintages`: weather, which each step back sees as it was forecast then. The last three are empty without typed drivers.
    """

    ids: tuple[str, ...]
    values: Array
    start: NDArray[np.int64]
    last: Step
    freq: str
    season: int
    drivers: dict[str, Array]
    groups: dict[str, str] = field(default_factory=dict)
    categories: tuple[int, ...] = ()
    vintages: dict[str, Vintage] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        return int(self.values.shape[1])

    def until(self, steps: int) -> Grid:
        """The grid of the first `steps` steps: what was known then. Plans stay known ahead, of weather what had been forecast."""
        last = shifted(self.last, self.freq, steps - self.steps)
        drivers = self.drivers
        if self.vintages:
            from storeloom.workers.forecast.drivers import weather_columns

            drivers = drivers | weather_columns(self.vintages, steps, len(self.ids))
        return replace(self, values=self.values[:, :steps], last=last, drivers=drivers)

    def without(self, group: str) -> Grid:
        """The grid with a group of drivers at rest ahead: 0, or for weather the mean of the last four weeks."""
        drivers = dict(self.drivers)
        recent = slice(max(0, self.steps - 4 * SEASONS["1d" if self.freq == "1w" else self.freq]), self.steps)
        for name in (name for name, one in self.groups.items() if one == group):
            drivers[name] = drivers[name].copy()
            drivers[name][:, self.steps :] = drivers[name][:, recent].mean(axis=1, keepdims=True) if group in WEATHER else 0.0
        return replace(self, drivers=drivers, vintages={})

    def only(self, rows: Any) -> Grid:
        """The grid of some series, by their numbers."""
        ids = tuple(self.ids[row] for row in rows)
        drivers = {name: column[rows] for name, column in self.drivers.items()}
        categories = tuple(self.categories[row] for row in rows) if self.categories else ()
        return replace(self, ids=ids, values=self.values[rows], start=self.start[rows], drivers=drivers, categories=categories)

    def filled(self) -> Array:
        """Values without gaps after a series began: a step not known takes the mean of its season's place, weighed by nearness.

        For methods that cannot leave a step out.
        """
        values = self.values.copy()
        for row in np.flatnonzero(np.isnan(values).any(axis=1)).tolist():
            begin = int(self.start[row])
            series = values[row, begin:]
            gaps = np.isnan(series)
            if gaps.any():
                series[gaps] = _near(series, np.flatnonzero(gaps), self.season)
        return values


def _near(series: Array, gaps: NDArray[np.intp], season: int) -> Array:
    """For each gap the mean of the four nearest known steps of the same place in the season; of any place where there is none."""
    known = np.flatnonzero(~np.isnan(series))
    found = np.zeros(len(gaps))
    if not len(known):
        return found
    for number, gap in enumerate(gaps.tolist()):
        same = known[(known - gap) % season == 0]
        near = same if len(same) else known
        found[number] = series[near[np.argsort(np.abs(near - gap), kind="stable")[:4]]].mean()
    return found


def season_of(freq: str, steps: int) -> int:
    """Steps of a season: a week (of weeks: a year); 1 where the history is shorter than two."""
    season = SEASONS[freq]
    return season if steps >= 2 * season else 1


def make(panel: Panel, horizon: int, drivers: pl.DataFrame | Drivers | None = None, season: int | None = None) -> Grid:
    """The matrix of a panel. `drivers`: typed, or `ds`, columns, and `unique_id` where they differ by series. PanelFault where these have
    gaps."""
    frame, ids = panel.frame, panel.ids
    first, last = frame["ds"].min(), panel.last
    kind = frame.schema["ds"]
    ranges = pl.date_range if kind == pl.Date else pl.datetime_range
    axis = ranges(pl.lit(first, dtype=kind), pl.lit(last, dtype=kind), panel.freq, eager=True)
    place = pl.DataFrame({"ds": axis, "step": np.arange(len(axis))})
    row = pl.DataFrame({"unique_id": ids, "row": np.arange(len(ids))})
    placed = frame.join(place, on="ds").join(row, on="unique_id")
    values = np.full((len(ids), len(axis)), np.nan)
    values[placed["row"].to_numpy(), placed["step"].to_numpy()] = placed["y"].fill_null(np.nan).to_numpy()
    start = placed.group_by("row").agg(pl.col("step").min()).sort("row")["step"].to_numpy()
    grid = Grid(tuple(ids), values, start, last, panel.freq, season or season_of(panel.freq, len(axis)), {})
    steps = axis.to_list() + ahead(last, panel.freq, horizon)
    if drivers is None:
        return grid
    if isinstance(drivers, pl.DataFrame):
        return replace(grid, drivers=_columns(panel, ids, steps, drivers))
    typed = replace(
        grid,
        drivers=_columns(panel, ids, steps, drivers.frame),
        groups=dict(drivers.groups),
        categories=drivers.numbers(ids),
        vintages={name: one.cut(len(steps)) for name, one in drivers.vintages.items()},
    )
    return typed.until(grid.steps) if typed.vintages else typed


def _columns(panel: Panel, ids: list[str], steps: list[Step], drivers: pl.DataFrame) -> dict[str, Array]:
    names = [name for name in drivers.columns if name not in ("unique_id", "ds")]
    if not names:
        return {}
    keys = [name for name in ("unique_id", "ds") if name in drivers.columns]
    axis = pl.DataFrame({"ds": pl.Series(steps, dtype=panel.frame.schema["ds"])})
    whole = pl.DataFrame({"unique_id": ids}).join(axis, how="cross")
    known = drivers.with_columns(pl.col("ds").cast(axis.schema["ds"]), pl.col(names).cast(pl.Float64)).unique(keys, keep="last")
    joined = whole.join(known, on=keys, how="left", maintain_order="left")
    short = joined.filter(pl.any_horizontal(pl.col(names).is_null() | ~pl.col(names).is_finite()))
    if short.height:
        args = {"count": short.height, "series": short["unique_id"][0], "step": str(short["ds"][0])}
        raise PanelFault([Finding("SL-FCT-15", args)])
    return {name: joined[name].to_numpy().reshape(len(ids), len(steps)) for name in names}
