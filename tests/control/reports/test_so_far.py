"""Today is held against the same hours of the same weekday before: by hour, each kind of figure as it is put together."""

from datetime import timedelta

import pytest
from sqlmodel import select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.reports import FigureHourSum
from storeloom.core.control.reports import so_far, sums
from tests.control.conftest import T0, profile
from tests.control.reports.test_figures import SHANGHAI, keep, row

DAY = SHANGHAI - timedelta(days=7)


def at(plane, hours, name="seen", how="sum"):
    """What had been told of the day before when today was so many hours old: value and stores."""
    with reading(plane.services.engine) as session:
        found = so_far.totals(session, "north", "2026-02-23", DAY + timedelta(hours=hours))
        one = found.get(("people_counter", name, "count", how))
        return None if one is None else tuple(one)


@pytest.fixture
def trade(plane):
    """Two stores count 10 and 20 an hour from eight to noon."""
    with writing(plane.services.engine) as session:
        session.add(Store(chain="north", id="s-2", name="x", tags=[], profile=profile("s-2"), created=T0, changed=T0))
    for store, each in (("s-1", 10), ("s-2", 20)):
        for number in range(1, 5):
            told = [
                row(each * number, begins=DAY, how="sum"),
                row(each + number, name="peak", begins=DAY, how="max"),
                row(number, name="stock", begins=DAY, how="last"),
                row(each + number / 2, name="wait", begins=DAY, how="mean", weight=2.0 * number),
            ]
            keep(plane, told, DAY + timedelta(hours=8 + number), store=store)
    sums.tick(plane.services)
    so_far.tick(plane.services)
    return plane


def test_sums_count_the_hours_that_were_over_and_a_share_of_the_one_that_ran(trade):
    assert at(trade, 8) is None
    assert at(trade, 9) == (30, 2) and at(trade, 10.5) == (75, 2) and at(trade, 23) == (120, 2)


def test_other_figures_are_put_together_as_their_days_are(trade):
    assert at(trade, 10, "peak", "max") == (22, 2) and at(trade, 20, "peak", "max") == (24, 2)
    assert at(trade, 10.5, "stock", "last") == (3, 2)
    # stores of 10 and 20: means 10.5 and 20.5 of two each in the first hour, 11 and 21 of four by the end of the second
    assert at(trade, 9, "wait", "mean") == (15.5, 2) and at(trade, 10, "wait", "mean") == (16, 2)


def test_hours_are_made_anew_where_stores_told_more_and_kept_for_one_day_alone(trade):
    with writing(trade.services.engine) as session:
        kept = {"solution": "x", "name": "x", "unit": "", "how": "sum", "stores": 1, "value": 1, "weight": 1, "low": 1, "high": 1}
        session.add(FigureHourSum(chain="north", day="2026-02-20", begins=T0, summed=T0, **kept))
    trade.wait(minutes=5)
    keep(trade, [row(100, begins=DAY, how="sum")], DAY + timedelta(hours=13), store="s-1")
    sums.tick(trade.services)
    so_far.tick(trade.services)
    assert at(trade, 23) == (180, 2)
    with reading(trade.services.engine) as session:
        assert set(session.exec(select(FigureHourSum.day))) == {"2026-02-23"}
        stamps = set(session.exec(select(FigureHourSum.summed)))
    trade.wait(minutes=5)
    so_far.tick(trade.services)
    with reading(trade.services.engine) as session:
        assert set(session.exec(select(FigureHourSum.summed))) == stamps, "nothing new, nothing made"
