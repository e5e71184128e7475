"""One of each group within a budget: the catalogue's regimen by hand, ties, no room, and against trying all."""

import random
from itertools import product

from storeloom.workers.optimise.one_of_each import Option, choose, undominated

CLEANSE = [Option("c1", 2, 8000), Option("c2", 3, 15000)]
SERUM = [Option("s1", 5, 30000), Option("s2", 6, 48000)]
CREAM = [Option("k1", 3, 20000)]


def ids(found):
    return [option.id for option in found.options]


def test_the_budget_decides_between_the_better_cleanser_and_the_better_serum():
    found = choose([CLEANSE, SERUM, CREAM], 70000)
    assert (ids(found), found.value, found.price, found.excess) == (["c2", "s1", "k1"], 11, 65000, 0)
    assert ids(choose([CLEANSE, SERUM, CREAM], 83000)) == ["c2", "s2", "k1"]
    assert ids(choose([CLEANSE[:1], SERUM, CREAM], 70000)) == ["c1", "s1", "k1"]


def test_the_budget_itself_still_fits_and_one_less_does_not():
    assert ids(choose([CLEANSE, SERUM, CREAM], 65000)) == ["c2", "s1", "k1"]
    assert ids(choose([CLEANSE, SERUM, CREAM], 64999)) == ["c1", "s1", "k1"]


def test_the_cheapest_is_shown_with_its_excess_where_none_fits():
    found = choose([CLEANSE, SERUM, CREAM], 50000)
    assert (ids(found), found.price, found.excess) == (["c1", "s1", "k1"], 58000, 8000)


def test_equal_values_go_to_the_cheaper_and_then_to_the_lower_id():
    assert ids(choose([[Option("a", 2, 900), Option("b", 2, 800), Option("c", 2, 800)]], 1000)) == ["b"]
    across = choose([[Option("a", 1, 10), Option("A", 2, 30)], [Option("b", 1, 10), Option("B", 2, 20)]], 40)
    assert (ids(across), across.price) == (["a", "B"], 30)


def test_nothing_to_choose_from():
    assert choose([CLEANSE, []], 10**6) is None and choose([], 10) is None


def test_only_what_is_worth_more_than_the_cheaper_is_kept():
    assert [one.id for one in undominated([Option("d", 1, 5), Option("e", 1, 9), Option("f", 3, 7), Option("g", 0, 1)])] == ["g", "d", "f"]


def test_it_agrees_with_trying_all():
    rng = random.Random(52)
    for _ in range(20):
        groups = [[Option(f"{g}{n}", rng.randint(0, 9) / 4, rng.randint(1, 60)) for n in range(5)] for g in "xyz"]
        budget = rng.randint(30, 120)
        sets = [(sum(o.value for o in s), -sum(o.price for o in s)) for s in product(*groups)]
        fitting = [one for one in sets if -one[1] <= budget]
        found = choose(groups, budget)
        if fitting:
            assert (found.value, -found.price) == max(fitting)
        else:
            assert found.excess == min(-price for _, price in sets) - budget
