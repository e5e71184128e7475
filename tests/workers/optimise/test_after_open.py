from datetime import UTC, datetime, timedelta

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.store_times import after_open

HOURS = StoreHours("UTC", {"open": "08:00", "close": "22:00"})


def test_opening_time_goes_on_next_morning():
    assert after_open(HOURS, datetime(2026, 3, 4, 10, tzinfo=UTC), timedelta(hours=4)) == datetime(2026, 3, 4, 14, tzinfo=UTC)
    assert after_open(HOURS, datetime(2026, 3, 4, 20, tzinfo=UTC), timedelta(hours=4)) == datetime(2026, 3, 5, 10, tzinfo=UTC)
    assert after_open(HOURS, datetime(2026, 3, 4, 20, tzinfo=UTC), timedelta(hours=2)) == datetime(2026, 3, 4, 22, tzinfo=UTC)
    assert after_open(HOURS, datetime(2026, 3, 4, 3, tzinfo=UTC), timedelta(hours=1)) == datetime(2026, 3, 4, 9, tzinfo=UTC)


def test_a_store_that_opens_no_more_counts_plain_time():
    closed = StoreHours("UTC", {})
    start = datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert after_open(closed, start, timedelta(hours=4)) == start + timedelta(hours=4)
