"""Purchase days kept receipt by receipt: days, repeats, returns, settling."""

from datetime import date, timedelta

from storeloom.workers.insight import visits

MONDAY = date(2026, 3, 2)


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def test_a_day_is_one_purchase_and_a_repeated_receipt_none():
    record = visits.new()
    assert visits.add(record, day(0), "a", 900)
    assert visits.add(record, day(2), "b", 1000)
    assert visits.add(record, day(2), "c", 500)
    assert not visits.add(record, day(2), "c", 500)
    assert visits.history(record, day(7)) == (1, day(0), day(2), day(7), 1500)
    assert visits.history(record, day(2)) == (0, day(0), day(0), day(2), None)
    assert visits.history(record, day(0)) is None


def test_what_came_back_or_was_voided_is_no_purchase():
    record = visits.new()
    visits.add(record, day(0), "a", 900)
    visits.add(record, day(1), "b", 1000)
    visits.add(record, day(3), "c", 800)
    visits.void(record, "c")
    visits.give_back(record, "b", "r", 400)
    assert visits.history(record, day(7)) == (1, day(0), day(1), day(7), 600)
    visits.give_back(record, "b", "s", 600)
    assert visits.history(record, day(7)) == (0, day(0), day(0), day(7), None)
    visits.give_back(record, "unknown", "t", 600)
    assert visits.bought(record, day(0), day(7)) == (1, 900)


def test_settling_changes_no_figure_and_keeps_the_record_small():
    record = visits.new()
    for number in range(0, 70, 7):
        visits.add(record, day(number), f"r{number}", 100 + number)
    before = visits.history(record, day(80))
    visits.settle(record, day(60))
    assert len(record["days"]) == 1
    assert visits.history(record, day(80)) == before == (9, day(0), day(63), day(80), 135)


def test_a_day_before_the_first_takes_its_place_even_when_settled():
    record = visits.new()
    visits.add(record, day(10), "b", 500)
    visits.add(record, day(20), "c", 700)
    visits.settle(record, day(15))
    visits.add(record, day(5), "a", 300)
    assert visits.history(record, day(30)) == (2, day(5), day(20), day(30), 600)
    visits.settle(record, day(30))
    assert visits.history(record, day(30)) == (2, day(5), day(20), day(30), 600)
