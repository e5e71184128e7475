"""Smooth weighted round-robin, against turns worked by hand."""

import pytest

from storeloom.workers.optimise.rotation import next_turn


@pytest.mark.parametrize(
    ("weights", "turns"),
    [({"a": 5, "b": 1, "c": 1}, "aabacaa"), ({"a": 5, "c": 1}, "aaacaa"), ({"a": 1, "b": 1}, "abab"), ({"b": 2, "a": 1}, "babbab")],
)
def test_turns_are_spread_by_weight_and_ties_go_to_the_first(weights: dict[str, int], turns: str) -> None:
    played = ""
    counters: dict[str, int] = {}
    for _ in turns:
        name, counters = next_turn(weights, counters)
        played += name
    assert played == turns


def test_nobody_to_choose_from() -> None:
    with pytest.raises(ValueError, match="empty"):
        next_turn({}, {})
