"""Planograms against all ways to fill small shelves, and rules that bind or cannot all be kept."""

import itertools
import random
from dataclasses import replace

import pytest

from storeloom.workers.optimise.plans import PlanFault
from storeloom.workers.optimise.space import Item, Problem, Shelf, earns, solve


def chance(seed):
    rng = random.Random(seed)
    shelves = (Shelf("low", 100, 0.7, rng.choice((None, 900))), Shelf("eye", 90, 1.0, 700, 30))
    items = tuple(
        Item(
            f"I{n}",
            rng.randrange(15, 40),
            rng.randrange(100, 900),
            rng.randrange(0, 3),
            3,
            1,
            rng.choice((0.1, 0.17, 0.4)),
            rng.randrange(50, 250),
            rng.choice((10, 10, 40)),
            rng.choice((None, None, "B")),
        )
        for n in range(4)
    )
    return Problem(shelves, items, (("I0", "I1"),) if seed % 2 else ())


def brute(problem, dropped=frozenset()):
    """The most margin over all shelves and facings of all items; None where no way keeps the rules. `dropped`: rules set aside."""
    best = None
    ways = [[None, *((k, size) for k in range(len(problem.shelves)) for size in range(1, item.most + 1))] for item in problem.items]
    for chosen in itertools.product(*ways):
        if (worth := judged(problem, chosen, dropped)) is not None and (best is None or worth > best):
            best = worth
    return best


def judged(problem, chosen, dropped):
    width, weight, worth, blocks, where = [0, 0], [0, 0], 0.0, {}, {}
    for item, way in zip(problem.items, chosen, strict=True):
        if (way[1] if way else 0) < item.least and ("least", item.id) not in dropped:
            return None
        if way is None:
            continue
        k, size = way
        shelf = problem.shelves[k]
        if shelf.height_mm is not None and item.height_mm > shelf.height_mm:
            return None
        if item.shelves is not None and shelf.id not in item.shelves and ("shelves", item.id) not in dropped:
            return None
        width[k] += size * item.width_mm
        weight[k] += size * item.weight_g
        if item.block:
            blocks.setdefault(item.block, set()).add(k)
        where[item.id] = k
        worth += round(100 * earns(item, shelf, size)) / 100
    full = any(used > shelf.width_mm for used, shelf in zip(width, problem.shelves, strict=True))
    heavy = any(shelf.bears_g is not None and used > shelf.bears_g for used, shelf in zip(weight, problem.shelves, strict=True))
    split = any(len(found) > 1 and ("block", name) not in dropped for name, found in blocks.items())
    met = any(a in where and b in where and where[a] == where[b] and ("apart", f"{a}/{b}") not in dropped for a, b in problem.apart)
    return None if full or heavy or split or met else worth


@pytest.mark.parametrize("seed", range(10))
def test_no_way_to_fill_the_shelves_earns_more(seed):
    problem = chance(seed)
    best, plan = brute(problem), solve(problem)
    if best is None:
        assert plan.proof.status == "infeasible" and plan.proof.proved and plan.proof.relax and not plan.places
        return
    assert plan.proof.status == "optimal" and plan.proof.gap == pytest.approx(0, abs=1e-9)
    assert plan.proof.objective == pytest.approx(best, abs=1e-6)
    assert sum(one.margin for one in plan.places) == pytest.approx(best, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_the_rules_to_relax_are_the_fewest(seed):
    given = chance(seed)
    items = tuple(replace(item, least=3 - n % 2, shelves=("low",) if n < 2 else None) for n, item in enumerate(given.items))
    problem = replace(given, items=items)
    kinds = [(rule, item.id) for item in items for rule in ("least", "shelves")] + [("block", "B"), ("apart", "I0/I1")]
    least = next(n for n in range(5) for some in itertools.combinations(kinds, n) if brute(problem, frozenset(some)) is not None)
    plan = solve(problem)
    assert least > 0 and plan.proof.status == "infeasible" and plan.proof.proved
    assert len(plan.proof.relax) == least


def test_facings_follow_the_elasticity():
    items = (Item("flat", 10, 100, 1, 9, elasticity=0.0), Item("steep", 10, 100, 1, 9, elasticity=0.5))
    plan = solve(Problem((Shelf("s", 60),), items))
    assert [(one.item, one.left_mm, one.facings) for one in plan.places] == [("flat", 0, 1), ("steep", 10, 5)]
    assert plan.proof.objective == pytest.approx(100 + 100 * 5**0.5, abs=0.01)
    assert [(note.rule, note.zh) for note in plan.proof.binding] == [
        ("width:s", "层板 s 已满：60 / 60 毫米。"),
        ("least", "取最少排面：flat。"),
    ]


def test_a_block_stands_together_on_one_shelf():
    items = (Item("a", 10, 50, block="B"), Item("x", 10, 90), Item("b", 10, 50, block="B"))
    plan = solve(Problem((Shelf("s", 30), Shelf("t", 20, 0.5)), tuple(replace(item, most=1) for item in items)))
    assert [(one.item, one.shelf, one.left_mm) for one in plan.places] == [("a", "s", 0), ("b", "s", 10), ("x", "s", 20)]


def test_what_cannot_stand_says_which_least_gives_way():
    items = (Item("a", 40, 50), Item("b", 40, 60), Item("c", 40, 70))
    plan = solve(Problem((Shelf("s", 90),), items))
    (note,) = plan.proof.relax
    assert note.rule.startswith("least:") and note.en.endswith("fewer facings than its least, or none.")


def test_a_shelf_bears_no_more_than_it_may():
    plan = solve(Problem((Shelf("s", 1000, bears_g=2500),), (Item("tin", 10, 100, weight_g=500, elasticity=0.5),)))
    assert plan.places[0].facings == 5
    assert plan.proof.binding[0].en == "Shelf s bears no more: 2500 of 2500 g."


def test_of_equal_margins_the_fewest_facings_change():
    items = tuple(Item(name, 10, 100, 1, 9, base_facings=3, kept=now) for name, now in (("a", 2), ("b", 4), ("c", 3)))
    plan = solve(Problem((Shelf("s", 100),), items))
    assert {one.item: one.facings for one in plan.places} == {"a": 3, "b": 4, "c": 3}
    assert plan.proof.objective == plan.proof.bound == pytest.approx(200 + 100 * (4 / 3) ** 0.17, abs=0.01)


def test_what_loses_money_gets_its_least():
    plan = solve(Problem((Shelf("s", 100),), (Item("loss", 10, -100, 2, 9, kept=5), Item("gain", 10, 100, 1, 4))))
    assert [(one.item, one.facings) for one in plan.places] == [("loss", 2), ("gain", 4)]


def test_the_same_problem_gives_the_same_planogram():
    assert solve(chance(2)) == solve(chance(2))


def test_all_faults_are_named_at_once():
    items = (Item("a", 0, float("nan"), 3, 2), Item("a", 10, 1, shelves=("attic",)))
    with pytest.raises(PlanFault) as caught:
        solve(Problem((Shelf("s", 10),), items, (("a", "z"),)))
    found = [(one.code, one.args.get("key")) for one in caught.value.findings]
    assert found == [
        ("SL-PLN-02", None),
        ("SL-PLN-03", "width_mm"),
        ("SL-PLN-03", "margin"),
        ("SL-PLN-03", "least"),
        ("SL-PLN-04", "shelves"),
        ("SL-PLN-04", "item"),
    ]
