"""Seeds, crowd, cells and treatments of a joint campaign, worked by hand."""

import pytest

from storeloom.workers.insight import placement


def members():
    """2000 members: 300 bought formula, 160 cheese, 60 both."""
    found = {f"b{n}": ["formula", "cheese"] for n in range(60)}
    found |= {f"f{n}": ["formula"] for n in range(240)} | {f"c{n}": ["cheese"] for n in range(100)}
    return found | {f"o{n}": ["rice"] for n in range(1600)}


def test_the_buyers_of_a_seed_without_the_target_are_the_crowd():
    rules = placement.seeds(members(), {"cheese"}, 1.5, 0.01)
    assert [(one.item, pytest.approx(one.lift), pytest.approx(one.support)) for one in rules] == [("formula", 2.5, 0.03)]
    assert len(placement.crowd(members(), {"cheese"}, rules)) == 240
    assert placement.seeds(members(), {"cheese"}, 2.6, 0.01) == []
    assert placement.seeds(members(), {"cheese"}, 1.5, 0.031) == []


def test_small_cells_are_joined_trait_by_trait():
    traits = {f"a{n}": ("s", "low", "noon") for n in range(3)} | {
        "b": ("s", "low", "morning"),
        "c": ("s", "low", "evening"),
        "d": ("t", "low", "noon"),
    }
    found = placement.cells(traits, 2)
    assert {found["a0"], found["a2"]} == {"s|low|noon"}
    assert (found["b"], found["c"], found["d"]) == ("s|low", "s|low", "any")


def test_thirds_by_ticket():
    assert placement.price_bands({"a": 1, "b": 2, "c": 3}) == {"a": "low", "b": "middle", "c": "high"}
    assert placement.price_bands({"a": 5}) == {"a": "low"}


def test_a_treatment_that_sells_is_drawn_more_often_and_the_same_seed_draws_the_same():
    results = {"good": {"sent": 500, "buyers": 100}, "bad": {"sent": 500, "buyers": 10}}
    drawn = [placement.choose(results, 7, member) for member in range(50)]
    assert drawn == ["good"] * 50 == [placement.choose(results, 7, member) for member in range(50)]
    fresh = {name: {"sent": 0, "buyers": 0} for name in results}
    assert {placement.choose(fresh, 7, member) for member in range(50)} == {"good", "bad"}


def test_the_best_treatment_has_its_interval():
    name, mean, low, high = placement.best({"x": {"sent": 98, "buyers": 9}, "y": {"sent": 98, "buyers": 4}})
    assert (name, mean) == ("x", 0.1)
    assert low == pytest.approx(0.0556, abs=0.001) and high == pytest.approx(0.1531, abs=0.001)


def test_increment_and_growth():
    assert placement.incremental({"sent": 900, "sent_buyers": 72, "held": 100, "held_buyers": 3}) == pytest.approx(45)
    assert placement.incremental({"sent": 900, "sent_buyers": 72, "held": 0, "held_buyers": 0}) is None
    assert (placement.growth(132, 100), placement.growth(5, 0)) == (32, None)
