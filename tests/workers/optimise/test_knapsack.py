"""The knapsack against every choice tried."""

import random
from itertools import combinations

import pytest

from storeloom.workers.optimise.knapsack import choose


def test_by_hand() -> None:
    worth = {"A": (60, 10), "B": (50, 5), "C": (40, 10)}
    assert choose(worth, 20, 0.5) == ["A", "B"]
    assert choose(worth, 10, 0.5) == ["A"]
    assert choose(worth, 4, 0.5) == []
    assert choose({}, 20, 0.5) == []


def test_equals_go_to_the_lower_name_and_nothing_is_left() -> None:
    assert choose({"b": (5, 3), "a": (5, 3), "c": (0, 0)}, 3, 0.5) == ["a"]
    assert choose({"a": (5, 4), "b": (5, 2), "c": (5, 2)}, 4, 0.5) == ["b", "c"]


def test_sizes_round_up_to_the_grid() -> None:
    assert choose({"a": (5, 2.6), "b": (4, 2.5)}, 5.5, 0.5) == ["a", "b"]
    assert choose({"a": (5, 2.6), "b": (4, 2.5)}, 5.4, 0.5) == ["a"]


@pytest.mark.parametrize("seed", range(10))
def test_the_best_of_all_choices(seed: int) -> None:
    chance = random.Random(seed)
    worth = {f"b{number}": (float(chance.randint(1, 50)), chance.randint(1, 20) / 2) for number in range(9)}
    found = choose(worth, 20, 0.5)
    fits = [some for size in range(10) for some in combinations(worth, size) if sum(worth[name][1] for name in some) <= 20]
    assert sum(worth[name][1] for name in found) <= 20
    assert sum(worth[name][0] for name in found) == max(sum(worth[name][0] for name in some) for some in fits)
