"""Batches against all ways to split the orders, waves against all orders of the batches."""

import itertools
import random

import pytest

from storeloom.workers.optimise.pick_routes import RULES, Block, Route
from storeloom.workers.optimise.picking import Batch, Cart, Order, batch, waves
from storeloom.workers.optimise.plans import PlanFault

BLOCK = Block(5, 20, 4, 2)


def chance(seed, n=6):
    rng = random.Random(seed)
    orders = []
    for k in range(n):
        spots = tuple((rng.randrange(5), float(rng.randrange(21))) for _ in range(rng.randrange(1, 4)))
        orders.append(Order(f"O{k}", spots, rng.randrange(1, 5), rng.choice((3600, 7200)) if seed % 2 else 3600))
    return orders


def splits(items):
    if not items:
        yield []
        return
    first, *rest = items
    for parts in splits(rest):
        yield [[first], *parts]
        for n, part in enumerate(parts):
            yield [*parts[:n], [first, *part], *parts[n + 1 :]]


def brute(orders, cart, rule):
    best = float("inf")
    for parts in splits(orders):
        fits = all(sum(o.load for o in part) <= cart.capacity and len(part) <= cart.orders for part in parts)
        if fits and all(len({o.due for o in part}) == 1 for part in parts):
            best = min(best, sum(RULES[rule](BLOCK, [spot for o in part for spot in o.spots]).metres for part in parts))
    return best


@pytest.mark.parametrize("rule", ["shortest", "s_shape"])
@pytest.mark.parametrize("seed", range(6))
def test_no_split_of_the_orders_walks_less(seed, rule):
    orders, cart = chance(seed), Cart(8, 4)
    made = batch(BLOCK, cart, orders, rule=rule)
    assert made.proof.status == "optimal"
    assert made.proof.objective == pytest.approx(brute(orders, cart, rule))
    assert sorted(name for one in made.batches for name in one.orders) == [order.id for order in orders]


@pytest.mark.parametrize("seed", range(6))
def test_savings_lie_between_the_bound_and_picking_order_by_order(seed):
    orders, cart = chance(seed, 7), Cart(8)
    made = batch(BLOCK, cart, orders, sets=3)
    alone = sum(RULES["shortest"](BLOCK, order.spots).metres for order in orders)
    assert made.proof.bound - 1e-9 <= brute(orders, cart, "shortest") <= made.proof.objective <= alone


def test_seconds_are_the_walk_the_picks_and_the_setup():
    made = batch(Block(1, 20, 3), Cart(5, m_per_s=2, pick_s=7, setup_s=30), [Order("a", ((0, 4.0), (0, 10.0)))])
    assert (made.batches[0].seconds, made.batches[0].route.metres) == (30 + 10 + 14, 20)


def test_an_order_above_the_cart_is_to_be_split():
    made = batch(BLOCK, Cart(3), [Order("big", ((0, 1.0),), 5), Order("small", ((0, 1.0),))])
    assert made.proof.status == "infeasible" and [(note.rule, note.by) for note in made.proof.relax] == [("load:big", 2)]


def test_full_carts_are_said():
    made = batch(BLOCK, Cart(2), [Order(name, ((0, 1.0),)) for name in "abc"])
    assert made.proof.binding[0].en == "1 of 2 carts take no other order."


def piece(name, seconds, due, orders=1):
    return Batch(tuple(f"{name}{n}" for n in range(orders)), Route(0, ()), seconds, due)


@pytest.mark.parametrize("seed", range(8))
def test_no_order_of_the_batches_is_less_late(seed):
    rng = random.Random(seed)
    pieces = [piece(f"B{n}", rng.randrange(50, 300), rng.randrange(100, 500), rng.randrange(1, 4)) for n in range(5)]
    best = float("inf")
    for split in itertools.product(range(2), repeat=5):
        late = 0
        for picker in range(2):
            own = [one for one, who in zip(pieces, split, strict=True) if who == picker]
            late += min(lateness(order) for order in itertools.permutations(own))
        best = min(best, late)
    wave = waves(pieces, 2, 0)
    assert wave.proof.status == "optimal" and wave.proof.objective == wave.proof.bound == best
    assert len(wave.proof.binding) == sum(turn.late > 0 for turn in wave.turns)


def lateness(order):
    ends, late = 0, 0
    for one in order:
        ends += one.seconds
        late += len(one.orders) * max(0, ends - one.due)
    return late


def test_what_comes_late_is_said_with_its_time():
    wave = waves([piece("A", 600, 29400)], 1, 28900)
    assert wave.proof.binding[0].en == "A0: ready at 08:11:40, 100 s after it was due; no picker is free earlier."
    assert wave.proof.binding[0].zh == "A0：08:11:40 完成，比要求晚 100 秒；此前没有空闲拣货员。"


def test_the_same_orders_give_the_same_batches():
    assert batch(BLOCK, Cart(8), chance(3)) == batch(BLOCK, Cart(8), chance(3))


def test_all_faults_are_named_at_once():
    with pytest.raises(PlanFault) as caught:
        batch(BLOCK, Cart(0), [Order("a", (), -1), Order("a", ((0, 1.0),))], rule="zigzag")
    assert [one.args.get("key") for one in caught.value.findings] == [None, "capacity", "rule", "load", "spots"]
    with pytest.raises(PlanFault):
        waves([], 0, 0)
