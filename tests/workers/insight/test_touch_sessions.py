"""Sessions at touchpoints: 60 s without touch end one, the next touch begins another; a receipt or member finds the last."""

from datetime import UTC, datetime, timedelta
from typing import Any

from storeloom.workers.insight import touch_sessions

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
IDLE = timedelta(seconds=60)


def at(seconds: float) -> datetime:
    return TEN + timedelta(seconds=seconds)


def test_a_touch_after_60_s_is_the_same_session_and_one_after_61_s_another() -> None:
    book: dict[str, Any] = {}
    uses = []
    for second in (0, 60, 121):
        uses.append(touch_sessions.touch(touch_sessions.running(book, "k|s", "k", at(second), IDLE), at(second)))
    assert uses == [True, False, True]


def test_a_goal_counts_once_and_only_for_a_use() -> None:
    book: dict[str, Any] = {}
    use = touch_sessions.running(book, "k|s", "k", TEN, IDLE)
    assert not touch_sessions.finish(use)
    touch_sessions.touch(use, TEN)
    assert [touch_sessions.finish(use), touch_sessions.finish(use), touch_sessions.finish(None)] == [True, False, False]


def test_service_takes_back_what_counted_and_no_later_touch_counts() -> None:
    use = touch_sessions.running({}, "k|s", "k", TEN, IDLE)
    touch_sessions.touch(use, TEN)
    assert touch_sessions.to_service(use) == (True, False)
    assert not touch_sessions.touch(use, at(5))
    assert touch_sessions.to_service(use) == (False, False)


def test_a_technician_who_pauses_is_still_no_user() -> None:
    book: dict[str, Any] = {}
    touch_sessions.to_service(touch_sessions.running(book, "k|s", "k", TEN, IDLE))
    assert not touch_sessions.touch(touch_sessions.running(book, "k|s", "k", at(300), IDLE), at(300))


def test_the_last_session_of_a_member_is_known_for_a_week() -> None:
    book: dict[str, Any] = {}
    touch_sessions.running(book, "k|s", "k", TEN, IDLE)
    touch_sessions.belongs(book, "k|s", {"member": "m1", "receipt": None})
    week = TEN + timedelta(days=7)
    assert touch_sessions.last_of(book, "member", "m1", week) is book["use:k|s"]
    assert touch_sessions.last_of(book, "member", "m1", week + timedelta(seconds=1)) is None
    assert touch_sessions.last_of(book, "member", "m1", at(61), IDLE) is None
    assert touch_sessions.last_of(book, "receipt", None, TEN) is None
    touch_sessions.forget(book, week)
    assert len(book) == 2
    touch_sessions.forget(book, week + timedelta(seconds=1))
    assert not book
