"""Schedules in the store's zone: opening hours, closed days, clock changes."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.kernel.contract import Schedule
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.runtime.schedule import instants, resolve, seconds

SHANGHAI = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00", "sun": False, "closed": ["2026-03-04"]})
BERLIN = StoreHours("Europe/Berlin", {"open": "08:00", "close": "20:00"})
NIGHT = StoreHours("UTC", {"open": "20:00", "close": "04:00"})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(schedule: Schedule, hours: StoreHours, after: str, count: int) -> list[datetime]:
    return list(islice(instants(schedule, hours, at(after)), count))


def test_closing_time_skips_closed_days():
    got = first(Schedule("1d", "close"), SHANGHAI, "2026-02-27T14:00", 4)
    assert got == [at("2026-02-28T14:00"), at("2026-03-02T14:00"), at("2026-03-03T14:00"), at("2026-03-05T14:00")]


def test_a_clock_change_moves_the_utc_instant_and_not_the_wall_time():
    got = first(Schedule("1d", "06:30"), BERLIN, "2026-03-28T00:00", 3)
    assert got == [at("2026-03-28T05:30"), at("2026-03-29T04:30"), at("2026-03-30T04:30")]


def test_hours_of_a_day_with_a_clock_change_are_23_and_25():
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        start, end = BERLIN.midnight(day), BERLIN.midnight(day + timedelta(days=1))
        ticks = [t for t in islice(instants(Schedule("1h"), BERLIN, start - timedelta(seconds=1)), 30) if t < end]
        assert len(ticks) == hours


def test_offsets_weekdays_and_only_open():
    assert first(Schedule("1d", "close-30m"), BERLIN, "2026-01-05T00:00", 1) == [at("2026-01-05T18:30")]
    assert first(Schedule("1d", "09:00", weekday=3), BERLIN, "2026-01-05T00:00", 1) == [at("2026-01-07T08:00")]
    got = first(Schedule("6h", only="open"), BERLIN, "2026-01-05T00:00", 3)
    assert got == [at("2026-01-05T11:00"), at("2026-01-05T17:00"), at("2026-01-06T11:00")]


def test_a_store_open_past_midnight():
    assert NIGHT.span(at("2026-01-05T02:00")) == (at("2026-01-04T20:00"), at("2026-01-05T04:00"))
    assert not NIGHT.is_open(at("2026-01-05T04:00"))
    assert NIGHT.open_seconds(at("2026-01-05T00:00"), at("2026-01-06T00:00")) == 8 * 3600


def test_config_values_stand_in_for_interval_and_time():
    class Config:
        step_s = 90
        interval = 5
        decide_at = "close"

    assert resolve(Schedule("config.step_s"), Config).interval == "90s"
    assert resolve(Schedule("config.interval|m"), Config).interval == "5m"
    assert resolve(Schedule("1d", "config.decide_at-15m"), Config).at == "close-15m"


@pytest.mark.parametrize("interval", ["0s", "-1m", "soon", "5", "1y"])
def test_what_is_no_interval_is_refused(interval):
    with pytest.raises(ValueError, match="no interval"):
        seconds(interval)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)), st.sampled_from(["7m", "1h", "1d"]))
def test_instants_rise_and_lie_after_the_start(start, interval):
    start = start.replace(tzinfo=UTC)
    got = list(islice(instants(Schedule(interval), BERLIN, start), 20))
    assert all(a < b for a, b in zip([start, *got], got, strict=False))
