"""Shelf space: which items stand where with how many facings, for the most margin, by CP-SAT (OR-Tools).

Sales of an item grow with its facings by its space elasticity and with the height of its shelf: margin x base x (facings / base facings) ^
elasticity x pull of the shelf (Corstjens and Doyle 1981, "A model for optimizing retail space allocations"; elasticities near 0.17, Eisend
2014, "Shelf space elasticity: a meta-analysis"). Each shelf has a width and may have a height, a depth and a weight that it bears; items
of a block stand on one shelf, side by side in the planogram's order; pairs may be kept apart.

Money is in minor units, lengths in mm, weights in g, whole numbers. The search ends by CP-SAT's deterministic time, one thread, fixed
seed: the same problem gives the same planogram.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.plans import SEED, Checks, Note, Proof

CENTS = 100
WORK = 20.0
NEARLY = 0.95
MOST = 10**9
ITEM, SHELF, PAIR = ("Item", "商品"), ("Shelf", "层板"), ("Pair", "组合")


@dataclass(frozen=True, slots=True)
class Shelf:
    """`pull`: sales relative to a shelf at eye height. `bears_g` and `height_mm`: None where they do not limit."""

    id: str
    width_mm: int
    pull: float = 1.0
    bears_g: int | None = None
    height_mm: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """`margin`: what the item earns in a period at `base_facings` and eye height. `weight_g`: of a whole facing, front to back. `block`:
    items of one stand on one shelf, next to each other. `shelves`: where it may stand, None for all. `kept`: its facings today; of
    planograms of equal margin the one counts that changes the fewest facings of items that have it."""

    id: str
    width_mm: int
    margin: float
    least: int = 1
    most: int = 10
    base_facings: int = 1
    elasticity: float = 0.17
    weight_g: int = 0
    height_mm: int = 0
    block: str | None = None
    shelves: tuple[str, ...] | None = None
    kept: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """`apart`: pairs of items that may not share a shelf (as bleach and food). An item with `least` 0 may be left out."""

    shelves: tuple[Shelf, ...]
    items: tuple[Item, ...]
    apart: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """An item on a shelf: its left edge, its facings, and the margin expected of it."""

    item: str
    shelf: str
    left_mm: int
    facings: int
    margin: float


@dataclass(frozen=True, slots=True)
class Planogram:
    """Places by shelf, from left to right."""

    proof: Proof
    places: tuple[Place, ...]


def earns(item: Item, shelf: Shelf, facings: int) -> float:
    """Margin of a period with so many facings there."""
    return item.margin * shelf.pull * (facings / item.base_facings) ** item.elasticity if facings else 0.0


def solve(problem: Problem, *, work: float = WORK, seed: int = SEED) -> Planogram:
    """The planogram of most margin; the margin is counted in hundredths of a minor unit. Raises PlanFault.

    `work`: limit in CP-SAT's deterministic time. Where not all rules can be kept, the answer is infeasible with the least rules to relax.
    """
    started = time.perf_counter()
    check(problem)
    model = _Model(problem)
    model.maximise()
    solver, status = solving.run(model.model, work, seed)
    if status in ("optimal", "feasible"):
        places = _placed(problem, model.facings(solver))
        objective, bound = model.worth(solver.objective_value), model.worth(solver.best_objective_bound)
        return Planogram(Proof(status, objective, bound, time.perf_counter() - started, binding(problem, places)), places)
    relaxed = _Model(problem, soft=True)
    relaxed.model.minimize(sum(relaxed.soft.values()) if relaxed.soft else 0)
    solver, least = solving.run(relaxed.model, work, seed)
    if least == "unknown":
        raise RuntimeError(f"no planogram found within the work of {work}; allow more")
    notes = _relax(problem, [key for key, gives in (relaxed.soft or {}).items() if solver.value(gives)])
    if not notes:
        places = _placed(problem, relaxed.facings(solver))
        worth = sum(one.margin for one in places)
        return Planogram(Proof("feasible", worth, None, time.perf_counter() - started, binding(problem, places)), places)
    return Planogram(Proof("infeasible", None, None, time.perf_counter() - started, (), notes, status == "infeasible"), ())


class _Model:
    """`on[item, shelf]` and `at[item, shelf, facings]` are Booleans; `soft` turns each rule that may give way into a Boolean of its own."""

    def __init__(self, problem: Problem, soft: bool = False) -> None:
        from ortools.sat.python import cp_model

        self.problem, self.model = problem, cp_model.CpModel()
        self.soft: dict[tuple[str, str], Any] | None = {} if soft else None
        self.at: dict[tuple[int, int, int], Any] = {}
        self.on: dict[tuple[int, int], Any] = {}
        for n, item in enumerate(problem.items):
            self._item(n, item)
        for k, shelf in enumerate(problem.shelves):
            self._shelf(k, shelf)
        self._blocks()
        self._apart()

    def _gives(self, rule: str, name: str) -> list[Any]:
        """Nothing where rules are firm, else the Boolean that sets a rule aside."""
        if self.soft is None:
            return []
        if (rule, name) not in self.soft:
            self.soft[rule, name] = self.model.new_bool_var("")
        return [self.soft[rule, name]]

    def _item(self, n: int, item: Item) -> None:
        allowed = [k for k, shelf in enumerate(self.problem.shelves) if item.shelves is None or shelf.id in item.shelves]
        for k in range(len(self.problem.shelves)):
            ways = []
            for facings in range(1, item.most + 1):
                self.at[n, k, facings] = self.model.new_bool_var("")
                ways.append(self.at[n, k, facings])
            self.on[n, k] = self.model.new_bool_var("")
            self.model.add(sum(ways) == self.on[n, k])
            if k not in allowed:
                self.model.add(self.on[n, k] <= sum(self._gives("shelves", item.id)))
            height = self.problem.shelves[k].height_mm
            if height is not None and item.height_mm > height:
                self.model.add(self.on[n, k] == 0)
        self.model.add_at_most_one(self.on[n, k] for k in range(len(self.problem.shelves)))
        if item.least:
            facings_of = sum(size * variable for (one, _, size), variable in self.at.items() if one == n)
            self.model.add(facings_of + item.least * sum(self._gives("least", item.id)) >= item.least)
        for (one, _, size), variable in self.at.items():
            if one == n and size < item.least:
                self.model.add(variable <= sum(self._gives("least", item.id)))

    def _shelf(self, k: int, shelf: Shelf) -> None:
        items = self.problem.items
        own = [(items[n], size, variable) for (n, place, size), variable in self.at.items() if place == k]
        self.model.add(sum(item.width_mm * size * variable for item, size, variable in own) <= shelf.width_mm)
        if shelf.bears_g is not None:
            self.model.add(sum(item.weight_g * size * variable for item, size, variable in own) <= shelf.bears_g)

    def _blocks(self) -> None:
        """Items of a block that are there are on the shelf of the block."""
        for block in dict.fromkeys(item.block for item in self.problem.items if item.block):
            home = [self.model.new_bool_var("") for _ in self.problem.shelves]
            self.model.add_exactly_one(home)
            for n, item in enumerate(self.problem.items):
                if item.block == block:
                    for k, here in enumerate(home):
                        self.model.add(self.on[n, k] <= here + sum(self._gives("block", str(block))))

    def _apart(self) -> None:
        index = {item.id: n for n, item in enumerate(self.problem.items)}
        for one, other in self.problem.apart:
            for k in range(len(self.problem.shelves)):
                self.model.add(self.on[index[one], k] + self.on[index[other], k] <= 1 + sum(self._gives("apart", f"{one}/{other}")))

    def maximise(self) -> None:
        """Most margin, in hundredths of a minor unit, each of which outweighs all facings changed."""
        items, shelves = self.problem.items, self.problem.shelves
        kept = [(n, item.kept) for n, item in enumerate(items) if item.kept is not None]
        self.outweighs = 1 + sum(max(now, items[n].most) for n, now in kept)
        margin = sum(round(CENTS * earns(items[n], shelves[k], size)) * variable for (n, k, size), variable in self.at.items())
        changed: list[Any] = []
        for n, now in kept:
            sizes = [(size, variable) for (one, _, size), variable in self.at.items() if one == n]
            changed += [now, *((abs(size - now) - now) * variable for size, variable in sizes)]
        self.model.maximize(self.outweighs * margin - sum(changed))

    def worth(self, value: float) -> float:
        """The margin in minor units of what the solver maximises."""
        return math.ceil(round(value) / self.outweighs) / CENTS

    def facings(self, solver: Any) -> dict[str, tuple[str, int]]:
        """Shelf and facings of each item that is there."""
        items, shelves = self.problem.items, self.problem.shelves
        return {items[n].id: (shelves[k].id, size) for (n, k, size), variable in self.at.items() if solver.value(variable)}


def _placed(problem: Problem, facings: dict[str, tuple[str, int]]) -> tuple[Place, ...]:
    """Places with their left edges: blocks together, in the order in which their first items are given."""
    blocks: dict[str, int] = {}
    for n, item in enumerate(problem.items):
        blocks.setdefault(item.block or f"\0{item.id}", n)
    order = sorted(range(len(problem.items)), key=lambda n: (blocks[problem.items[n].block or f"\0{problem.items[n].id}"], n))
    found = []
    for shelf in problem.shelves:
        left = 0
        for item in (problem.items[n] for n in order):
            where, size = facings.get(item.id, ("", 0))
            if where == shelf.id:
                found.append(Place(item.id, shelf.id, left, size, earns(item, shelf, size)))
                left += size * item.width_mm
    return tuple(found)


def binding(problem: Problem, places: Sequence[Place]) -> tuple[Note, ...]:
    """Shelves that are full or loaded to 95 % or more, items held at their least or most facings, and items left out."""
    notes = []
    items, sizes = {item.id: item for item in problem.items}, {one.item: one.facings for one in places}
    for shelf in problem.shelves:
        own = [one for one in places if one.shelf == shelf.id]
        wide = sum(items[one.item].width_mm * one.facings for one in own)
        heavy = sum(items[one.item].weight_g * one.facings for one in own)
        if wide >= NEARLY * shelf.width_mm:
            en, zh = f"Shelf {shelf.id} is full: {wide} of {shelf.width_mm} mm.", f"层板 {shelf.id} 已满：{wide} / {shelf.width_mm} 毫米。"
            notes.append(Note(f"width:{shelf.id}", en, zh))
        if shelf.bears_g is not None and own and heavy >= NEARLY * shelf.bears_g:
            en, zh = (
                f"Shelf {shelf.id} bears no more: {heavy} of {shelf.bears_g} g.",
                f"层板 {shelf.id} 承重已满：{heavy} / {shelf.bears_g} 克。",
            )
            notes.append(Note(f"weight:{shelf.id}", en, zh))
    least = [item.id for item in problem.items if item.least and sizes.get(item.id) == item.least]
    most = [item.id for item in problem.items if sizes.get(item.id) == item.most]
    out = [item.id for item in problem.items if item.id not in sizes]
    for rule, names, en, zh in (
        ("least", least, "Held at their least facings", "取最少排面"),
        ("most", most, "At their most facings", "已达最多排面"),
        ("out", out, "Left out for want of space", "因空间不足未上架"),
    ):
        if names:
            notes.append(Note(rule, f"{en}: {', '.join(names)}.", f"{zh}：{', '.join(names)}。", len(names)))
    return tuple(notes)


def _relax(problem: Problem, keys: Sequence[tuple[str, str]]) -> tuple[Note, ...]:
    words = {
        "least": ("Item {0}: fewer facings than its least, or none.", "商品 {0}：排面少于下限或不上架。"),
        "shelves": ("Item {0}: on another shelf than allowed.", "商品 {0}：放到允许之外的层板。"),
        "block": ("Block {0}: spread over several shelves.", "组块 {0}：分放到多层。"),
        "apart": ("Pair {0}: on the same shelf.", "组合 {0}：放在同一层。"),
    }
    return tuple(Note(f"{rule}:{name}", words[rule][0].format(name), words[rule][1].format(name)) for rule, name in sorted(keys))


def check(problem: Problem) -> None:
    """Raise PlanFault with all that is wrong in a problem."""
    checks = Checks()
    checks.some("shelves", "层板", problem.shelves)
    checks.some("items", "商品", problem.items)
    checks.unique(*SHELF, (one.id for one in problem.shelves))
    checks.unique(*ITEM, (one.id for one in problem.items))
    shelves, items = [one.id for one in problem.shelves], [one.id for one in problem.items]
    for shelf in problem.shelves:
        checks.within(SHELF, shelf.id, "width_mm", shelf.width_mm, 1, MOST)
        checks.within(SHELF, shelf.id, "pull", shelf.pull, 0, 100)
        for key in ("bears_g", "height_mm"):
            if (limit := getattr(shelf, key)) is not None:
                checks.within(SHELF, shelf.id, key, limit, 0, MOST)
    for item in problem.items:
        checks.within(ITEM, item.id, "width_mm", item.width_mm, 1, MOST)
        checks.within(ITEM, item.id, "margin", item.margin, -MOST, MOST)
        checks.within(ITEM, item.id, "most", item.most, 1, 100)
        checks.within(ITEM, item.id, "least", item.least, 0, item.most)
        checks.within(ITEM, item.id, "base_facings", item.base_facings, 1, MOST)
        checks.within(ITEM, item.id, "kept", item.kept or 0, 0, MOST)
        checks.within(ITEM, item.id, "elasticity", item.elasticity, 0, 1)
        checks.within(ITEM, item.id, "weight_g", item.weight_g, 0, MOST)
        checks.within(ITEM, item.id, "height_mm", item.height_mm, 0, MOST)
        for name in item.shelves or ():
            checks.known(ITEM, item.id, "shelves", name, shelves)
    for pair in problem.apart:
        for name in pair:
            checks.known(PAIR, "/".join(pair), "item", name, items)
    checks.done()
