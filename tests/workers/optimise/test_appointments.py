"""Bookings against all ways to give the slots, shows counted person by person."""

import itertools
import random
from math import comb

import pytest

from storeloom.workers.optimise.appointments import Problem, Request, Slot, above, book, comers
from storeloom.workers.optimise.plans import PlanFault

NO_SHOW = {"new": 0.4, "regular": 0.1}


def chance(seed, must=0.0):
    rng = random.Random(seed)
    slots = (Slot("9:00", 1), Slot("9:30", rng.choice((1, 2))))
    requests = tuple(
        Request(
            f"R{n}",
            rng.choice(("new", "regular")),
            {slot.id: float(rng.randrange(20, 100)) for slot in slots if rng.random() < 0.8},
            rng.random() < must,
        )
        for n in range(6)
    )
    return Problem(slots, requests, NO_SHOW, rng.choice((50.0, 150.0)), rng.choice((0.05, 0.3, 0.4)))


def brute(problem, refused=()):
    """The most expected worth over all bookings; None where none keeps the rules. `refused`: requests that need not be booked after all."""
    best = None
    for places in itertools.product([None, *problem.slots], repeat=len(problem.requests)):
        pairs = list(zip(problem.requests, places, strict=True))
        if any((slot is None and one.must and one.id not in refused) or (slot and slot.id not in one.slots) for one, slot in pairs):
            continue
        total = 0.0
        for slot in problem.slots:
            own = [one for one, place in pairs if place is slot]
            crowded = 0.0
            for shows in itertools.product((0, 1), repeat=len(own)):
                p = 1.0
                for one, comes in zip(own, shows, strict=True):
                    p *= 1 - problem.no_show[one.risk] if comes else problem.no_show[one.risk]
                over = max(0, sum(shows) - slot.capacity)
                crowded += p * (over > 0)
                total += p * (sum(one.slots[slot.id] for one, comes in zip(own, shows, strict=True) if comes) - problem.turned_away * over)
            if crowded > problem.chance + 1e-12:
                break
        else:
            best = total if best is None else max(best, total)
    return best


@pytest.mark.parametrize("seed", range(10))
def test_no_way_to_give_the_slots_is_worth_more(seed):
    problem = chance(seed)
    made = book(problem)
    assert made.proof.status == "optimal"
    assert made.proof.objective == pytest.approx(brute(problem), abs=0.01)
    assert made.proof.bound == pytest.approx(made.proof.objective, abs=1e-6)
    assert all(load.chance <= problem.chance + 1e-9 for load in made.slots)


@pytest.mark.parametrize("seed", range(5))
def test_the_fewest_that_must_be_booked_are_refused(seed):
    problem = chance(seed + 50, must=0.8)
    must = [one.id for one in problem.requests if one.must]
    least = next(n for n in range(7) for some in itertools.combinations(must, n) if brute(problem, some) is not None)
    made = book(problem)
    assert (made.proof.status == "infeasible") == (least > 0)
    assert len(made.proof.relax) == least


def test_comers_are_binomial_where_all_are_alike():
    assert comers([0.3] * 4) == pytest.approx([comb(4, n) * 0.7**n * 0.3 ** (4 - n) for n in range(5)])
    assert above([0.5, 0.5], 1) == pytest.approx((0.25, 0.25))


def test_a_slot_is_overbooked_as_far_as_it_pays():
    """Two bookings of one place: 0.6 x 100 more for the second against 0.36 x the cost of one turned away."""
    requests = tuple(Request(name, "new", {"9": 100.0}) for name in "ab")
    cheap = book(Problem((Slot("9"),), requests, NO_SHOW, 150, 0.5))
    assert cheap.slots[0].requests == ("a", "b") and cheap.proof.objective == pytest.approx(120 - 0.36 * 150)
    dear = book(Problem((Slot("9"),), requests, NO_SHOW, 200, 0.5))
    assert dear.proof.objective == pytest.approx(60) and len(dear.refused) == 1
    strict = book(Problem((Slot("9"),), requests, NO_SHOW, 0, 0.3))
    assert [note.rule for note in strict.proof.binding] == ["chance:9", "refused"]
    assert strict.proof.binding[0].zh == "时段 9 不能再约：超员概率 0.0%，上限 30.0%。"


def test_the_same_problem_gives_the_same_bookings():
    assert book(chance(3)) == book(chance(3))


def test_all_faults_are_named_at_once():
    problem = Problem((Slot("9", -1),), (Request("a", "odd", {"10": -5.0}),), {"new": 2.0}, 5)
    with pytest.raises(PlanFault) as caught:
        book(problem)
    assert [one.args["key"] for one in caught.value.findings] == ["no_show", "capacity", "risk", "slots", "worth"]


def test_more_mixes_than_can_be_listed_are_refused():
    away = dict.fromkeys("abcd", 0.5)
    requests = tuple(Request(f"{risk}{n}", risk, {"9": 1.0}) for risk in away for n in range(12))
    with pytest.raises(PlanFault) as caught:
        book(Problem((Slot("9", 12),), requests, away, 5))
    assert caught.value.findings[0].args["got"] == "12 (28561)"
