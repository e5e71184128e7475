"""Where members may be written to."""

import pytest

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
