"""The trusted time: it only ever rises, by what was signed, never by this machine's clock."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust.clock import FIRST, TrustedTime, parse, text

T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_the_floor_rises_and_outlives_a_restart(tmp_path):
    now = [T0]
    clock = TrustedTime(tmp_path, lambda: now[0])
    assert (clock.floor, clock.judge()) == (FIRST, T0)
    clock.saw(T0 - timedelta(hours=1))
    clock.saw(T0 - timedelta(hours=2))
    assert TrustedTime(tmp_path, lambda: now[0]).floor == T0 - timedelta(hours=1)


def test_what_ends_is_judged_by_the_later_of_clock_and_floor(tmp_path):
    now = [T0]
    clock = TrustedTime(tmp_path, lambda: now[0])
    clock.saw(T0)
    now[0] = T0 - timedelta(hours=23)
    assert clock.judge() == T0
    now[0] = T0 - timedelta(hours=25)
    with pytest.raises(TrustFault) as caught:
        clock.judge()
    assert caught.value.findings[0].code == "SL-TRU-05"
    now[0] = T0 + timedelta(days=3653)
    assert clock.judge() == now[0] and clock.floor == T0


def test_only_offline_keys_are_believed_far_ahead(tmp_path):
    clock = TrustedTime(tmp_path, lambda: T0)
    clock.saw(T0 + timedelta(hours=25))
    assert clock.floor == FIRST
    clock.saw(T0 + timedelta(hours=23))
    assert clock.floor == T0 + timedelta(hours=23)
    clock.saw(T0 + timedelta(days=100), offline=True)
    assert clock.floor == T0 + timedelta(days=100)


def test_times_are_written_as_metadata_writes_them():
    assert text(T0) == "2026-03-02T10:00:00Z" and parse(text(T0)) == T0
    assert [parse(value) for value in (None, 7, "2026-03-02", "2026-03-02T10:00:00+01:00")] == [None] * 4
