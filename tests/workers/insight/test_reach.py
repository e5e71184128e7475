"""Where members may be written to."""

from datetime import UTC, date, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.insight import reach


@pytest.mark.parametrize(
    ("member", "channel"),
    [
        ({"consents": {"messaging": ["sms", "email"]}, "channels": {"work_chat": "t"}}, "sms"),
        ({"consents": {"messaging": []}, "channels": {"work_chat": "t", "sms": "u"}}, "work_chat"),
        ({"consents": None}, "mini_program"),
        (None, "mini_program"),
    ],
)
def test_the_channel(member, channel):
    assert reach.channel_of(member) == channel


@pytest.mark.parametrize(
    ("member", "refuses"),
    [
        (None, False),
        ({"consents": {"marketing": False}}, False),
        ({"consents": {"profiling": False}}, True),
        ({"consents": {"profiling": True}}, False),
        ({"left": True}, True),
    ],
)
def test_who_refuses(member, refuses):
    assert reach.refuses(member, ("skin_data", "profiling")) is refuses


@pytest.mark.parametrize(
    ("member", "channels"),
    [
        ({"consents": {"messaging": ["sms"]}, "channels": {"email": "t"}}, ["sms"]),
        ({"consents": {"messaging": []}, "channels": {"email": "t"}}, []),
        ({"consents": {"messaging": ["pigeon", "webhook", "sms"]}}, ["sms"]),
        ({"consents": {"marketing": True}, "channels": {"email": "t"}}, ["email"]),
        ({"consents": {"marketing": True}}, None),
        (None, None),
    ],
)
def test_channels_agreed_to(member, channels):
    assert reach.agreed_channels(member) == channels


@pytest.mark.parametrize(
    ("at", "quiet", "leaves"),
    [
        ((2, 21, 30), "21:00-09:00", (3, 9, 0)),
        ((2, 21, 0), "21:00-09:00", (3, 9, 0)),
        ((2, 8, 59), "21:00-09:00", (2, 9, 0)),
        ((2, 9, 0), "21:00-09:00", (2, 9, 0)),
        ((2, 12, 15), "12:00-14:00", (2, 14, 0)),
        ((2, 14, 0), "12:00-14:00", (2, 14, 0)),
        ((2, 3, 0), "00:00-00:00", (2, 3, 0)),
    ],
)
def test_quiet_hours(at, quiet, leaves):
    hours = StoreHours("UTC", {"open": "08:00", "close": "22:00"})
    begin, end = (datetime(2026, 3, *parts, tzinfo=UTC) for parts in (at, leaves))
    assert reach.may_send_at(hours, begin, quiet) == end


def test_the_week_is_half_open():
    at = datetime(2026, 3, 8, 10, tzinfo=UTC)
    assert reach.of_last_week(["2026-03-01T10:00:00Z", "2026-03-01T10:00:01Z"], at) == ["2026-03-01T10:00:01Z"]


def test_the_first_channel_that_is_left():
    member = {"consents": {"messaging": ["sms", "email"]}}
    assert [reach.first_channel(member), reach.first_channel(member, ["sms"]), reach.first_channel(None)] == [
        "sms",
        "email",
        "mini_program",
    ]
    assert reach.first_channel(None, ["mini_program"]) is None and reach.first_channel({"channels": {}}) is None


def test_the_day_of_a_date_and_of_a_time():
    hours = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
    assert reach.day_of(hours, "2026-03-02") == date(2026, 3, 2)
    assert reach.day_of(hours, "2026-03-01T17:00:00Z") == date(2026, 3, 2)
