"""Seconds a line, by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise.pick_rate import begin, clear, enter, ranking

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def test_the_walk_is_no_handling() -> None:
    record = begin()
    assert enter(record, NINE, after(5), 3, 1, 60) == 300
    assert record["line_s"] == pytest.approx(20 + 0.2 * (80 - 20))
    assert (record["lines"], record["seconds"], record["short"]) == (3, 300, 1)


def test_time_that_was_told_before_does_not_count_again() -> None:
    record = begin()
    enter(record, NINE, after(5), 1, 0, 0)
    assert enter(record, NINE, after(6), 1, 0, 0) == 60
    assert enter(record, NINE, after(4), 1, 0, 0) == 0
    assert (record["lines"], record["seconds"], record["last"]) == (3, 360, "2026-03-02T09:06:00Z")


def test_one_report_moves_the_mean_within_bounds() -> None:
    slow, quick = begin(), begin()
    enter(slow, NINE, after(600), 1, 0, 0)
    enter(quick, NINE, after(1), 1, 0, 900)
    assert (slow["line_s"], quick["line_s"]) == (pytest.approx(20 + 0.2 * 580), pytest.approx(20 - 0.2 * 18))


def test_the_fastest_first() -> None:
    records = {name: begin() for name in ("a", "b", "c", "d")}
    for name, minutes in (("a", 2), ("b", 1), ("d", 1)):
        enter(records[name], NINE, after(minutes), 2, 0, 0)
    assert ranking(records) == [("b", 120), ("d", 120), ("a", 60)]
    clear(records["b"])
    assert [name for name, _ in ranking(records)] == ["d", "a"]
