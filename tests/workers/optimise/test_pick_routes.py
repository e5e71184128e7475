"""Pick routes: the shortest against all orders of the picks, the taught rules by hand, and none of them shorter than the shortest."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.optimise.pick_routes import Block, largest_gap, length, s_shape, shortest
from storeloom.workers.optimise.plans import PlanFault


def chance(seed, most=6):
    rng = random.Random(seed)
    block = Block(rng.randrange(1, 7), rng.choice((5, 10, 20)), rng.choice((1, 3, 8)))
    block = Block(block.aisles, block.length_m, block.pitch_m, rng.randrange(block.aisles))
    picks = [(rng.randrange(block.aisles), float(rng.randrange(0, block.length_m + 1))) for _ in range(rng.randrange(1, most + 1))]
    return block, picks


@pytest.mark.parametrize("seed", range(60))
def test_no_order_of_the_picks_is_shorter(seed):
    block, picks = chance(seed)
    route = shortest(block, picks)
    assert route.metres == pytest.approx(min(length(block, order) for order in itertools.permutations(picks)))
    assert sorted(route.spots) == sorted(set(picks))
    assert length(block, route.spots) == pytest.approx(route.metres)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_the_taught_rules_reach_all_picks_and_are_never_shorter(seed):
    block, picks = chance(seed, 25)
    best = shortest(block, picks)
    assert length(block, best.spots) == pytest.approx(best.metres)
    for rule in (s_shape, largest_gap):
        route = rule(block, picks)
        assert sorted(route.spots) == sorted(set(picks))
        assert route.metres >= best.metres - 1e-9
        assert length(block, route.spots) <= route.metres + 1e-9


BLOCK = Block(4, 10, 3)
PICKS = [(0, 4), (1, 1), (1, 9), (3, 5)]


def test_the_rules_by_hand():
    # S-shape: 10 up 0, 3 over, 10 down 1, 6 over, 5 into 3 and out again, 9 home.
    assert s_shape(BLOCK, PICKS).metres == 48
    # Largest gap: up 0, along the back to 3 with a dip of 1 into aisle 1, down 3, home with a dip of 1 into aisle 1: 20 + 18 + 4.
    assert largest_gap(BLOCK, PICKS).metres == 42
    assert largest_gap(BLOCK, PICKS).spots == ((0, 4), (1, 9), (3, 5), (1, 1))
    # Shortest: up aisle 0 with its pick, dip of 1 from the back into aisle 1, on to 3, down, home with a dip of 1.
    assert shortest(BLOCK, PICKS).metres == 42


def test_one_aisle_is_walked_as_far_as_its_last_pick():
    for rule in (s_shape, largest_gap, shortest):
        assert rule(Block(3, 20, 2, 1), [(1, 3), (1, 8)]).metres == 16


def test_all_faults_are_named_at_once():
    with pytest.raises(PlanFault) as caught:
        shortest(Block(2, 10, 3, 5), [(2, 4), (0, 11)])
    assert [one.args["key"] for one in caught.value.findings] == ["depot", "aisle", "position"]
    with pytest.raises(PlanFault):
        s_shape(BLOCK, [])
