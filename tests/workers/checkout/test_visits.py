"""Visits by hand: P came at nine, Q a minute later."""

from datetime import UTC, datetime, timedelta
from typing import Any

from storeloom.workers.checkout import visits

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def two() -> list[dict[str, Any]]:
    return [visits.begin("p", "P", "g", NINE), visits.begin("q", "Q", "g", NINE + timedelta(minutes=1))]


def test_who_has_left_is_not_inside() -> None:
    p, q = two()
    assert [visit["session"] for visit in visits.inside([q, p])] == ["p", "q"]
    p["left"] = "2026-03-02T09:05:00Z"
    assert visits.inside([q, p]) == [q]


def test_people_are_as_many_as_passed_else_as_were_seen() -> None:
    p, q = two()
    assert visits.heads(p) == 1
    p["people"] = ["a", "b"]
    assert visits.heads(p) == 2
    visits.came_in([p, q], None, 3)
    assert (visits.heads(p), q["passed"]) == (3, 0)
    visits.came_in([p, q], None, 1)
    visits.came_in([p, q], None, 1)
    visits.came_in([p, q], "P", 1)
    assert (p["passed"], q["passed"]) == (4, 2)


def test_somebody_new_belongs_to_the_first_without_people_else_to_the_last_let_in() -> None:
    p, q = two()
    assert visits.waiting([p, q], NINE - timedelta(seconds=1)) is None
    assert visits.waiting([p, q], NINE + timedelta(seconds=30)) is p
    p["people"] = ["a"]
    assert visits.waiting([p, q], NINE + timedelta(seconds=15)) is p
    assert visits.waiting([p, q], NINE + timedelta(seconds=16)) is None
    q["people"] = ["b"]
    assert visits.waiting([p, q], NINE + timedelta(seconds=75)) is q


def test_who_passed_out() -> None:
    p, q = two()
    p["people"], q["people"] = ["a"], ["b"]
    assert visits.leaver([p, q], "Q", [p], []) is q
    assert visits.leaver([p, q], None, [p], [q]) is p
    assert visits.leaver([p, q], None, [], visits.out_of_sight([p, q], {"a": 5.0, "b": 9.0}, 9.0)) is p
    assert visits.leaver([p, q], None, [], []) is None
    assert visits.leaver([q], None, [], []) is q


def test_takings_by_product_and_price() -> None:
    takings = [["x", 1, 350, "t1"], ["y", 2, 600, "t2"], ["x", 2, 350, "t3"], ["x", 1, 300, "t4"]]
    assert visits.counted(takings) == [("x", 350, 3, "t1"), ("y", 600, 2, "t2"), ("x", 300, 1, "t4")]
