"""Times as text: short for people, of fixed width where they are kept and compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.core.kernel.events import parse_time, rfc3339, stamp

TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2999, 12, 31), timezones=st.just(UTC))
NEAR = st.timedeltas(min_value=timedelta(0), max_value=timedelta(seconds=1))


@given(TIMES, NEAR)
def test_stamps_sort_as_their_times_do_within_a_second_too(time: datetime, later: timedelta) -> None:
    assert (stamp(time) < stamp(time + later)) == (time < time + later)
    assert parse_time(stamp(time)) == parse_time(rfc3339(time)) == time


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2026, 3, 2, 10, tzinfo=UTC), "2026-03-02T10:00:00.000000Z"),
        (datetime(2026, 3, 2, 18, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=8))), "2026-03-02T10:00:00.250000Z"),
        ("2026-03-02T10:00:00.5Z", "2026-03-02T10:00:00.500000Z"),
        ("2026-03-02T05:00:00-05:00", "2026-03-02T10:00:00.000000Z"),
    ],
)
def test_a_stamp_has_six_digits_and_is_in_utc(time: datetime | str, text: str) -> None:
    assert stamp(time) == text


def test_a_text_without_a_zone_has_no_stamp() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        stamp("2026-03-02T10:00:00")
