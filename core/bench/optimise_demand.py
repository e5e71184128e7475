"""What the virtual store's manager knows of demand: what was sold and when the shelf was empty; from it the demand as it would have been,
and forecasts of it, from which orders are made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from storeloom.core.virtual import VirtualStore

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from storeloom.workers.forecast.panel import Panel
    from storeloom.workers.optimise.perishable import Flow
    from storeloom.workers.optimise.policies import Levels

METHODS = ("window_average", "seasonal_window_average", "rates", "tsb")
SERVICE = 0.98
WHOLE = 0.999


def sales(store: VirtualStore, units: Mapping[str, float], first: date, day: date) -> pl.DataFrame:
    """A row an item and day before `day`: unique_id, ds, sold (in `units`), share_open, the share of the day's usual receipts for whose
    hours the store had the item at all."""
    import polars as pl

    days = [first + timedelta(days=n) for n in range((day - first).days)]
    usual = _usual(store)
    zone = ZoneInfo(str(store.profile["zone"]))
    rows = []
    for gtin, unit in units.items():
        notes = store.truth.stock.get(gtin, [])
        times = [datetime.fromisoformat(at).astimezone(zone).replace(tzinfo=None) for at, _, _ in notes]
        full = [shelf + back > 0 for _, shelf, back in notes]
        for one in days:
            sold = store.truth.demand.get(one.isoformat(), {}).get(gtin, {}).get("sold", 0.0)
            rows.append((gtin, one, round(sold / unit, 3), _share(one, times, full, usual)))
    return pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "sold": pl.Float64, "share_open": pl.Float64}, orient="row")


def _usual(store: VirtualStore) -> dict[int, float]:
    """Share of all receipts so far by local hour."""
    by_hour: dict[int, float] = {}
    for key, count in store.truth.receipts.items():
        by_hour[int(key[11:13])] = by_hour.get(int(key[11:13]), 0.0) + count
    total = sum(by_hour.values()) or 1.0
    return {hour: count / total for hour, count in sorted(by_hour.items())}


def _share(day: date, times: list[datetime], full: list[bool], usual: Mapping[int, float]) -> float:
    """An hour counts where the item was there at its beginning; before the first note it was."""
    share = 0.0
    for hour, part in usual.items():
        place = bisect_right(times, datetime(day.year, day.month, day.day, hour)) - 1
        share += part if place < 0 or full[place] else 0.0
    return share


def panel(rows: pl.DataFrame, corrected: bool) -> Panel:
    """Sales as they were, or demand with the days on which an item ran out estimated (`censored`)."""
    import polars as pl

    from storeloom.workers.forecast.censored import uncensor
    from storeloom.workers.forecast.panel import build

    out = rows.filter(pl.col("share_open") < WHOLE)
    told = rows.rename({"sold": "y"})
    if not corrected or not out.height:
        return build(told)
    return uncensor(build(told, hidden=out), out).panel


def histories(known: Panel) -> dict[str, NDArray[np.float64]]:
    """Demand of each item, a value a day."""
    parts = known.frame.partition_by("unique_id", as_dict=True, maintain_order=True)
    return {str(key[0]): part["y"].to_numpy().astype(np.float64) for key, part in parts.items()}


def forecast_levels(known: Panel, flows: Mapping[str, Flow]) -> dict[str, Levels]:
    """Order-up-to levels for a fill rate of 98 % over the protection interval of the forecast."""
    from storeloom.workers.forecast.chain import forecast
    from storeloom.workers.optimise.order_up_to import Review
    from storeloom.workers.optimise.policies import Levels
    from storeloom.workers.optimise.protection import protection

    horizon = max(flow.lead_days + flow.review_days for flow in flows.values())
    told = forecast(known, horizon, methods=METHODS, origins=4)
    found = {}
    for review in {(flow.review_days, flow.lead_days, flow.case) for flow in flows.values()}:
        for item, level in protection(told, Review(*review)).levels("beta", SERVICE).items():
            if item in flows and (flows[item].review_days, flows[item].lead_days, flows[item].case) == review:
                found[item] = Levels(level - 1e-6, level)
    return found
