"""Hand-worked: 100 pieces, two weeks, 20 a week, full price 20000, elasticity 2, salvage 10 %."""

from datetime import date

import pytest

from storeloom.workers.optimise.clearance import Style, by_week, demand, ewma, plan, worth

STYLE = Style(100, 20000, (20.0, 20.0), (1.0, 0.7, 0.5), 2, 0.1)


@pytest.mark.parametrize(
    ("shares", "value"),
    [
        ((1, 1), 920_000),
        ((1, 0.7), 1_049_796),
        ((1, 0.5), 1_200_000),
        ((0.7, 0.7), 1_179_592),
        ((0.7, 0.5), 1_163_265),
        ((0.5, 0.5), 1_000_000),
    ],
)
def test_each_path_is_worth_what_it_sells_and_leaves(shares, value):
    assert worth(STYLE, shares) == pytest.approx(value, abs=0.7)


def test_the_best_path_waits_a_week():
    found = plan(STYLE)
    assert found.shares == (1.0, 0.5)
    assert found.value == pytest.approx(1_200_000) and found.no_cut == pytest.approx(920_000) and found.sold == pytest.approx(100)


def test_a_cut_waits_for_the_gap():
    assert plan(Style(100, 20000, (20.0,), (1.0, 0.5), 2, 0.1, gap=3, since=2)).shares == (1.0,)
    assert plan(Style(100, 20000, (20.0,), (1.0, 0.5), 2, 0.1, gap=3, since=3)).shares == (0.5,)


def test_equal_paths_keep_the_higher_price():
    assert plan(Style(10, 1000, (0.0, 0.0), (1.0, 0.5), 2, 0.1)).shares == (1.0, 1.0)


def test_ewma_weighs_the_newest():
    assert ewma([10, 20], 0.4) == pytest.approx(14)


def test_weeks_count_back_from_the_day():
    days = [{"2026-02-05": 20, "2026-03-03": 1}, {"2026-02-25": 2, "2026-03-04": 99}]
    assert by_week(days, date(2026, 3, 4)) == [20, 0, 0, 3]
    assert by_week([{}], date(2026, 3, 4)) == []


def test_demand_follows_last_year_and_a_short_week_counts_by_days():
    last_year = {"2025-02-03": 10, "2025-02-10": 10, "2025-02-17": 10, "2025-02-24": 10, "2025-03-03": 10, "2025-03-10": 20}
    assert demand(20, last_year, date(2026, 3, 4), date(2026, 3, 16)) == pytest.approx((20, 40 * 5 / 7))
    assert demand(20, {}, date(2026, 3, 4), date(2026, 3, 18)) == (20, 20)
