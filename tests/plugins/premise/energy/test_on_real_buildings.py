"""Baseline and savings of a real building (Building Data Genome 2) against a regression made here.

The sample brings no weather. A season's temperature stands in for it, and a cooling load that answers to it is put on top of the building's
own use: the solution has to find the load again in the noise of the real days. Weekends are told as closed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from storeloom.plugins.premise.energy.energy_savings_mv import EnergySavingsMv
from tests.conftest import DATA
from tests.plugins.plugin_runs import Run

HOURS = DATA / "energy" / "bdg2_hourly_sample.csv"
FIRST, BASELINE_DAYS, LAST = date(2016, 1, 1), 182, date(2016, 9, 2)
COOLING_KWH_PER_K, COOLING_FROM_C, PRICE = 150, 14, 12


def season(day: date) -> float:
    """Mean outdoor temperature of a day, C: a year's course, and some degrees from week to week."""
    number = day.timetuple().tm_yday
    return round(11 - 11 * math.cos(2 * math.pi * (number - 20) / 365) + 4 * math.sin(number / 2.3), 2)


@pytest.fixture(scope="module")
def hourly() -> pl.DataFrame:
    """at (UTC), day, kwh (with the cooling load), temp_c, closed: the building's hours up to `LAST`."""
    if not HOURS.is_file():
        pytest.skip("shared/data/energy absent")
    rows = pl.read_csv(HOURS, try_parse_dates=True).select(pl.col("timestamp").alias("at"), pl.col("building_1").alias("own"))
    rows = rows.with_columns(pl.col("at").dt.date().alias("day"), (pl.col("at").dt.weekday() > 5).alias("closed"))
    rows = rows.with_columns(pl.Series("temp_c", [season(day) for day in rows["day"]])).filter(pl.col("day") < LAST)
    load = COOLING_KWH_PER_K / 24 * (pl.col("temp_c") - COOLING_FROM_C).clip(0)
    return rows.with_columns((pl.col("own") + load).alias("kwh"))


@pytest.fixture(scope="module")
def reports(hourly: pl.DataFrame) -> dict[str, Mapping[str, Any]]:
    """What the solution tells of the building, by kind and first day."""
    run = Run(EnergySavingsMv, datetime(2016, 1, 1, tzinfo=UTC), {"tariffs": [{"kind": "electricity", "price": PRICE, "per": "kWh"}]},
              config={"baseline_days": BASELINE_DAYS})  # fmt: skip
    total = 0.0
    for at, kwh, temp_c, closed in hourly.select(pl.col("at").dt.replace_time_zone("UTC"), "kwh", "temp_c", "closed").rows():
        if at.hour == 0 and closed:
            off = {"event": f"off-{at.date()}", "kind": "closure", "from": at.isoformat(), "to": (at + timedelta(days=1)).isoformat()}
            run.give("calendar.event", at, **off)
        if at.hour == 0:
            felt = {"sensor": "out", "kind": "temperature", "zone": "outdoor", "value": temp_c, "unit": "C"}
            run.give("sensor.reading", at + timedelta(minutes=30), **felt)
        total += kwh
        read = {"meter": "main", "kind": "electricity", "total": total, "unit": "kWh", "interval_s": 3600}
        run.give("meter.reading", at + timedelta(hours=1), **read)
    told = [one.data for one in run.outs if one.stream == "insight.report"]
    return {f"{one['kind']} {one['from'][:7]}": {name: figure["value"] for name, figure in one["figures"].items()} for one in told}


@pytest.fixture(scope="module")
def days(hourly: pl.DataFrame) -> pl.DataFrame:
    one = hourly.group_by("day").agg(pl.col("kwh").sum(), pl.col("temp_c").first(), pl.col("closed").first()).sort("day")
    return one.filter(pl.col("day") > FIRST)  # the register at the first midnight was not read


def fitted(days: pl.DataFrame, from_c: float) -> tuple[np.ndarray[Any, Any], float]:
    """Bases of open and closed days and the slope above a temperature by least squares, and the sum of squared errors."""
    temp, closed = days["temp_c"].to_numpy(), days["closed"].to_numpy()
    columns = np.column_stack([~closed, closed, np.maximum(0, temp - from_c)]).astype(float)
    found, _, _, _ = np.linalg.lstsq(columns, days["kwh"].to_numpy(), rcond=None)
    return found, float(((days["kwh"].to_numpy() - columns @ found) ** 2).sum())


def test_the_baseline_is_the_best_regression_and_finds_the_load_again(reports: dict[str, Mapping[str, Any]], days: pl.DataFrame) -> None:
    told = reports["energy_baseline 2016-01"]
    base = days.filter(pl.col("day") < FIRST + timedelta(days=BASELINE_DAYS))
    errors = {from_c: fitted(base, from_c)[1] for from_c in np.arange(5, 24, 0.5)}
    best = min(errors, key=lambda one: errors[one])
    (opened, closed, slope), error = fitted(base, best)
    assert told["cooling_from_c"] == best and abs(best - COOLING_FROM_C) <= 1.5
    assert told["cooling_kwh_per_k"] == pytest.approx(slope, abs=0.01) and slope == pytest.approx(COOLING_KWH_PER_K, rel=0.1)
    assert (told["base_kwh"], told["closed_base_kwh"]) == (pytest.approx(opened, abs=0.1), pytest.approx(closed, abs=0.1))
    rmse = math.sqrt(error / (base.height - 4))  # two bases, a slope and its change point
    assert told["cv_rmse_pct"] == pytest.approx(100 * rmse / base["kwh"].mean(), abs=0.01) and told["cv_rmse_pct"] < 5
    assert abs(told["nmbe_pct"]) < 0.01 and told["accepted"] == 1


@pytest.mark.parametrize("month", [7, 8])
def test_a_months_saving_is_what_the_baseline_tells_less_what_was_used(
    reports: dict[str, Mapping[str, Any]], days: pl.DataFrame, month: int
) -> None:
    base = reports["energy_baseline 2016-01"]
    told = reports[f"energy_savings 2016-{month:02}"]
    rows = days.filter(pl.col("day").dt.month() == month)
    open_base, closed_base = (pl.lit(base[name]) for name in ("base_kwh", "closed_base_kwh"))
    load = base["cooling_kwh_per_k"] * (pl.col("temp_c") - base["cooling_from_c"]).clip(0)
    adjusted = rows.select((pl.when(pl.col("closed")).then(closed_base).otherwise(open_base) + load).sum()).item()
    assert told["days"] == rows.height
    assert told["actual_kwh"] == pytest.approx(rows["kwh"].sum(), abs=0.01)
    assert told["saved_kwh"] == pytest.approx(adjusted - rows["kwh"].sum(), abs=0.1)
    assert told["cost_saved"] == pytest.approx(told["saved_kwh"] * PRICE, abs=1)
    assert told["low_kwh"] < told["saved_kwh"] < told["high_kwh"]
