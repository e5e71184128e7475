"""Days of energy use by the calendar: those that cannot be compared, those on which the store was closed."""

from datetime import date

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.forecast.day_marks import closed, comparable

HOURS = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
DAY = date(2026, 5, 2)  # 2026-05-01T16:00Z to 2026-05-02T16:00Z


def event(begin, end, kind="local", able=None):
    return {"from": begin, "to": end, "kind": kind, "comparable": able}


@pytest.mark.parametrize(
    ("begin", "end", "able", "expected"),
    [
        ("2026-05-01T15:00:00Z", "2026-05-01T16:00:00Z", False, True),  # ends as the day begins
        ("2026-05-01T15:00:00Z", "2026-05-01T16:01:00Z", False, False),
        ("2026-05-02T15:59:00Z", "2026-05-03T16:00:00Z", False, False),
        ("2026-05-02T16:00:00Z", "2026-05-03T16:00:00Z", False, True),
        ("2026-05-01T16:00:00Z", "2026-05-02T16:00:00Z", True, True),
        ("2026-05-01T16:00:00Z", "2026-05-02T16:00:00Z", None, True),
    ],
)
def test_a_day_is_comparable_unless_an_event_in_it_says_no(begin, end, able, expected):
    assert comparable([event(begin, end, able=able)], DAY, HOURS) is expected


@pytest.mark.parametrize(
    ("begin", "end", "kind", "expected"),
    [
        ("2026-05-02T00:00:00Z", "2026-05-02T14:00:00Z", "closure", True),  # from opening to close
        ("2026-05-02T00:01:00Z", "2026-05-02T14:00:00Z", "closure", False),
        ("2026-05-02T00:00:00Z", "2026-05-02T13:59:00Z", "closure", False),
        ("2026-05-02T00:00:00Z", "2026-05-02T14:00:00Z", "local", False),
    ],
)
def test_a_closure_holds_all_opening_hours(begin, end, kind, expected):
    assert closed([event(begin, end, kind)], DAY, HOURS) is expected


def test_a_day_without_opening_hours_is_closed():
    assert closed([], DAY, StoreHours("Asia/Shanghai", {"sat": []})) is True


def test_a_store_that_is_open_past_midnight_is_closed_until_midnight():
    late = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "02:00"})
    assert closed([event("2026-05-01T16:00:00Z", "2026-05-02T16:00:00Z", "closure")], DAY, late) is True
