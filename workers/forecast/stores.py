"""Forecasts of a chain: thousands of stores from one file, cut by store, with no more in memory than what is under way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import NamedTuple

import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.forecast.chain import Forecasts, forecast
from storeloom.workers.forecast.panel import PanelFault, Step, build
from storeloom.workers.pool import Pool, Ticks
from storeloom.workers.pool.split import parts

STORE = "store"
ROWS_A_PART = 50_000


@dataclass(frozen=True)
class StoreForecast:
    """What came of one store: forecasts, or the findings that say why there are none. With forecasts, findings say what was mended."""

    store: str
    told: Forecasts | None
    findings: tuple[Finding, ...]


class Settings(NamedTuple):
    """How each store is forecast; see `panel.build` and `chain.forecast`."""

    horizon: int
    freq: str = "1d"
    zone: str | None = None
    until: Step | None = None
    lines: bool = False
    methods: Sequence[str] | None = None
    origins: int | None = None
    levels: Sequence[float] = (80, 95)
    seed: int = 0


def forecast_stores(rows: Path, settings: Settings, pool: Pool, progress: Ticks | None = None) -> Iterator[StoreForecast]:
    """Each store of a Parquet file with the columns store, unique_id, ds and y, as results come, in an order that hangs on the file alone.

    Workers read their stores themselves: sort the file by store, so that they need not read all of it. A store whose rows are wrong
    keeps no other from its forecast. `progress` counts parts of about 50,000 rows. PanelFault for a file without rows or columns.
    """
    columns = pl.scan_parquet(rows).collect_schema().names()
    missing = [name for name in (STORE, "unique_id", "ds", "y") if name not in columns]
    if missing:
        raise PanelFault([Finding("SL-FCT-02", {"column": name, "known": ", ".join(columns) or "-"}) for name in missing])
    counted = pl.scan_parquet(rows).group_by(STORE).len().sort(STORE).collect()
    if not counted.height:
        raise PanelFault([Finding("SL-FCT-01")])
    weights = dict(counted.iter_rows())
    cut = [tuple(part) for part in parts(weights, max(1, ceil(sum(weights.values()) / ROWS_A_PART)))]
    for found in pool.stream(_part, cut, rows, settings, chunk=1, progress=progress):
        yield from found


def _part(stores: tuple[str, ...], rows: Path, settings: Settings) -> list[StoreForecast]:
    """Runs in a worker."""
    frame = pl.scan_parquet(rows).filter(pl.col(STORE).is_in(list(stores))).collect()
    return [_one(store, frame.filter(pl.col(STORE) == store).drop(STORE), settings) for store in stores]


def _one(store: str, rows: pl.DataFrame, settings: Settings) -> StoreForecast:
    try:
        panel = build(rows, settings.freq, zone=settings.zone, until=settings.until, lines=settings.lines)
    except PanelFault as fault:
        return StoreForecast(store, None, fault.findings)
    told = forecast(panel, settings.horizon, methods=settings.methods, origins=settings.origins, levels=settings.levels, seed=settings.seed)
    return StoreForecast(store, told, panel.findings)
