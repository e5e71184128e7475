"""The area `forecast`: what series it takes, what it says where data are absent, its table."""

from datetime import date

import polars as pl
import pytest

from storeloom.core.bench.forecast import FIGURES, Sales, _plans, _read, _seasonal, measure, table
from storeloom.core.bench.harness import Result
from storeloom.core.kernel.errors import InputFault
from tests.conftest import DATA

JOURNEY = DATA / "complete-journey"


def lines(*found):
    return Sales(pl.DataFrame(found, schema=["product_id", "ds", "y"], orient="row"))


def test_series_are_picked_by_what_was_known_before_the_origins():
    sales = lines(("early", date(2017, 3, 1), 5.0), ("late", date(2017, 12, 1), 90.0), ("both", date(2017, 10, 8), 9.0))
    panel = sales.panel(["product_id"], 2)
    assert panel.ids == ["both", "early"]
    assert panel.frame.group_by("unique_id").len()["len"].to_list() == [365, 365]
    assert panel.frame["y"].sum() == 14


def test_weeks_begin_on_monday_and_are_whole():
    panel = lines(
        ("a", date(2017, 1, 1), 7.0), ("a", date(2017, 1, 2), 1.0), ("a", date(2017, 1, 8), 2.0), ("a", date(2017, 12, 31), 4.0)
    ).panel(["product_id"], 1, "1w")
    assert (panel.frame["ds"].min(), panel.last, panel.frame.height) == (date(2017, 1, 2), date(2017, 12, 25), 52)
    assert (panel.frame["y"][0], panel.frame["y"][-1]) == (3.0, 4.0), "the Sunday before the first Monday is no week"


def test_only_series_with_a_week_are_seasonal():
    days = pl.date_range(date(2017, 1, 1), date(2017, 12, 31), "1d", eager=True)
    weekly = lines(
        *[("weekly", day, 20.0 + 10 * (day.weekday() >= 5) + day.day % 3) for day in days],
        *[("odd", day, float(day.day * 37 % 31)) for day in days],
    )
    assert _seasonal(weekly.panel(["product_id"], 2)).ids == ["weekly"]


def test_absent_data_are_named(tmp_path):
    with pytest.raises(InputFault) as caught:
        measure(tmp_path)
    assert caught.value.findings[0].file == str(tmp_path / "transactions.parquet")


def test_the_table_has_a_line_a_task_and_method():
    cells = [Result(f"category-day/{method}/rmsse", value, "", "", "", 3) for method, value in (("auto", 0.5), ("naive", 1.0))]
    head, auto, naive = table([*cells, Result("default_chain", 9.0, "s", "<= 60", "", 1)])
    assert len(head.split("RMSSE")) == 2
    assert auto.split() == ["category-day", "auto", "0.500", *["-"] * (len(FIGURES) - 1)]
    assert naive.split()[:3] == ["category-day", "naive", "1.000"]


def test_real_plans_cover_the_year():
    if not (JOURNEY / "promotions.parquet").is_file():
        pytest.skip("shared/data/complete-journey absent")
    products = _read(JOURNEY).panel(["product_id"], 20)
    plans = _plans(JOURNEY, products)
    assert plans.height == products.frame.height
    week = pl.read_parquet(JOURNEY / "promotions.parquet").filter(pl.col("product_id") == products.ids[0], pl.col("week") == 10)
    stores = week.filter(pl.col("mailer_location") != "0").height
    told = plans.filter(pl.col("unique_id") == products.ids[0], pl.col("ds") == date(2017, 2, 27))["mailer"][0]
    assert told == pytest.approx(pl.Series([float(stores)]).log1p()[0])
