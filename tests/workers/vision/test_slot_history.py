"""The state of a slot over time, by hand: confirmation, dating back, minutes, staleness."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.vision.slot_history import Entry, Span, Turn, begin, expire, follow, minutes, settle

T0 = datetime(2026, 3, 2, 2, tzinfo=UTC)


def at(minute: int) -> datetime:
    return T0 + timedelta(minutes=minute)


def seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


def entry_of(*readings: tuple[int, str], confirm: int = 2) -> tuple[Entry, list[Turn], list[Span]]:
    entry, turns, spans = begin(at(readings[0][0])), [], []
    for minute, reading in readings:
        turn, more = follow(entry, reading, at(minute), confirm)
        turns += [turn] if turn else []
        spans += more
    return entry, turns, spans


def test_a_state_changes_with_the_second_equal_reading_and_dates_back_to_the_first() -> None:
    _, turns, spans = entry_of((0, "out"), (10, "out"), (15, "out"), (20, "full"), (25, "full"), (60, "full"))
    assert [(turn.state, turn.since, turn.was, turn.began) for turn in turns] == [
        ("out", at(0), "unknown", at(0)),
        ("full", at(20), "out", at(0)),
    ]
    assert minutes(spans, seconds, "out") == 20
    assert minutes(spans, seconds, "out", "full") == 60


def test_a_single_other_reading_changes_nothing_and_its_time_is_the_old_states() -> None:
    entry, turns, spans = entry_of((0, "full"), (5, "full"), (10, "out"), (15, "full"))
    assert [turn.state for turn in turns] == ["full"] and entry["run"] is None
    assert minutes(spans, seconds, "full") == 15


def test_readings_that_never_agree_leave_the_state_unknown() -> None:
    entry, turns, spans = entry_of((0, "out"), (5, "full"), (10, "out"))
    assert not turns and entry["state"] == "unknown"
    assert minutes(spans, seconds, "unknown") == 10


def test_one_reading_may_be_enough() -> None:
    _, turns, _ = entry_of((0, "low"), (5, "ok"), confirm=1)
    assert [(turn.state, turn.since) for turn in turns] == [("low", at(0)), ("ok", at(5))]


def test_time_that_waits_for_confirmation_is_left_open() -> None:
    entry, _, _ = entry_of((0, "full"), (5, "full"), (10, "out"))
    assert settle(entry, at(12)) == []
    follow(entry, "full", at(15), 2)
    assert settle(entry, at(20)) == [Span("full", at(15), at(20))]


def test_without_a_reading_the_state_becomes_unknown_once() -> None:
    entry, _, _ = entry_of((0, "out"), (5, "out"))
    turn, spans = expire(entry, at(35))
    assert turn == Turn("unknown", at(35), "out", at(0)) and spans == [Span("out", at(5), at(35))]
    assert expire(entry, at(40)) == (None, [Span("unknown", at(35), at(40))])


def test_minutes_are_those_of_opening_hours() -> None:
    assert minutes([Span("out", at(0), at(30))], lambda start, end: seconds(start, end) / 2, "out") == pytest.approx(15)
