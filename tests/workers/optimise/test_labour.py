"""People by slot, and times of the day as a retailer writes them."""

from datetime import UTC, date, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise import labour, store_times

HOURS = StoreHours("UTC", {"open": "09:00", "close": "21:00", "sun": None})
MONDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 8)


def at(hour, minute=0, day=2):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_the_queueing_target_and_the_work_are_those_of_the_worked_example():
    assert labour.queue_heads(60, 3600, 90, 60, 0.8) == 3
    assert labour.queue_heads(0, 3600, 90, 60, 0.8) == 0
    assert labour.work_heads(75, 0.12, 60) == 2
    assert labour.work_heads(0, 0.12, 60) == 0


def test_work_that_just_fits_asks_for_nobody_more():
    assert labour.work_heads(3 * 15 * 0.9, 0.1, 15) == 3


def test_fixed_work_counts_in_every_group_that_a_slot_begins_in():
    groups = {"open": 30, "closed": 7, "09:00-10:00": 5, "22:00-02:00": 11}
    assert labour.fixed_minutes(groups, HOURS, at(9), at(10)) == 35
    assert labour.fixed_minutes(groups, HOURS, at(10), at(11)) == 30
    assert labour.fixed_minutes(groups, HOURS, at(1), at(2)) == 18
    assert labour.fixed_minutes(groups, HOURS, at(8, 30), at(9, 30)) == 30


def test_cases_wait_for_an_opening_slot():
    slots = store_times.slots(HOURS, MONDAY, 60)
    assert labour.landing_slot(HOURS, at(5), slots) == at(9)
    assert labour.landing_slot(HOURS, at(9, 30), slots) == at(10)
    assert labour.landing_slot(HOURS, at(20, 30), slots) is None


def test_a_median_needs_enough_values():
    assert labour.median_of({40.0: 2, 50.0: 1}, 3) == 40
    assert labour.median_of({40.0: 1, 50.0: 1}, 2) == 45
    assert labour.median_of({40.0: 2}, 3) is None


@pytest.mark.parametrize(("text", "hour", "minute"), [("14:00", 14, 0), ("open+0", 9, 0), ("open", 9, 0), ("close-30", 20, 30)])
def test_times_of_the_day(text, hour, minute):
    assert store_times.moment(HOURS, MONDAY, text) == at(hour, minute)


def test_a_closed_day_has_no_opening():
    assert store_times.moment(HOURS, SUNDAY, "open+0") is None
    assert store_times.moment(HOURS, SUNDAY, "14:00") == at(14, day=8)
    assert store_times.span(HOURS, SUNDAY, "open") is None


def test_spans_may_end_on_the_next_day():
    assert store_times.span(HOURS, MONDAY, "open") == (at(9), at(21))
    assert store_times.span(HOURS, MONDAY, "22:00-06:00") == (at(22), at(6, day=3))


def test_slots_fill_the_day_and_the_last_ends_with_it():
    slots = store_times.slots(HOURS, MONDAY, 50)
    assert len(slots) == 29
    assert slots[-1] == (at(23, 20), at(0, day=3))


def test_counts_of_five_minutes_spread_evenly():
    assert labour.within({"0": 10, "5": 4, "60": 100}, 2, 5, 5) == pytest.approx(6 + 1.6)
    assert labour.within({"0": 10}, 5, 15, 5) == 0


def test_hours_by_role_add_up_slots():
    heads = [(at(9), at(10), "cashier", 2), (at(10), at(10, 15), "cashier", 4), (at(9), at(10), "stocker", 0)]
    assert labour.hours_by_role(heads) == {"cashier": 3, "stocker": 0}


def test_errors_are_of_what_was_needed():
    assert labour.errors_pct({"cashier": 12, "stocker": 5, "picker": 3}, {"cashier": 10, "stocker": 10}) == [20, 50]
