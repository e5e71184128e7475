"""What drives the demand of a panel and is known ahead: promotions, prices, weather forecasts, the calendar.

`build` checks the tables as a whole and joins them to the panel's steps. Rules:

- promotions: a row a series and step; a step without a row has none. `depth` is the cut as a share of the usual price and enters as
  -ln(1 - depth); other figures (`display`, `mailer`, ...) enter as they are, each `type` as a column of its own;
- prices: carried on until the next is given; they enter as the log ratio to the usual price (median of the last 91 steps), cuts and rises
  apart. Give a cut as `depth` or in the prices, not both;
- weather: each origin sees what had been forecast then, see `vintages`; temperature enters as (C - 15) / 10 and, for heat, as degrees
  over 28 C by 5; rain as ln(1 + mm);
- calendar: the features of `calendars.Calendar` for the day of a step (of a week their mean); days that it does not hold are ordinary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.forecast.calendars import Calendar
from storeloom.workers.forecast.panel import STEPS, Panel, PanelFault, Step, ahead
from storeloom.workers.forecast.vintages import Vintage

Array = NDArray[np.float64]

GROUPS = {"promotion": "促销", "price": "价格", "temperature": "气温", "rain": "降雨", "calendar": "节假日", "payday": "发薪日"}
TABLES = {"promotions": "促销", "prices": "价格", "weather": "天气", "calendar": "日历"}
USUAL_STEPS = 91
MOST_LEAD_DAYS = 16
COLDEST_C, WARMEST_C = -90.0, 60.0
MOST_RAIN_MM = 2000.0
MOST_PRICE = 1e9
MOST_FIGURE = 1e6


@dataclass(frozen=True)
class Drivers:
    """Drivers over a panel's history and horizon.

    `frame`: `unique_id`, `ds`, a column each; `groups`: what each tells of (keys of `GROUPS`); `vintages`: `temp_c` and `rain_mm`;
    `categories`: a series' category, from which it borrows; `findings`: what was left out or assumed.
    """

    frame: pl.DataFrame
    groups: Mapping[str, str]
    vintages: Mapping[str, Vintage] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def numbers(self, ids: Sequence[str]) -> tuple[int, ...]:
        """Number of each series' category; series without one share the first."""
        names = {name: number for number, name in enumerate(["", *sorted(set(self.categories.values()))])}
        return tuple(names[self.categories.get(one, "")] for one in ids)


def build(
    panel: Panel,
    horizon: int,
    *,
    promotions: pl.DataFrame | None = None,
    prices: pl.DataFrame | None = None,
    weather: pl.DataFrame | None = None,
    calendar: Calendar | None = None,
    categories: Mapping[str, str] | None = None,
) -> Drivers:
    """Drivers of a panel and the `horizon` steps after it.

    `promotions`: `unique_id`, `ds`, figures, `type`; `prices`: `unique_id`, `ds`, `price`; `weather`: `ds`, `temp_c`, `rain_mm`, `issued`
    (the store's local time without zone), `observed`. Raises PanelFault with all that is wrong.
    """
    first = panel.frame["ds"].min()
    assert isinstance(first, date)
    axis = _axis(first, panel, horizon)
    whole = pl.DataFrame({"unique_id": panel.ids}).join(pl.DataFrame({"ds": axis}), how="cross", maintain_order="left_right")
    faults: list[Finding] = []
    notes: list[Finding] = list(calendar.findings) if calendar is not None else []
    groups: dict[str, str] = {}
    checked = {}
    for name, table in (("promotions", promotions), ("prices", prices), ("weather", weather)):
        if table is not None:
            checked[name], wrong = _checked(name, table, axis)
            faults += wrong
    if faults:
        raise PanelFault(faults)
    for name in ("promotions", "prices"):
        if name in checked:
            checked[name] = _known_series(name, checked[name], panel.ids, notes)
    if "promotions" in checked:
        whole = _with_promotions(whole, checked["promotions"], groups)
    if "prices" in checked:
        whole = _with_prices(whole, checked["prices"], axis[-horizon:] if horizon else [], groups, notes)
    if calendar is not None:
        whole = _with_calendar(whole, calendar, panel.freq, axis[-horizon:] if horizon else [], groups, notes)
    vintages = _vintages(checked["weather"], axis, panel.freq) if "weather" in checked else {}
    if vintages:
        groups |= {name: group for name, (_, group) in _WEATHER.items() if _WEATHER[name][0] in vintages}
        blind = vintages["temp_c"].beyond(len(axis) - horizon)
        if len(blind):
            effect, zh = "the climate of that time of year", "同期气候均值"
            notes.append(_ahead("weather", len(blind), axis[int(blind[0])], effect, zh))
    return Drivers(whole, groups, vintages, categories or {}, tuple(notes))


_WEATHER = {"temperature": ("temp_c", "temperature"), "hot": ("temp_c", "temperature"), "rain": ("rain_mm", "rain")}


def weather_columns(vintages: Mapping[str, Vintage], origin: int, series: int) -> dict[str, Array]:
    """Columns of the weather (series x steps) as it was known after the first `origin` steps."""
    known = {name: one.at(origin) for name, one in vintages.items()}
    found: dict[str, Array] = {}
    if "temp_c" in known:
        found |= {"temperature": (known["temp_c"] - 15) / 10, "hot": np.maximum(0.0, known["temp_c"] - 28) / 5}
    if "rain_mm" in known:
        found["rain"] = np.log1p(np.maximum(0.0, known["rain_mm"]))
    return {name: np.tile(column, (series, 1)) for name, column in found.items()}


def weather_of(rows: Iterable[Mapping[str, Any]], zone: str) -> pl.DataFrame:
    """`weather.forecast` facts as a table of days: of each issue, the mean of its temperatures and the sum of its rain by local day."""
    found = []
    for row in rows:
        begin, issued = (
            datetime.fromisoformat(str(row[name])).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for name in ("from", "issued")
        )
        found.append((begin.date(), float(row["temp_c"]), float(row.get("rain_mm") or 0.0), issued, bool(row.get("observed"))))
    schema: dict[str, Any] = {
        "ds": pl.Date,
        "temp_c": pl.Float64,
        "rain_mm": pl.Float64,
        "issued": pl.Datetime("us"),
        "observed": pl.Boolean,
    }
    frame = pl.DataFrame(found, schema=schema, orient="row")
    # What was observed comes hour by hour, each with a time of its own.
    issue = pl.when("observed").then(pl.col("issued").max().over("ds", "observed")).otherwise("issued")
    return (
        frame.with_columns(issued=issue)
        .group_by("ds", "issued", "observed")
        .agg(pl.col("temp_c").mean(), pl.col("rain_mm").sum())
        .select(*schema)
        .sort("ds", "issued")
    )


def _axis(first: Step, panel: Panel, horizon: int) -> list[Step]:
    step, found = STEPS[panel.freq], [first]
    while found[-1] < panel.last:
        found.append(found[-1] + step)
    return found + ahead(panel.last, panel.freq, horizon)


def _checked(name: str, table: pl.DataFrame, axis: Sequence[Step]) -> tuple[pl.DataFrame, list[Finding]]:
    """A table with its types, and what is wrong with it."""
    keys = ["ds"] if name == "weather" else ["unique_id", "ds"]
    needed = keys + {"promotions": [], "prices": ["price"], "weather": ["temp_c", "issued"]}[name]
    args = {"table": name, "table_zh": TABLES[name]}
    missing = [column for column in needed if column not in table.columns]
    if missing:
        known = ", ".join(table.columns) or "-"
        return table, [Finding("SL-DRV-01", args | {"column": column, "known": known}) for column in missing]
    kind = pl.Date if type(axis[0]) is date else pl.Datetime("us")
    table = table.with_columns(pl.col("ds").cast(kind))
    faults = []
    if nulls := table.filter(pl.any_horizontal(pl.col(keys).is_null())).height:
        faults.append(Finding("SL-DRV-06", args | {"count": nulls}))
    faults += [one for column in table.columns if (one := _range(args, table, column)) is not None]
    unique = ["ds", "issued"] if name == "weather" else keys
    again = table.filter(pl.struct(unique).is_duplicated() & ~pl.any_horizontal(pl.col(keys).is_null())).sort(unique)
    if name == "weather" and "observed" in table.columns:
        again = table.filter(pl.struct([*unique, "observed"]).is_duplicated()).sort(unique)
    if again.height:
        count = again.height - again.select(unique).unique().height
        series = again["unique_id"][0] if "unique_id" in again.columns else "-"
        faults.append(Finding("SL-DRV-03", args | {"count": count, "series": series, "step": str(again["ds"][0])}))
    return table, faults


def _range(args: Mapping[str, Any], table: pl.DataFrame, column: str) -> Finding | None:
    """What lies out of range in a column of figures."""
    if column in ("unique_id", "ds", "issued", "observed", "type"):
        return None
    low, high = {
        "price": (1e-9, MOST_PRICE),
        "depth": (0.0, 0.99),
        "temp_c": (COLDEST_C, WARMEST_C),
        "rain_mm": (0.0, MOST_RAIN_MM),
    }.get(column, (0.0, MOST_FIGURE))
    value = table[column].cast(pl.Float64, strict=False)
    off = table.filter(value.is_null() | ~value.is_between(low, high))
    if not off.height:
        return None
    words = {"price": ("more than 0", "大于 0"), "depth": ("0 to 0.99", "0 至 0.99")}
    en, zh = words.get(column, (f"{low:g} to {high:g}", f"{low:g} 至 {high:g}"))
    got = str(off[column][0])
    return Finding(
        "SL-DRV-02", {**args, "count": off.height, "column": column, "got": got, "step": str(off["ds"][0]), "allowed": {"en": en, "zh": zh}}
    )


def _known_series(name: str, table: pl.DataFrame, ids: Sequence[str], notes: list[Finding]) -> pl.DataFrame:
    other = table.filter(~pl.col("unique_id").is_in(list(ids)))
    if other.height:
        args = {
            "table": name,
            "table_zh": TABLES[name],
            "count": other["unique_id"].n_unique(),
            "series": other.sort("unique_id")["unique_id"][0],
        }
        notes.append(Finding("SL-DRV-04", args))
    return table.filter(pl.col("unique_id").is_in(list(ids)))


def _ahead(table: str, count: int, step: Step, effect: str, effect_zh: str) -> Finding:
    args = {"table": table, "table_zh": TABLES[table], "count": count, "step": str(step)}
    return Finding("SL-DRV-05", args | {"effect": effect, "effect_zh": effect_zh})


def _with_promotions(whole: pl.DataFrame, table: pl.DataFrame, groups: dict[str, str]) -> pl.DataFrame:
    figures = [name for name in table.columns if name not in ("unique_id", "ds", "type")]
    table = table.with_columns(pl.col(figures).cast(pl.Float64))
    if "depth" in figures:
        table = table.with_columns(depth=-(1 - pl.col("depth")).log())
    if "type" in table.columns:
        kinds = table["type"].drop_nulls().unique().sort().to_list()
        table = table.with_columns((pl.col("type") == kind).fill_null(False).cast(pl.Float64).alias(f"type_{kind}") for kind in kinds)
        figures += [f"type_{kind}" for kind in kinds]
    if not figures:
        table, figures = table.with_columns(on=pl.lit(1.0)), ["on"]
    named = {name: f"promotion_{name}" for name in figures}
    groups |= dict.fromkeys(named.values(), "promotion")
    joined = whole.join(table.select("unique_id", "ds", *figures).rename(named), on=["unique_id", "ds"], how="left", maintain_order="left")
    return joined.with_columns(pl.col(list(named.values())).fill_null(0.0))


def _with_prices(
    whole: pl.DataFrame, table: pl.DataFrame, steps: Sequence[Step], groups: dict[str, str], notes: list[Finding]
) -> pl.DataFrame:
    groups |= {"price_cut": "price", "price_rise": "price"}
    given = set(table["ds"].to_list())
    missing = [step for step in steps if step not in given]
    if missing:
        notes.append(_ahead("prices", len(missing), missing[0], "the last price", "最近一次价格"))
    price = table.select("unique_id", "ds", pl.col("price").cast(pl.Float64).log())
    filled = pl.col("price").forward_fill().backward_fill().over("unique_id")
    joined = whole.join(price, on=["unique_id", "ds"], how="left", maintain_order="left").with_columns(price=filled)
    usual = pl.col("price").rolling_median(USUAL_STEPS, min_samples=1).over("unique_id")
    ratio = (pl.col("price") - usual).fill_null(0.0)
    cut, rise = pl.max_horizontal(pl.lit(0.0), -ratio), pl.max_horizontal(pl.lit(0.0), ratio)
    return joined.with_columns(price_cut=cut, price_rise=rise).drop("price")


def _with_calendar(
    whole: pl.DataFrame, calendar: Calendar, freq: str, steps: Sequence[Step], groups: dict[str, str], notes: list[Finding]
) -> pl.DataFrame:
    """Features of each step's day; of a week the mean of its days."""
    features = calendar.features()
    names = [name for name in features.columns if name != "ds"]
    groups |= {name: "payday" if name == "payday" else "calendar" for name in names}
    if freq == "1w":
        features = features.group_by(pl.col("ds").dt.truncate("1w")).agg(pl.col(names).mean())
    given = set(features["ds"].to_list())
    missing = [step for step in steps if (step.date() if isinstance(step, datetime) else step) not in given]
    if missing:
        notes.append(_ahead("calendar", len(missing), missing[0], "an ordinary day", "普通日"))
    dated = whole.with_columns(_day=pl.col("ds").cast(pl.Date))
    joined = dated.join(features.rename({"ds": "_day"}), on="_day", how="left", maintain_order="left").drop("_day")
    return joined.with_columns(pl.col(names).fill_null(0.0))


def _vintages(table: pl.DataFrame, axis: Sequence[Step], freq: str) -> dict[str, Vintage]:
    """What was forecast for each step of the axis, by lead; weeks are not told."""
    step = STEPS[freq]
    a_day = max(1, round(timedelta(days=1) / step))
    most = MOST_LEAD_DAYS * a_day
    place = {one: number for number, one in enumerate(axis)}
    observed = "observed" in table.columns
    found: dict[str, Vintage] = {}
    for name in ("temp_c", "rain_mm"):
        if name not in table.columns:
            continue
        best, seen = np.full((len(axis), most + 1), np.nan), np.full(len(axis), np.nan)
        for row in table.sort("ds", "issued").iter_rows(named=True):
            at = place.get(row["ds"])
            if at is None:
                continue
            if observed and row["observed"]:
                seen[at] = row[name]
                continue
            begin = row["ds"] if isinstance(row["ds"], datetime) else datetime.combine(row["ds"], datetime.min.time())
            lead = min(most, (begin - row["issued"]) // step + 1)
            if lead >= 0:
                best[at, lead] = row[name]
        for lead in range(most - 1, -1, -1):
            best[:, lead] = np.where(np.isnan(best[:, lead]), best[:, lead + 1], best[:, lead])
        before = best[:, 1]
        past = np.where(~np.isnan(before), before, np.where(~np.isnan(seen), seen, best[:, 0]))
        found[name] = Vintage(best, past, a_day)
    return found
