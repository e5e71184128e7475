"""Swaps of categories: hand-worked, against the whole sum at each step, and the rules that forbid one."""

import random
from itertools import combinations

import pytest

from storeloom.workers.optimise.layout import Layout, Slot, slots

ROW = (Slot("Z1", "beer", 0, 0, 2, 0.5), Slot("Z2", "tissue", 10, 0, 2, 0.3), Slot("Z3", "snacks", 20, 0, 2, 0.2))
CHECK = Layout(ROW, {("beer", "snacks"): 1.2}, {"beer": 1.0, "tissue": 0.2, "snacks": 0.8}, 10, 0.5)


def made(seed, **rules):
    rng = random.Random(seed)
    names = [f"c{n}" for n in range(7)]
    found = tuple(Slot(f"Z{n}", name, rng.uniform(0, 40), rng.uniform(0, 30), 1, rng.random()) for n, name in enumerate(names))
    affinity = {pair: rng.random() for pair in combinations(names, 2) if rng.random() < 0.5}
    return Layout(found, affinity, {name: rng.random() for name in names}, 10, 0.5, **rules)


def test_by_hand():
    """0.76 today; tissue and snacks 0.99, beer and tissue 0.88, beer and snacks 0.73; then nothing is better than 0.99."""
    assert CHECK.worth(["beer", "tissue", "snacks"]) == pytest.approx(0.76)
    assert CHECK.worth(["tissue", "beer", "snacks"]) == pytest.approx(0.88)
    assert CHECK.worth(["snacks", "tissue", "beer"]) == pytest.approx(0.73)
    (swap,) = CHECK.swaps(5, 2)
    assert (swap.one, swap.other, swap.metres) == ("tissue", "snacks", 10)
    assert (swap.gain, swap.before) == (pytest.approx(0.23), pytest.approx(0.76))


@pytest.mark.parametrize("seed", range(8))
def test_each_swap_is_the_best_there_is_and_its_gain_what_the_whole_sum_says(seed):
    layout = made(seed)
    standing = [slot.category for slot in layout.slots]
    for swap in layout.swaps(20, 0):
        worths = {}
        for i, j in combinations(range(7), 2):
            other = list(standing)
            other[i], other[j] = other[j], other[i]
            worths[layout.slots[i].id, layout.slots[j].id] = layout.worth(other)
        best = max(worths.values())
        assert worths[swap.here.id, swap.there.id] == pytest.approx(best)
        assert swap.gain == pytest.approx(best - layout.worth(standing)) and swap.before == pytest.approx(layout.worth(standing))
        i, j = layout.slots.index(swap.here), layout.slots.index(swap.there)
        standing[i], standing[j] = standing[j], standing[i]
    now = layout.worth(standing)
    for i, j in combinations(range(7), 2):
        other = list(standing)
        other[i], other[j] = other[j], other[i]
        assert layout.worth(other) <= now + 1e-9


def test_a_gain_at_the_limit_counts_and_one_below_does_not():
    at = 100 * 0.23 / 0.76
    assert len(CHECK.swaps(1, at)) == 1 and CHECK.swaps(1, at + 0.001) == [] and CHECK.swaps(0, 0) == []


def test_the_first_swap_keeps_the_rules():
    free = made(3).swaps(1, 0)[0]
    for rules in (
        {"fixed": frozenset({free.one})},
        {"apart": frozenset({(free.other, one) for one in made(3).margin}), "apart_m": 99.0},
    ):
        for swap in made(3, **rules).swaps(5, 0):
            assert free.one not in (swap.one, swap.other) or "fixed" not in rules
            assert free.other not in (swap.one, swap.other) or "apart" not in rules


def test_ties_go_to_fewer_metres_then_to_lower_slots():
    three = [Slot("C", "a", 0, 0, 1, 0), Slot("B", "b", 8, 0, 1, 1), Slot("A", "c", 3, 0, 1, 1), Slot("D", "d", -3, 0, 1, 1)]
    (swap,) = Layout(tuple(three), {}, {"a": 1.0}, 10, 1).swaps(5, 0)
    assert (swap.here.id, swap.there.id) == ("C", "A")


def test_lengths_go_with_the_categories():
    longer = (ROW[0], Slot("Z2", "tissue", 10, 0, 3, 0.3), ROW[2])
    assert Layout(longer, CHECK.affinity, CHECK.margin, 10, 0.5).swaps(5, 2) == []


def test_slots_from_tables():
    zones = [{"zone": "Z2", "category": "b"}, {"zone": "Z1", "category": "a"}, {"zone": "Z3"}, {"zone": "Z4", "category": "d"}]
    fixtures = {
        "Z1": [{"x": 0, "y": 0, "shelves": [{"shelf": 1, "width_mm": 900}, {"shelf": 2}]}, {"x": 2, "y": 4}],
        "Z2": [{"x": 5, "y": 5, "shelves": []}],
        "Z3": [{"x": 9, "y": 9}],
    }
    assert slots(zones, fixtures, {"Z1": 30, "Z2": 10, "Z3": 99}) == (Slot("Z1", "a", 1, 2, 900, 0.75), Slot("Z2", "b", 5, 5, 0, 0.25))
    assert [one.traffic for one in slots(zones, fixtures, {})] == [0.5, 0.5]
    assert slots([], {}, {}) == ()
