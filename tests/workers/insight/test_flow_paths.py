"""Tracks to visits to figures, worked by hand."""

from typing import Any

import pytest

from storeloom.workers.insight.flow_paths import Rules, Stay, Visit, flow, joined, note, shift, visits

RULES = Rules(8, 3, 2, 1200, {"X"})


def walk(path: str, each: float = 20.0, start: float = 0.0) -> list[list[Any]]:
    sights: list[list[Any]] = [[start + k * each, zone, 0.0, 0.0] for k, zone in enumerate(path)]
    return [*sights, [start + len(path) * each, path[-1], 0.0, 0.0]]


def zones(sights: list[list[Any]], rules: Rules = RULES) -> list[str]:
    return ["".join(visit.zones) for visit in visits(sights, rules)]


def test_ten_visits() -> None:
    made = [visits(walk(path), RULES)[0] for path in ["EABC"] * 6 + ["EAC"] * 3 + ["EBC"]]
    found = flow(made, 10)
    assert found.share("A", "B") == pytest.approx(6 / 9) and found.share("A", "C") == pytest.approx(3 / 9)
    assert (found.visits, found.entered) == (10, {"E": 10, "A": 9, "B": 7, "C": 10})
    assert found.top(3) == [(("A", "B", "C"), 6), (("E", "A", "B"), 6), (("E", "A", "C"), 3)]
    assert found.stops == found.entries and found.lasts == {"C": 10}
    assert found.share("C", "A") == 0.0


def test_shift_of_a_share() -> None:
    assert shift(200, 1000, 250, 1000) == pytest.approx(2.68, abs=0.005)
    assert shift(200, 1000, 230, 1000) == pytest.approx(1.63, abs=0.005)
    assert shift(5, 5, 5, 5) == 0.0


def test_short_stays_go_and_equal_neighbours_are_one() -> None:
    sights = [[0, "A", 0, 0], [6, "B", 0, 0], [7, "A", 0, 0], [13, "A", 0, 0]]
    assert visits(sights, RULES) == [Visit(0, (Stay("A", 12),))]
    assert zones([[0, "A", 0, 0], [1.5, "B", 0, 0]]) == []
    assert zones([[0, "A", 0, 0], [5, "B", 0, 0]]) == ["AB"]  # how long the last was nobody knows
    assert zones([[0, "A", 0, 0], [5, "B", 0, 0], [6, "B", 0, 0]]) == ["A"]
    assert zones([[0, "A", 0, 0], [2, None, 0, 0], [9, "A", 0, 0], [10, "A", 0, 0]]) == ["A"]


def test_exits_and_silence_end_visits() -> None:
    assert zones(walk("ABXAB")) == ["ABX", "AB"]
    assert zones(walk("XAX")) == ["XAX"]
    assert zones([[0, "A", 0, 0], [5, "X", 0, 0]]) == ["AX"]
    assert zones([*walk("A"), *walk("B", start=20 + 1200.5)]) == ["A", "B"]
    assert zones([*walk("A"), *walk("B", start=20 + 1200)]) == ["AB"]


def test_sights_are_kept_where_the_zone_changes() -> None:
    sights: list[list[Any]] = []
    for t, zone in [(0, "A"), (4, "A"), (2, "A"), (10, "B"), (8, "A"), (9, "B"), (11, "B"), (8, "C")]:
        note(sights, [t, zone, 0.0, 0.0], 1200)
    assert [one[:2] for one in sights] == [[0, "A"], [8, "A"], [9, "B"], [11, "B"]]


def track(start: float, x0: float, x1: float) -> list[list[Any]]:
    return [[start, "A", x0, 0.0], [start + 10, "A", x1, 0.0]]


def unlike(one: str | None, other: str | None) -> float:
    return 0.0 if one == other else 1.0


def test_tracks_are_joined_one_to_one_the_nearest_first() -> None:
    tracks = {"a": track(0, 0, 4), "b": track(0, 0, 4.5), "c": track(15, 5, 9), "d": track(30, 11, 12), "e": track(34, 9, 9)}
    assert joined(tracks, {}, RULES, unlike) == [["a"], ["b", "c", "d"], ["e"]]
    tied = {"a": track(0, 0, 4), "c": track(15, 5, 9), "d": track(12, 3, 0)}
    assert joined(tied, {"a": "red", "c": "red", "d": "blue"}, RULES, unlike) == [["a", "c"], ["d"]]
    unplaced = {"a": [[0, "A", None, None]], "b": [[1, "A", None, None]]}
    assert joined(unplaced, {}, RULES, unlike) == [["a"], ["b"]]


def test_limits_of_joining() -> None:
    for start, x, whole in ((18, 7, True), (18.1, 7, False), (18, 7.1, False), (9.9, 4, False)):
        chains = joined({"a": track(0, 0, 4), "b": track(start, x, x)}, {}, RULES, unlike)
        assert (len(chains) == 1) is whole
