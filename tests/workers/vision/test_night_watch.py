"""The night of a store, and what a camera watched of it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.vision.night_watch import Night, begin, night_of, watched

HOURS = StoreHours("UTC", {"open": "08:00", "close": "22:00", "closed": ["2026-05-05"]})
HALF = timedelta(minutes=30)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("moment", [at(3, 12), at(3, 22), at(3, 22, 29), at(4, 7, 31), at(4, 8)])
def test_no_night(moment: datetime) -> None:
    assert night_of(HOURS, moment, HALF) is None


def test_its_ends_count_and_a_closed_day_makes_it_long() -> None:
    night = Night(date(2026, 5, 3), at(3, 22, 30), at(4, 7, 30))
    assert [night_of(HOURS, moment, HALF) for moment in (at(3, 22, 30), at(4, 1), at(4, 7, 30))] == [night] * 3
    assert night_of(HOURS, at(5, 12), HALF) == Night(date(2026, 5, 4), at(4, 22, 30), at(6, 7, 30))


def test_a_store_that_never_closes_has_none() -> None:
    assert night_of(StoreHours("UTC", {"open": "00:00", "close": "24:00"}), at(3, 2), HALF) is None


def test_gaps_are_dark_or_offline_and_join() -> None:
    state = begin(0)
    for t_s, dark in ((300, False), (600, True), (700, True), (800, False), (1200, False), (1300, False)):
        assert watched(state, t_s, dark, 300)
    assert not watched(state, 900, False, 300)
    assert (state["watched_s"], state["gaps"]) == (700, [[600, 1200]])
