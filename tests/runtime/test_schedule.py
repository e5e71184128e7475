"""Schedules in the store's zone: opening hours, closed days, clock changes."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.core.kernel import index
from storeloom.core.kernel.contract import Schedule, every
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


def test_the_day_that_an_instant_ends():
    assert SHANGHAI.ended_day(at("2026-03-02T14:00")) == date(2026, 3, 2)
    assert SHANGHAI.ended_day(SHANGHAI.midnight(date(2026, 3, 3))) == date(2026, 3, 2)
    assert NIGHT.ended_day(at("2026-03-03T04:00")) == date(2026, 3, 2) == NIGHT.trading_day(at("2026-03-03T03:59"))


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


def wall(times: list[datetime], hours: StoreHours) -> list[str]:
    return [time.astimezone(hours.zone).strftime("%d %H:%M") for time in times]


def on_day(schedule: Schedule, hours: StoreHours, day: str) -> list[str]:
    """The store's wall times of a schedule on one of its days."""
    start = hours.midnight(date.fromisoformat(day))
    end = hours.midnight(date.fromisoformat(day) + timedelta(days=1))
    times = []
    for instant in instants(schedule, hours, start - timedelta(microseconds=1)):
        if instant >= end:
            break
        times.append(instant)
    return [text[3:] for text in wall(times, hours)]


ROUND_THE_CLOCK = {"open": "00:00", "close": "24:00"}
NEW_YORK = StoreHours("America/New_York", ROUND_THE_CLOCK)
LORD_HOWE = StoreHours("Australia/Lord_Howe", {"open": "09:00", "close": "17:00"})
GAP = {BERLIN: "2026-03-29", NEW_YORK: "2026-03-08", LORD_HOWE: "2026-10-04"}
FOLD = {BERLIN: "2026-10-25", NEW_YORK: "2026-11-01", LORD_HOWE: "2026-04-05"}


def test_quarters_of_an_hour_leave_out_the_gap_and_tell_the_repeated_hour_twice():
    quarter = Schedule("15m")
    assert [len(on_day(quarter, hours, day)) for hours, day in GAP.items()] == [92, 92, 94]  # 23 h, 23 h, 23.5 h
    assert [len(on_day(quarter, hours, day)) for hours, day in FOLD.items()] == [100, 100, 98]
    assert len(on_day(quarter, SHANGHAI, "2026-03-29")) == 96
    assert on_day(quarter, LORD_HOWE, "2026-10-04")[6:10] == ["01:30", "01:45", "02:30", "02:45"]
    assert on_day(quarter, LORD_HOWE, "2026-04-05")[6:10] == ["01:30", "01:45", "01:30", "01:45"]


def test_whole_hours_are_hours_gone_by_where_the_clock_moves_half_of_one():
    assert on_day(Schedule("1h"), LORD_HOWE, "2026-10-04")[:4] == ["00:00", "01:00", "02:30", "03:30"]
    assert on_day(Schedule("1h"), LORD_HOWE, "2026-04-05")[-2:] == ["22:30", "23:30"]
    assert on_day(Schedule("1h"), LORD_HOWE, "2026-04-06")[:2] == ["00:00", "01:00"]


def test_a_time_in_the_gap_moves_forward_and_one_in_the_fold_runs_once_the_first_time():
    for hours, time, moved in ((BERLIN, "02:30", "03:30"), (NEW_YORK, "02:30", "03:30"), (LORD_HOWE, "02:10", "02:40")):
        assert on_day(Schedule("1d", time), hours, GAP[hours]) == [moved]
    assert first(Schedule("1d", "02:30"), BERLIN, "2026-10-24T12:00", 2) == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]
    assert first(Schedule("1d", "01:30"), NEW_YORK, "2026-10-31T12:00", 2) == [at("2026-11-01T05:30"), at("2026-11-02T06:30")]
    assert first(Schedule("1d", "01:45"), LORD_HOWE, "2026-04-04T13:00", 2) == [at("2026-04-04T14:45"), at("2026-04-05T15:15")]


def test_offsets_are_time_gone_by_across_the_gap():
    assert on_day(Schedule("1d", "03:00-30m"), BERLIN, "2026-03-29") == ["01:30"]
    assert first(Schedule("1d", "open-60m"), NEW_YORK, "2026-03-08T12:00", 2) == [at("2026-03-09T03:00"), at("2026-03-10T03:00")]
    assert first(Schedule("1d", "open+120m"), NEW_YORK, "2026-03-08T04:00", 1) == [at("2026-03-08T07:00")]  # 03:00, two hours in


def test_closing_of_a_store_that_is_open_past_a_clock_change():
    bar = StoreHours("Europe/Berlin", {"open": "20:00", "close": "04:00"})
    assert bar.day(date(2026, 3, 28)) == (at("2026-03-28T19:00"), at("2026-03-29T02:00"))  # seven hours
    assert bar.day(date(2026, 10, 24)) == (at("2026-10-24T18:00"), at("2026-10-25T03:00"))  # nine
    assert first(Schedule("1d", "close-30m"), bar, "2026-03-28T12:00", 2) == [at("2026-03-29T01:30"), at("2026-03-30T01:30")]


def test_a_store_that_never_closes_has_its_day_whole():
    assert [
        NEW_YORK.open_seconds(NEW_YORK.midnight(d), NEW_YORK.midnight(d + timedelta(days=1))) / 3600
        for d in (date(2026, 3, 8), date(2026, 11, 1), date(2026, 11, 2))
    ] == [23, 25, 24]
    assert on_day(Schedule("1h", only="open"), NEW_YORK, "2026-11-01")[:4] == ["00:00", "01:00", "01:00", "02:00"]
    assert first(Schedule("1d", "close"), NEW_YORK, "2026-03-08T04:00", 1) == [at("2026-03-08T05:00")]


def test_hours_that_the_gap_swallows_are_no_day_and_night_of_opening():
    brief = StoreHours("Europe/Berlin", {"open": "02:30", "close": "03:00"})
    assert brief.day(date(2026, 3, 28)) == (at("2026-03-28T01:30"), at("2026-03-28T02:00"))
    assert brief.day(date(2026, 3, 29)) is None


def test_a_cron_in_store_time():
    assert first(Schedule(cron="0 6 * * 1-5"), SHANGHAI, "2026-03-05T22:00", 3) == [
        at("2026-03-08T22:00"),  # Monday 06:00, for Friday's is the start itself
        at("2026-03-09T22:00"),
        at("2026-03-10T22:00"),
    ]
    assert first(Schedule(cron="30 9 L * *"), SHANGHAI, "2026-02-01T00:00", 2) == [at("2026-02-28T01:30"), at("2026-03-31T01:30")]
    got = first(Schedule(cron="0 */6 * * *", only="open"), SHANGHAI, "2026-02-28T00:00", 3)
    assert wall(got, SHANGHAI) == ["28 12:00", "28 18:00", "02 12:00"]  # Sunday is closed


@pytest.mark.parametrize(
    ("cron", "hours", "wanted"),
    [
        ("30 2 * * *", BERLIN, ["03:00"]),  # in the gap: right after it
        ("0,15,30 2 * * *", BERLIN, ["03:00"]),
        ("0 3 * * *", BERLIN, ["03:00"]),
        ("30 2,3 * * *", BERLIN, ["03:00", "03:30"]),
        ("30 */2 * * *", BERLIN, ["00:30", *(f"{hour:02}:30" for hour in range(4, 24, 2))]),  # by the wall: 02:30 is not shown
        ("*/30 1-3 * * *", BERLIN, ["01:00", "01:30", "03:00", "03:30"]),
        ("30 2 * * *", NEW_YORK, ["03:00"]),
        ("15 2 * * *", LORD_HOWE, ["02:30"]),
        ("*/20 2 * * *", LORD_HOWE, ["02:40"]),
        ("0 */3 * * *", LORD_HOWE, [f"{hour:02}:00" for hour in range(0, 24, 3)]),
    ],
)
def test_a_cron_on_the_day_that_lacks_an_hour(cron, hours, wanted):
    assert on_day(Schedule(cron=cron), hours, GAP[hours]) == wanted


@pytest.mark.parametrize(
    ("cron", "hours", "wanted"),
    [
        ("30 2 * * *", BERLIN, ["02:30"]),
        ("*/30 1-2 * * *", BERLIN, ["01:00", "01:30", "02:00", "02:30", "02:00", "02:30"]),
        ("30 1 * * *", NEW_YORK, ["01:30"]),
        ("45 1 * * *", LORD_HOWE, ["01:45"]),
        ("*/20 1,2 * * *", LORD_HOWE, ["01:00", "01:20", "01:40", "01:40", "02:00", "02:20", "02:40"]),
    ],
)
def test_a_cron_on_the_day_that_has_an_hour_twice(cron, hours, wanted):
    assert on_day(Schedule(cron=cron), hours, FOLD[hours]) == wanted


def test_a_set_time_of_the_fold_is_not_run_again_by_a_restart_within_it():
    assert first(Schedule(cron="50 2 * * *"), BERLIN, "2026-10-25T01:10", 1) == [at("2026-10-26T01:50")]  # from 02:10, the second time


def test_a_clock_that_is_set_back_past_midnight_keeps_the_order_of_time():
    """In St. John's the clock went from 00:01 on 7 November 2010 (02:31 UTC) back to 23:01 on the 6th."""
    johns = StoreHours("America/St_Johns", ROUND_THE_CLOCK)
    got = first(Schedule(cron="*/30 * * * *"), johns, "2010-11-07T01:45", 5)
    assert wall(got, johns) == ["06 23:30", "07 00:00", "06 23:30", "07 00:00", "07 00:30"]
    assert got == [at(f"2010-11-07T{text}") for text in ("02:00", "02:30", "03:00", "03:30", "04:00")]
    assert first(Schedule(cron="*/30 * * * *"), johns, "2010-11-07T02:30:30", 1) == [at("2010-11-07T03:00")]


def test_a_restart_finds_what_an_overnight_close_carries_two_days_on():
    late = StoreHours("UTC", {"open": "20:00", "close": "19:00"})
    assert first(Schedule("1d", "close+20h"), late, "2026-03-03T14:00", 1) == [at("2026-03-03T15:00")]  # of the 1st


def test_schedules_of_a_store_that_never_opens_end():
    shut = StoreHours("Asia/Shanghai", dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), False))
    for schedule in (Schedule("1d", "open"), Schedule("1s", only="open"), Schedule(cron="* * * * *", only="open")):
        assert list(instants(schedule, shut, at("2026-01-01T00:00"))) == []
    assert list(instants(Schedule("1d", "close", weekday=7), SHANGHAI, at("2026-01-01T00:00"))) == []
    assert list(instants(Schedule("15m", weekday=7, only="open"), SHANGHAI, at("2026-01-01T00:00"))) == []


def test_a_close_that_overtakes_the_day_before_keeps_the_order_of_time():
    odd = StoreHours("UTC", {"open": "20:00", "close": "10:00", "tue": {"open": "01:00", "close": "02:00"}})
    got = first(Schedule("1d", "close"), odd, "2026-03-01T12:00", 3)
    assert got == [at("2026-03-02T10:00"), at("2026-03-03T02:00"), at("2026-03-03T10:00")]  # Sunday's, Tuesday's, Monday's


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "an interval or a cron text"),
        ({"interval": "1d", "cron": "0 6 * * *"}, "and not both"),
        ({"interval": "1h", "at": "open"}, "whole days"),
        ({"interval": "36h"}, "only whole days"),
        ({"interval": "1d", "at": "25:00"}, "no time of day"),
        ({"interval": "1d", "at": "open+24h"}, "shorter than a day"),
        ({"interval": "1d", "weekday": 0}, "none of 1"),
        ({"cron": "0 6 * * 1-5", "at": "open"}, "times and days of its own"),
        ({"cron": "0 0 6 * * *"}, "five fields"),
        ({"cron": "61 * * * *"}, "bad minute"),
        ({"cron": "0 6 31 2 *"}, "bad day-of-month"),
        ({"cron": "* * */20 * 1L"}, "no day is like that"),
    ],
)
def test_what_is_no_schedule_is_refused_where_it_is_written(arguments, words):
    with pytest.raises(ValueError, match=words):
        every(**arguments)


def test_config_values_are_checked_when_they_are_put_in():
    class Config:
        cron = "0 6 * * 1-5"
        broken = "0 6 * *"
        at = "7"

    assert resolve(Schedule(cron="config.cron"), Config) == Schedule(cron="0 6 * * 1-5")
    for schedule, words in (
        (Schedule(cron="config.broken"), "five fields"),
        (Schedule("1d", "config.at"), "no time of day"),
        (Schedule("1d", "config.at -30m"), "no time of day"),
        (Schedule("config.gone_s"), "no key 'gone_s'"),
    ):
        with pytest.raises(ValueError, match=words):
            resolve(schedule, Config)


def test_a_plugin_with_a_wrong_cron_is_named_with_its_line(toys):
    toys.add("late_bird", '@every(cron="0 25 * * *")\ndef f(self, due): ...\n')
    _, (finding,) = index.build(toys.package)
    assert (finding.code, finding.args["id"]) == ("SL-PLG-02", "late_bird")
    assert "'0 25 * * *' is no cron text: bad hour" in finding.text() and finding.line == 22


ZONES = [BERLIN, NEW_YORK, LORD_HOWE, SHANGHAI, NIGHT, StoreHours("America/Havana", {"open": "10:00", "close": "01:30"})]
STARTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))
SCHEDULES = st.one_of(
    st.builds(Schedule, st.sampled_from(["7m", "15m", "1h", "1.5h", "6h"]), only=st.sampled_from(["always", "open"])),
    st.builds(
        Schedule,
        st.sampled_from(["1d", "7d"]),
        st.sampled_from([None, "open-60m", "close", "close+300m", "02:30", "01:45-30m", "23:59+90m", "00:30"]),
        st.sampled_from([None, 1, 6]),
    ),
    st.builds(Schedule, cron=st.sampled_from(["*/20 * * * *", "30 2 * * *", "15 */3 * * *", "0 0 * * 1-5", "45 1,2 * * *", "5 4 1 * 1"])),
)


@settings(max_examples=150, deadline=None)
@given(STARTS, SCHEDULES, st.sampled_from(ZONES), st.integers(0, 14))
def test_instants_rise_and_are_the_same_from_any_start(start, schedule, hours, pick):
    got = list(islice(instants(schedule, hours, start), 15))
    assert all(a < b for a, b in zip([start, *got], got, strict=False))
    if got:
        again = got[min(pick, len(got) - 1)]
        rest = [time for time in got if time > again]
        assert list(islice(instants(schedule, hours, again), len(rest))) == rest
        between = again - timedelta(seconds=1)
        assert next(instants(schedule, hours, between)) == next(time for time in got if time > between)


@settings(max_examples=60, deadline=None)
@given(STARTS, st.sampled_from(["02:30", "01:45", "00:00", "23:59", "24:00"]), st.sampled_from(ZONES))
def test_a_time_of_day_comes_once_a_day(start, text, hours):
    got = list(islice(instants(Schedule("1d", text), hours, start), 40))
    days = [hours.store_day(time) for time in got]
    assert days == [days[0] + timedelta(days=number) for number in range(40)]
