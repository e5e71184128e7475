"""Comparable stores, worked by hand."""

from datetime import date, timedelta

import polars as pl
import pytest

from storeloom.workers.insight.comparable import comparables
from storeloom.workers.insight.faults import InsightFault

START = date(2026, 3, 30)  # a Monday; four weeks before it begin on 2 March
WEEKDAYS = (0.8, 0.9, 1.0, 1.0, 1.1, 1.2, 1.0)


def panel(**weeks: list[float]) -> pl.DataFrame:
    """Daily rows: a store's weekly means, spread over weekdays that a week wipes out."""
    first = START - timedelta(days=28)
    rows = [
        (store, first + timedelta(days=7 * week + day), mean * WEEKDAYS[day])
        for store, means in weeks.items()
        for week, mean in enumerate(means)
        for day in range(7)
    ]
    return pl.DataFrame(rows, schema=["unique_id", "ds", "y"], orient="row")


FRAME = panel(pilot=[90, 100, 110, 100], twin=[900, 1000, 1100, 1000], flat=[50, 50, 50, 50], away=[110, 100, 90, 100])


def test_the_trend_counts_and_not_the_level() -> None:
    found = comparables(FRAME, ["pilot"], START)
    assert [one.store for one in found.likeness] == ["twin", "flat", "away"]
    twin, flat, away = found.likeness
    assert (twin.trend, twin.level, twin.grade) == (pytest.approx(0, abs=1e-12), pytest.approx(10), "good")
    assert (flat.trend, flat.grade) == (pytest.approx((0.02 / 4) ** 0.5), "fair")  # 0.1, 0, 0.1, 0 apart
    assert (away.trend, away.grade) == (pytest.approx((0.08 / 4) ** 0.5), "poor")
    assert found.weeks == 4 and found.stores == ("twin", "flat", "away")


def test_fewer_unlike_traits_come_first() -> None:
    traits = {"pilot": {"format": "supermarket"}, "flat": {"format": "supermarket"}, "twin": {"format": "convenience"}, "away": {}}
    found = comparables(FRAME, ["pilot"], START, traits=traits, each=2)
    assert [(one.store, one.unlike) for one in found.likeness] == [("flat", ()), ("twin", ("format",))]


def test_a_pilot_store_is_never_anothers_comparable() -> None:
    found = comparables(FRAME, ["pilot", "away"], START, each=1)
    assert [(one.treated, one.store) for one in found.likeness] == [("pilot", "twin"), ("away", "flat")]


def test_a_store_that_lacks_a_week_is_left_out_and_a_pilot_that_does_is_a_fault() -> None:
    holes = FRAME.filter((pl.col("unique_id") != "twin") | (pl.col("ds") >= START - timedelta(days=21)))
    assert comparables(holes, ["pilot"], START).left_out == ("twin",)
    with pytest.raises(InsightFault, match="weeks without figures"):
        comparables(holes, ["twin"], START)


def test_too_short_a_past_and_an_unknown_store_are_told_together() -> None:
    with pytest.raises(InsightFault) as fault:
        comparables(FRAME.filter(pl.col("ds") >= START - timedelta(days=20)), ["nowhere"], START)
    assert len(fault.value.findings) == 2
