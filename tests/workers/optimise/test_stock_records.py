from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.workers.optimise import stock_records

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_the_book_of_a_minute_knows_the_movements_up_to_it():
    record = stock_records.new()
    assert stock_records.on_hand(record, AT) is None
    stock_records.count(record, "store", 20, AT)
    stock_records.move(record, -3, AT + 5 * MINUTE)
    stock_records.move(record, -4, AT + 2 * MINUTE)
    assert [stock_records.on_hand(record, AT + minutes * MINUTE) for minutes in (1, 2, 5)] == [20, 16, 13]


def test_shelf_and_backroom_add_up_and_a_store_figure_replaces_them():
    record = stock_records.new()
    stock_records.count(record, "shelf", 4, AT)
    stock_records.count(record, "backroom", 6, AT + MINUTE)
    assert stock_records.on_hand(record, AT + MINUTE) == 10
    stock_records.count(record, "store", -2, AT + 2 * MINUTE)
    stock_records.count(record, "store", 99, AT)
    assert stock_records.on_hand(record, AT + 2 * MINUTE) == -2


def test_old_movements_go_into_the_figure():
    record = stock_records.new()
    stock_records.count(record, "store", 20, AT)
    stock_records.move(record, -3, AT + MINUTE)
    stock_records.move(record, -2, AT + timedelta(days=9))
    assert record["moves"] == [["2026-03-11T02:00:00.000000Z", -2]]
    assert stock_records.on_hand(record, AT + timedelta(days=9)) == 15


def test_a_count_knows_the_movements_before_it():
    record = stock_records.new()
    stock_records.count(record, "store", 20, AT)
    stock_records.move(record, -3, AT + MINUTE)
    stock_records.count(record, "store", 18, AT + 2 * MINUTE)
    stock_records.move(record, -1, AT + 3 * MINUTE)
    assert record["moves"] == [["2026-03-02T02:03:00.000000Z", -1]]
    assert stock_records.on_hand(record, AT + 3 * MINUTE) == 17


def test_sales_of_four_weeks_by_the_week():
    days: dict[str, float] = {}
    for day, units in ((1, 8), (2, 4), (2, 4), (30, 12)):
        stock_records.sold(days, date(2026, 3, day), units)
    assert days == {"2026-03-02": 8, "2026-03-30": 12}
    assert stock_records.weekly(days, date(2026, 3, 30)) == 5
    assert stock_records.weekly(days, date(2026, 3, 31)) == 3


def test_chances_and_tolerance():
    assert stock_records.chance_wrong(5, 10, 0.1) == pytest.approx(0.3)
    assert stock_records.is_silent(5.2, 0.01)
    assert not stock_records.is_silent(4.6, 0.01)
    assert stock_records.is_accurate(-4, 200, 1, 0.02)
    assert not stock_records.is_accurate(2, 20, 1, 0.02)


@pytest.mark.parametrize(
    ("difference", "others", "case", "announced", "waste", "cause"),
    [
        (-14, [14], 12, 0, 20, "swap"),
        (12, [14], 12, 24, None, "unposted_delivery"),
        (12, [], 12, 6, None, "unknown_loss"),
        (-3, [], 12, 0, 4, "unbooked_waste"),
        (-5, [], 12, 0, 4, "unknown_loss"),
    ],
)
def test_the_first_cause_that_fits(difference, others, case, announced, waste, cause):
    assert stock_records.cause(difference, others, case, announced, waste) == cause


def test_a_plan_fills_its_minutes_by_rank_then_score():
    items = [{"gtin": gtin, "rank": rank, "score": score, "minutes": 3} for gtin, rank, score in
             (("B", 2, 20), ("C", 2, 30), ("D", 2, 27), ("A", 0, 0))]  # fmt: skip
    assert [one["gtin"] for one in stock_records.plan(items, 9)] == ["A", "C", "D"]
