"""Walks in any order, against every order tried."""

import random
from itertools import permutations

import pytest

from storeloom.workers.optimise import tours

LINE = {"home": 0, "a": 10, "b": 30, "c": -5}
CHECK = {"pA": 10, "pB": 15, "pC": 20, "AB": 35, "AC": 25, "BC": 30}


def on_line(one: str, other: str) -> float:
    return abs(LINE[one] - LINE[other])


def catalogue(one: tuple[int, str], other: tuple[int, str]) -> float:
    return CHECK.get(one[1] + other[1]) or CHECK.get(other[1] + one[1]) or 0


def at_random(seed: int, count: int) -> tuple[list[str], dict[str, tuple[int, int]]]:
    chance = random.Random(seed)
    names = [f"z{number}" for number in range(count)]
    return names, {name: (chance.randint(0, 40), chance.randint(0, 40)) for name in ["home", *names]}


def test_length_of_open_and_closed_walks() -> None:
    assert tours.length(["a", "b"], on_line, "home") == 30
    assert tours.length(["a", "b"], on_line, "home", "home") == 60
    assert tours.length(["a", "b"], on_line) == 20
    assert tours.length([], on_line, "home", "home") == 0


def test_groups_follow_one_another() -> None:
    stops, home = [(1, "B"), (1, "C"), (2, "A")], (0, "p")
    walk = tours.shortest(stops, catalogue, home, exact_stops=12, group=lambda stop: stop[0])
    assert ([place for _, place in walk], tours.length(walk, catalogue, home, home)) == (["B", "C", "A"], 80)
    assert tours.shortest(stops, catalogue, home, exact_stops=1, group=lambda stop: stop[0]) == walk
    frozen_first = tours.exact([(2, "B"), (1, "A")], catalogue, home, home, lambda stop: stop[0])
    assert [place for _, place in frozen_first] == ["A", "B"]


@pytest.mark.parametrize("seed", range(12))
def test_exact_is_the_best_of_all_orders(seed: int) -> None:
    names, at = at_random(seed, 6)

    def metres(one: str, other: str) -> float:
        return abs(at[one][0] - at[other][0]) + abs(at[one][1] - at[other][1])

    for start, end in (("home", "home"), ("home", None), (None, None)):
        best = min(tours.length(order, metres, start, end) for order in permutations(names))
        assert tours.length(tours.exact(names, metres, start, end), metres, start, end) == best
    grouped = tours.exact(names, metres, "home", "home", lambda name: int(name[1]) % 2)
    orders = (order for order in permutations(names) if [int(name[1]) % 2 for name in order] == [0, 0, 0, 1, 1, 1])
    assert tours.length(grouped, metres, "home", "home") == min(tours.length(order, metres, "home", "home") for order in orders)
    rule = tours.shortest(names, metres, "home", exact_stops=5)
    assert sorted(rule) == names
    exact = tours.length(tours.exact(names, metres, "home", "home"), metres, "home", "home")
    assert exact <= tours.length(rule, metres, "home", "home") <= 1.3 * exact


def test_nearest_neighbour_and_two_opt() -> None:
    assert tours.nearest(["b", "a", "c"], on_line, "home") == ["c", "a", "b"]
    assert tours.nearest(["b", "a"], on_line) == ["b", "a"]
    assert tours.two_opt(["b", "a"], on_line, "home") == ["a", "b"]
    assert tours.two_opt(["b", "a"], on_line, "home", group=str) == ["b", "a"]


def test_savings_joins_what_lies_together() -> None:
    assert tours.savings(["a", "c", "b"], on_line, "home") == ["b", "a", "c"]
    assert tours.savings([], on_line, "home") == []


def test_of_equal_walks_the_first_in_order() -> None:
    assert tours.exact(["a", "b"], on_line, "home", "home") == ["a", "b"]
    assert tours.exact([], on_line, "home", "home") == []
