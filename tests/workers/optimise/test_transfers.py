"""Which units move between stores."""

import pytest

from storeloom.workers.optimise.transfers import Problem, greedy, net, solve

PARCELS = {("G", "B"): 4000.0, ("G", "C"): 6000.0}


def problem(**changed):
    given = {
        "givers": {("A", "G"): (0.0,) * 10},
        "receivers": {("A", "B"): (0.9,) * 6, ("A", "C"): (0.7,) * 5},
        "margin": {"A": 3000},
        "parcels": PARCELS,
        "unit_cost": 100,
    }
    return Problem(**{**given, **changed})


def test_the_best_split_and_poor_parcels_taken_out():
    flow, nets = solve(problem(), 1500)
    assert flow == {("A", "G", "B"): 6, ("A", "G", "C"): 4}
    assert nets == {("G", "B"): pytest.approx(11600), ("G", "C"): pytest.approx(2000)}
    flow, nets = solve(problem(), 3000)
    assert flow == {("A", "G", "B"): 6}
    assert sum(nets.values()) == pytest.approx(11600)


def test_one_receiver_alone():
    flow, nets = solve(problem(receivers={("A", "C"): (0.7,) * 5}), 3000)
    assert flow == {("A", "G", "C"): 5}
    assert nets == {("G", "C"): pytest.approx(4000)}


def test_units_stop_where_the_next_gains_nothing_and_lines_are_limited():
    falling = problem(givers={("A", "G"): (0.0, 0.2, 0.5, 0.9)}, receivers={("A", "B"): (0.9, 0.8, 0.5, 0.4)}, parcels={("G", "B"): 100})
    assert solve(falling)[0] == {("A", "G", "B"): 2}
    two = {
        "givers": {("A", "G"): (0.0,), ("D", "G"): (0.0,)},
        "receivers": {("A", "B"): (0.9,), ("D", "B"): (0.9,)},
        "margin": {"A": 9000, "D": 8000},
    }
    assert solve(problem(**two, max_lines=1))[0] == {("A", "G", "B"): 1}
    assert solve(problem(**two))[0] == {("A", "G", "B"): 1, ("D", "G", "B"): 1}


def test_greedy_takes_the_best_parcel_first():
    flow = greedy(problem())
    assert flow == {("A", "G", "B"): 6, ("A", "G", "C"): 4}
    assert sum(net(problem(), flow).values()) == pytest.approx(13600)
    assert greedy(problem(parcels={("G", "B"): 99999})) == {}
    assert solve(problem(margin={"A": 100}))[0] == {}
