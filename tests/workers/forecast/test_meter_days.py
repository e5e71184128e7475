"""Days from registers: ends between readings, shares of readings, meters that change, late readings and clock changes."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.forecast.meter_days import MeterDay, held, hourly_mean, read, window_mean

SHANGHAI = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
MIDNIGHT = datetime(2026, 5, 1, 16, tzinfo=UTC)  # 2 May in the store
SECOND = date(2026, 5, 2)


def feed(every_min, count, skip=(), interval=None, start=MIDNIGHT, kwh=1.0, hours=SHANGHAI):
    book, closed = {}, []
    for n in range(count):
        if n not in skip:
            closed += read(book, start + timedelta(minutes=every_min * n), 100 + kwh * n, interval, hours)
            book = json.loads(json.dumps(book))
    return closed, book


def test_a_whole_day_of_quarter_hours():
    closed, book = feed(15, 97)
    assert closed == [MeterDay(SECOND, pytest.approx(96), 1.0)]
    assert (book["day"], book["start"], book["minutes"]) == ("2026-05-03", 196, [0])


@pytest.mark.parametrize("interval", [None, 900])
def test_ninety_of_ninety_six(interval):
    closed, _ = feed(15, 97, skip={10, 11, 12, 50, 70, 71}, interval=interval)
    assert closed[0].kwh == pytest.approx(96) and closed[0].share == pytest.approx(90 / 96)


def test_every_second_reading_lost_after_a_whole_day():
    closed, _ = feed(15, 193, skip=set(range(97, 192, 2)))
    assert [one.share for one in closed] == [1.0, 0.5]


def test_midnight_lies_between_two_readings():
    closed, _ = feed(60, 60, start=MIDNIGHT - timedelta(minutes=45), kwh=4.0)
    assert [one.kwh for one in closed] == [None, pytest.approx(96), pytest.approx(96)], "the first day was not read from its beginning"


def test_a_long_silence_leaves_its_days_unread():
    closed, _ = feed(60, 80, skip=set(range(6, 75)))
    assert [(one.day.day, round(one.share, 3), one.kwh) for one in closed] == [
        (2, 0.25, pytest.approx(24)),
        (3, 0.0, pytest.approx(24)),
        (4, 0.0, pytest.approx(24)),
    ]


def test_a_register_that_falls_leaves_its_day_unknown():
    book, closed = {}, []
    for n in range(74):
        closed += read(book, MIDNIGHT + timedelta(hours=n), n if n < 30 else n - 30, 3600, SHANGHAI)
    assert [one.kwh for one in closed] == [pytest.approx(24), None, pytest.approx(24)]
    over = {}
    read(over, MIDNIGHT, 50, None, SHANGHAI)
    assert [one.kwh for one in read(over, MIDNIGHT + timedelta(hours=25), 3, None, SHANGHAI)] == [None]
    assert over["start"] is None


def test_late_readings_count_once_and_change_no_register():
    _, book = feed(15, 40, skip={20})
    at = MIDNIGHT + timedelta(minutes=300)
    for _ in range(2):
        assert read(book, at, 120, None, SHANGHAI) == []
    assert len(book["minutes"]) == 40 and book["last"][1] == 139
    assert read(book, MIDNIGHT - timedelta(hours=1), 1, None, SHANGHAI) == [] and len(book["minutes"]) == 40


def test_a_day_of_twenty_three_hours():
    berlin = StoreHours("Europe/Berlin", {"open": "08:00", "close": "22:00"})
    closed, _ = feed(60, 24, start=datetime(2026, 3, 28, 23, tzinfo=UTC), hours=berlin)
    assert closed == [MeterDay(date(2026, 3, 29), pytest.approx(23), 1.0)]


def test_one_reading_a_day():
    closed, _ = feed(1440, 4, kwh=500.0)
    assert [(one.kwh, one.share) for one in closed] == [(pytest.approx(500), 1.0)] * 3


def test_means_of_a_day():
    assert hourly_mean([(30.0, 3), (20.0, 1)]) == 15 and hourly_mean([(0.0, 0)]) is None
    assert window_mean([(10.0, 18.0), (30.0, 6.0), (99.0, 0.0)]) == 15 and window_mean([]) is None


def test_a_window_over_midnight_belongs_to_both_days():
    assert held(MIDNIGHT - timedelta(hours=3), MIDNIGHT + timedelta(hours=5), SHANGHAI) == [(date(2026, 5, 1), 3.0), (SECOND, 5.0)]


def test_a_window_that_ends_at_midnight_has_no_part_of_the_next_day():
    assert held(MIDNIGHT, MIDNIGHT + timedelta(days=1), SHANGHAI) == [(SECOND, 24.0)]


def test_the_day_of_summer_time_is_an_hour_shorter():
    berlin = StoreHours("Europe/Berlin", {"open": "08:00", "close": "22:00"})
    begin = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert held(begin, begin + timedelta(hours=24), berlin) == [(date(2026, 3, 29), 23.0), (date(2026, 3, 30), 1.0)]
