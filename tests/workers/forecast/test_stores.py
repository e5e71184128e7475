"""A chain's stores from one file: the same on every pool, a bad store stops no other, progress is told."""

from datetime import timedelta
from importlib.util import find_spec

import polars as pl
import pytest

from storeloom.workers.forecast import stores
from storeloom.workers.forecast.chain import forecast
from storeloom.workers.forecast.panel import PanelFault, build
from storeloom.workers.forecast.stores import Settings, forecast_stores
from storeloom.workers.pool import open_pool
from tests.workers.forecast.series import FIRST, sales

QUICK = ("seasonal_naive", "window_average", "rates")
SETTINGS = Settings(7, methods=QUICK, origins=2)


def chain_of(count, days=60):
    """Stores of two series; store s002 has a day twice."""
    parts = []
    for store in range(count):
        values = sales(2, days, seed=store)
        for row in range(2):
            steps = [FIRST + timedelta(days=day) for day in range(days)]
            parts.append(pl.DataFrame({"store": f"s{store:03d}", "unique_id": f"i{row}", "ds": steps, "y": values[row]}))
    whole = pl.concat(parts)
    return pl.concat([whole, whole.filter(pl.col("store") == "s002").head(1)])


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "ROWS_A_PART", 250)
    path = tmp_path / "chain.parquet"
    chain_of(6).write_parquet(path)
    return path


@pytest.mark.parametrize("place", ["inline", "processes", pytest.param("ray", marks=pytest.mark.thorough)])
def test_each_store_as_alone(file, place):
    if place == "ray" and find_spec("ray") is None:
        pytest.skip("the extra 'ray' is not installed")
    ticks = []
    with open_pool(place, 2) as pool:
        found = {one.store: one for one in forecast_stores(file, SETTINGS, pool, ticks.append)}
    assert sorted(found) == [f"s{store:03d}" for store in range(6)]
    assert (ticks[-1].done, ticks[-1].total, ticks[-1].failed) == (3, 3, 0)
    bad = found.pop("s002")
    assert bad.told is None
    assert [finding.code for finding in bad.findings] == ["SL-FCT-04"]
    rows = pl.read_parquet(file)
    for store, one in found.items():
        alone = forecast(build(rows.filter(pl.col("store") == store).drop("store")), 7, methods=QUICK, origins=2)
        assert one.told.frame.equals(alone.frame)
        assert one.told.totals.equals(alone.totals)


def test_stores_come_as_they_are_done_and_no_more_is_read(file, monkeypatch):
    read = []
    real = stores._one
    monkeypatch.setattr(stores, "_one", lambda store, rows, settings: read.append(store) or real(store, rows, settings))
    with open_pool() as pool:
        found = forecast_stores(file, SETTINGS, pool)
        next(found)
        assert len(read) <= 4, "two parts of two stores at most"
        assert len(list(found)) == 5


def test_files_that_hold_no_stores(tmp_path):
    path = tmp_path / "chain.parquet"
    for frame, codes in (
        (chain_of(1).drop("store", "y"), ["SL-FCT-02", "SL-FCT-02"]),
        (chain_of(1).clear(), ["SL-FCT-01"]),
    ):
        frame.write_parquet(path)
        with open_pool() as pool, pytest.raises(PanelFault) as caught:
            next(forecast_stores(path, SETTINGS, pool))
        assert [finding.code for finding in caught.value.findings] == codes
