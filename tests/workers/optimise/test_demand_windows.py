"""Demand in a stretch of time from forecasts of hours and of days."""

from datetime import UTC, datetime
from typing import Any

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.demand_windows import Book, enter, expected

HOURS = StoreHours("UTC", {"open": "08:00", "close": "22:00"})
NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def at(hour: int, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def book(*rows: tuple[float, datetime, datetime], **more: Any) -> Book:
    found: Book = []
    for mean, begin, end in rows:
        enter(found, {"from": begin.isoformat(), "to": end.isoformat(), "mean": mean, **more}, NOW)
    return found


def test_a_window_that_is_turned_or_longer_than_a_year_and_some_is_no_forecast() -> None:
    assert book((42, at(3), at(2))) == [] == book((42, at(0), at(0).replace(year=2199)))
    assert len(book((42, at(0), at(0).replace(year=2027)))) == 1


def test_a_day_is_spread_over_its_opening_hours() -> None:
    day = book((42, at(0), at(0, 3)))
    assert expected(day, HOURS, at(11), at(15)) == 12
    assert expected(day, HOURS, at(20), at(6, 3)) == 6
    assert expected(day, HOURS, at(22), at(23)) == 0


def test_the_shorter_window_counts_and_the_rest_is_like_it() -> None:
    assert expected(book((42, at(0), at(0, 3)), (9, at(11), at(12))), HOURS, at(11), at(15)) == 9 + 9
    assert expected(book((9, at(11), at(12))), HOURS, at(11), at(15)) == 36
    assert expected(book((9, at(11), at(12))), HOURS, at(15), at(18)) is None


def test_a_promotion_goes_before_the_base_and_a_later_issue_before_an_earlier() -> None:
    both = book((9, at(11), at(15)))
    enter(both, {"from": at(0).isoformat(), "to": at(0, 3).isoformat(), "mean": 70, "basis": "promotion"}, NOW)
    assert expected(both, HOURS, at(11), at(15)) == 20
    issues = book((9, at(11), at(15)), issued=at(5).isoformat())
    enter(issues, {"from": at(11).isoformat(), "to": at(15).isoformat(), "mean": 4, "issued": at(4).isoformat()}, NOW)
    assert expected(issues, HOURS, at(11), at(15)) == 9
    enter(issues, {"from": at(11).isoformat(), "to": at(15).isoformat(), "mean": 7, "issued": at(6).isoformat()}, NOW)
    assert expected(issues, HOURS, at(11), at(15)) == 7
    assert len(issues) == 1


def test_what_is_over_is_forgotten() -> None:
    kept = book((9, at(8), at(9)))
    enter(kept, {"from": at(11).isoformat(), "to": at(12).isoformat(), "mean": 1}, at(10))
    assert [row["mean"] for row in kept] == [1]
