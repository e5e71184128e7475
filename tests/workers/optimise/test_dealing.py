"""Tasks dealt to people exactly, equal costs by the order of tasks and people."""

from itertools import permutations
from random import Random

from storeloom.workers.optimise.dealing import assign, deal


def test_the_worked_example():
    walks = {"till": (4, 2), "fresh": (1, 5), "dairy": (2, 3)}
    costs = {(task, who): walk for task, ways in walks.items() for who, walk in zip(("S1", "S2"), ways, strict=True)}
    undone = {"till": 30, "fresh": 15, "dairy": 5}
    assert deal(["till", "fresh", "dairy"], ["S1", "S2"], costs, undone) == {"fresh": "S1", "till": "S2"}


def test_a_forbidden_pair_and_a_cheap_neglect_stay_undone():
    assert deal(["a", "b"], ["p"], {("b", "p"): 9}, {"a": 30, "b": 5}) == {}
    assert deal([], ["p"], {}, {}) == {}
    assert deal(["a"], [], {}, {"a": 1}) == {}


def test_equal_costs_go_to_the_older_task_then_the_first_person():
    costs = {(task, who): 1.0 for task in ("old", "new") for who in ("p", "q")}
    assert deal(["old", "new"], ["p", "q"], costs, {"old": 5, "new": 5}) == {"old": "p", "new": "q"}
    assert deal(["old", "new"], ["p"], costs, {"old": 5, "new": 5}) == {"old": "p"}


def test_it_is_the_least_of_all_assignments():
    chance = Random(3)
    for _ in range(60):
        height, width = chance.randint(1, 5), chance.randint(5, 6)
        rows = [[chance.randint(0, 20) for _ in range(width)] for _ in range(height)]
        least = min(sum(rows[row][column] for row, column in enumerate(order)) for order in permutations(range(width), height))
        found = assign(rows)
        assert len(set(found)) == height
        assert sum(rows[row][column] for row, column in enumerate(found)) == least
