"""Order-up-to levels, stock positions, chances to order and newsvendor orders, with hand-worked figures."""

from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.workers.optimise.inventory import Line, order_line, protected_demand, safety_factor, safety_stock, spread
from storeloom.workers.optimise.newsvendor import Demand, critical_ratio, packs, remove, target, total, usable
from storeloom.workers.optimise.ordering import Chance, days_to_next, delivery_day, lead_row, order_chance
from storeloom.workers.optimise.position import coming, empty, enter_movement, enter_snapshot, expect, on_hand

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
MONDAY = date(2026, 3, 2)


def test_safety_stock_of_the_worked_example():
    demand = protected_demand([(1, 12, 4)] * 3)
    assert demand == pytest.approx((36, 48))
    assert safety_stock(safety_factor(0.95), 48, 12, 0.5) == pytest.approx(1.645 * 84**0.5, rel=1e-3)


def test_days_without_forecast_count_as_the_mean_of_the_others():
    assert protected_demand([(0.5, 10, 2), (1, None, 0), (0.5, 30, 2)]) == pytest.approx((40, 8))
    assert protected_demand([(1, None, 0)]) is None


def test_spread_from_quantiles_or_poisson():
    assert spread(10, 20.252, 15) == pytest.approx(4)
    assert spread(None, 20, 9) == 3


@pytest.mark.parametrize(
    ("limits", "line"),
    [
        ({}, Line(30, 5, "order_up_to")),
        ({"capacity": 60}, Line(30, 5, "order_up_to")),
        ({"capacity": 54}, Line(24, 4, "capacity")),
        ({"capacity": 31}, None),
        ({"minimum": 40}, Line(42, 7, "minimum")),
        ({"cover_limit": 40}, Line(12, 2, "max_cover")),
    ],
)
def test_a_line_goes_up_to_cases_and_down_to_what_fits(limits, line):
    assert order_line(51.08, 26, 6, **limits) == line


def test_no_need_no_line():
    assert order_line(20, 20, 6) is None


def test_a_position_follows_snapshots_movements_and_announcements():
    book = empty()
    assert on_hand(book) is None
    enter_snapshot(book, {"on_hand": 8, "location": "shelf"}, NOW)
    enter_snapshot(book, {"on_hand": 12, "location": "backroom", "in_transit": 6}, NOW)
    assert (on_hand(book), coming(book, NOW, 3)) == (20, 6)
    expect(book, "order-1", 30, (NOW + timedelta(days=1)).isoformat())
    expect(book, "ship-1", 24, (NOW + timedelta(days=1)).isoformat(), "order-1")
    assert coming(book, NOW, 3) == 30
    enter_movement(book, {"kind": "receive", "qty": 25, "accepted": 24, "order": "ship-1"}, NOW + timedelta(hours=1))
    assert (on_hand(book), coming(book, NOW, 3), list(book["coming"])) == (44, 6, ["order-1"])
    enter_movement(book, {"kind": "waste", "qty": -2}, NOW - timedelta(hours=1))
    assert (on_hand(book), book["net"]) == (44, 22)
    enter_movement(book, {"kind": "count", "qty": 40}, NOW + timedelta(hours=2))
    assert on_hand(book) == 40
    assert not enter_snapshot(book, {"on_hand": 1}, NOW)
    assert coming(book, NOW + timedelta(days=4), 3) == 0
    assert coming(book, NOW + timedelta(days=62), 3) == 6 and not book["coming"]


def test_chances_and_deliveries():
    rows = [{"category": "dairy", "days": 1}, {"gtin": "1", "days": 3}, {"days": 5}]
    found = [lead_row(rows, row)["days"] for row in ({"gtin": "1", "category": "dairy"}, {"category": "dairy"}, {"gtin": "2"})]
    assert found == [3, 1, 5]
    assert lead_row([], {}) == {}
    assert order_chance({"order_by": "10:00"}, Chance("15:00", (2,))) == ("10:00", (2,))
    assert [days_to_next(MONDAY, weekdays) for weekdays in ((1,), (1, 3), (7,), ())] == [7, 2, 6, 7]
    assert delivery_day(MONDAY, {"days": 1.5}) == date(2026, 3, 4)
    assert delivery_day(MONDAY, {"days": 2, "deliver_weekdays": [1]}) == date(2026, 3, 9)


def test_newsvendor_of_the_worked_example():
    ratio = critical_ratio(200, 150, (0.3, 0.98))
    assert ratio == pytest.approx(0.5714, abs=1e-4)
    found, _ = target(Demand(80, 20), 200, 150, (0.3, 0.98))
    assert found == pytest.approx(83.6, abs=0.01)
    assert packs((found - 14) / 0.95, 5) == 15
    found, _ = target(Demand(80, 20), 300, 150, (0.3, 0.98))
    assert packs((found - 14) / 0.95, 5) == 16


def test_quantiles_of_a_forecast_go_before_the_normal():
    normal = {0.1: 80 - 1.2815515655446004 * 20, 0.5: 80, 0.9: 80 + 1.2815515655446004 * 20}
    assert Demand(80, 20, normal).quantile(0.7) == pytest.approx(Demand(80, 20).quantile(0.7))
    skewed = Demand(5, 3, {0.1: 1, 0.5: 4, 0.9: 12})
    assert (skewed.quantile(0.5), skewed.quantile(0.9)) == (pytest.approx(4), pytest.approx(12))
    assert skewed.quantile(0.02) == 0
    assert skewed.quantile(0.97) > 12


def test_goods_that_keep_longer_are_ordered_more_boldly():
    day = Demand(80, 20)
    once, _ = target(day, 200, 150, (0.3, 0.98))
    longer, ratio = target(day, 200, 150, (0.3, 0.98), life=total([day] * 2))
    assert longer > once
    assert ratio == pytest.approx(0.96, abs=0.001)
    middling, ratio = target(day, 200, 150, (0.3, 0.98), life=Demand(100, 22))
    assert once < middling < longer
    assert ratio == pytest.approx(critical_ratio(200, 150 * Demand(100, 22).chance_below(middling), (0.3, 0.98)), abs=1e-6)


@pytest.mark.parametrize(("need", "number"), [(-3, 0), (2.4, 0), (2.5, 1), (7.5, 2), (7.4, 1)])
def test_packs_round_half_up(need, number):
    assert packs(need, 5) == number


def test_the_evening_takes_the_freshest_first():
    today, tomorrow = date(2026, 3, 2), date(2026, 3, 3)
    batches = [{"lot": "a", "expiry": "2026-03-02", "qty": 10}, {"lot": "b", "expiry": "2026-03-04", "qty": 20}]
    assert usable(batches, [(today, 10)], tomorrow, 0.7) == pytest.approx(13)
    assert usable(batches, [(today, 10)], tomorrow, 0.0) == pytest.approx(20)
    assert usable(batches, [(today, 40)], tomorrow, 0.7) == 0
    assert usable(batches, [], date(2026, 3, 5), 0.7) == 0
    assert [batch["qty"] for batch in batches] == [10, 20]


def test_deliveries_on_the_way_meet_the_demand_of_the_days_between():
    days = [date(2026, 3, 2), date(2026, 3, 3)]
    arrivals = [(days[1], {"expiry": "2026-03-04", "qty": 75})]
    batches = [{"lot": None, "expiry": None, "qty": 14}]
    assert usable(batches, [(days[0], 4), (days[1], 80)], date(2026, 3, 4), 0.7, arrivals) == pytest.approx(5)
    assert usable(batches, [(days[0], 4)], date(2026, 3, 4), 0.7, arrivals) == pytest.approx(85)


def test_waste_leaves_its_lot_else_the_oldest():
    batches = [{"lot": "b", "expiry": "2026-03-04", "qty": 20}, {"lot": "a", "expiry": "2026-03-02", "qty": 10}]
    remove(batches, 5, "b")
    remove(batches, 12)
    assert batches == [{"lot": "b", "expiry": "2026-03-04", "qty": 13}]
