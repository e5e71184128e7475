"""A robot's round: stops along a walk, blocked ones to the end, hidden ones again, and when a round is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storeloom.workers.optimise import robot_round as rounds

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
PLACES = {"A": (0.0, 0.0), "B": (4.0, 0.0), "C": (2.0, 0.0), "D": (6.0, 0.0)}


def test_stops_are_one_walk_cut_among_the_robots() -> None:
    assert rounds.plan(PLACES, ["r1"]) == {"r1": ["A", "C", "B", "D"]}
    assert rounds.plan(PLACES, ["r1", "r2"]) == {"r1": ["A", "C"], "r2": ["B", "D"]}
    assert rounds.plan(PLACES, ["r1"], here=(7.0, 0.0)) == {"r1": ["D", "B", "C", "A"]}
    assert rounds.plan(PLACES, []) == {} and rounds.plan({}, ["r1"]) == {"r1": []}


def test_a_stop_blocked_twice_moves_to_the_end_in_an_order_of_its_own_and_is_left_out_in_the_end() -> None:
    one = rounds.begin("o", ["A", "B", "C"], AT)
    assert rounds.block(one, "A") == "wait" and one["left"] == ["A", "B", "C"]
    assert rounds.block(one, "A") == "moved"
    assert (one["order"], one["update"], one["stops"], one["left"]) == ("o#2", 0, ["B", "C", "A"], ["B", "C", "A"])
    assert rounds.block(one, "A") == "wait" and rounds.block(one, "A") == "dropped" and one["left"] == ["B", "C"]
    lone = rounds.begin("o", ["A"], AT)
    assert [rounds.block(lone, "A"), rounds.block(lone, "A")] == ["wait", "dropped"] and lone["left"] == []


def test_a_stop_to_come_back_to_goes_on_from_the_end_of_the_order() -> None:
    one = rounds.begin("o", ["A", "B"], AT)
    rounds.add(one, "A")
    assert (one["left"], one["stops"], one["order"], one["update"]) == (["B", "A"], ["A", "B", "A"], "o", 1)


def test_a_round_runs_while_stops_are_left_and_the_robot_was_seen() -> None:
    one = rounds.begin("o", ["A"], AT)
    assert rounds.running(one, AT + timedelta(minutes=119)) and not rounds.running(one, AT + timedelta(hours=2))
    one["left"] = []
    assert not rounds.running(one, AT) and not rounds.running(None, AT)


def test_the_robot_stands_at_the_nearest_stop_within_reach() -> None:
    one = rounds.begin("o", ["B", "C"], AT)
    assert rounds.stop_at(one, PLACES, (3.8, 0.1)) == "B" and rounds.stop_at(one, PLACES, (0.0, 0.0)) is None
    assert rounds.stop_at(one, PLACES, None) is None
