"""Pick waves: orders joined into batches for one walk each, and the batches given to pickers so that due times are met.

Batches are exact where few sets of orders fit a cart: each set is walked by the chosen rule and CP-SAT picks the sets that cover all orders
once for the fewest metres. Otherwise they come from savings (Clarke and Wright's in the form of De Koster, Van der Poort and Wolters 1999,
"Efficient orderbatching methods in warehouses"). The walk through all picks at once bounds any batching: its batches laid end to end
are such a walk. Orders are batched with those of the same due time only; a wave is one due time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.pick_routes import RULES, Block, Route, Spot, shortest
from storeloom.workers.optimise.plans import SEED, Checks, Note, Proof, clock

WORK = 20.0
SETS = 4000
MM = 1000
DAY_S = 86400
MOST = 10**6
ORDER, CART = ("Order", "订单"), ("Cart", "拣货车")


@dataclass(frozen=True, slots=True)
class Order:
    """`load` in the units of the cart; `due`: seconds from the start of the day."""

    id: str
    spots: tuple[Spot, ...]
    load: float = 1
    due: int = DAY_S


@dataclass(frozen=True, slots=True)
class Cart:
    """What a picker takes along at once, and how fast: `setup_s` a batch, `pick_s` a spot."""

    capacity: float
    orders: int = 20
    m_per_s: float = 1.0
    pick_s: float = 10
    setup_s: float = 60


@dataclass(frozen=True, slots=True)
class Batch:
    orders: tuple[str, ...]
    route: Route
    seconds: int
    due: int


@dataclass(frozen=True, slots=True)
class Batches:
    """`proof` counts metres."""

    proof: Proof
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch with who picks it; `late` seconds after it was due."""

    picker: int
    batch: Batch
    begins: int
    ends: int
    late: int


@dataclass(frozen=True, slots=True)
class Wave:
    """`proof` counts seconds of lateness over all orders, for these batches."""

    proof: Proof
    turns: tuple[Turn, ...]


def batch(block: Block, cart: Cart, orders: Sequence[Order], *, rule: str = "shortest", sets: int = SETS, work: float = WORK) -> Batches:
    """Batches of fewest metres walked by `rule` (`pick_routes.RULES`). `sets`: most sets of orders to walk for the exact answer;
    `work`: CP-SAT's deterministic time. An order that no cart takes makes the problem infeasible. Raises PlanFault."""
    started = time.perf_counter()
    _check(cart, orders, rule)
    too_big = [_split(order, cart) for order in orders if order.load > cart.capacity]
    if too_big:
        return Batches(Proof("infeasible", None, None, time.perf_counter() - started, (), tuple(too_big)), ())
    walked = _Walked(block, cart, orders, rule)
    groups = [[n for n, order in enumerate(orders) if order.due == due] for due in sorted({order.due for order in orders})]
    bound = sum(_bound(block, cart, [orders[n] for n in group]) for group in groups)
    chosen: list[frozenset[int]] = []
    proved = True
    for group in groups:
        every = _fitting(cart, orders, group, sets)
        best, sure = _exact(walked, group, every, work) if every is not None else (_savings(walked, group), False)
        proved &= sure
        chosen += best
    found = sorted((walked.batch(one) for one in chosen), key=lambda one: (one.due, one.orders))
    metres = sum(one.route.metres for one in found)
    optimal = proved or metres <= bound + 1e-6
    notes = _full(cart, orders, found)
    return Batches(
        Proof("optimal" if optimal else "feasible", metres, metres if optimal else bound, time.perf_counter() - started, notes),
        tuple(found),
    )


class _Walked:
    """Walks of sets of orders, each found once."""

    def __init__(self, block: Block, cart: Cart, orders: Sequence[Order], rule: str) -> None:
        self.block, self.cart, self.orders, self.rule = block, cart, orders, RULES[rule]
        self.routes: dict[frozenset[int], Route] = {}

    def route(self, some: frozenset[int]) -> Route:
        if some not in self.routes:
            self.routes[some] = self.rule(self.block, [spot for n in sorted(some) for spot in self.orders[n].spots])
        return self.routes[some]

    def fits(self, some: frozenset[int]) -> bool:
        return len(some) <= self.cart.orders and sum(self.orders[n].load for n in some) <= self.cart.capacity

    def batch(self, some: frozenset[int]) -> Batch:
        route, cart = self.route(some), self.cart
        spots = sum(len(self.orders[n].spots) for n in some)
        seconds = math.ceil(cart.setup_s + route.metres / cart.m_per_s + cart.pick_s * spots)
        return Batch(tuple(self.orders[n].id for n in sorted(some)), route, seconds, min(self.orders[n].due for n in some))


def _fitting(cart: Cart, orders: Sequence[Order], group: Sequence[int], sets: int) -> list[frozenset[int]] | None:
    """All sets of orders that fit the cart, None where they are more than `sets`."""
    found: list[frozenset[int]] = []
    layer: list[tuple[int, ...]] = [()]
    while layer:
        bigger = []
        for some in layer:
            load = sum(orders[n].load for n in some)
            for n in group:
                if (not some or n > some[-1]) and len(some) < cart.orders and load + orders[n].load <= cart.capacity:
                    bigger.append((*some, n))
            if len(found) + len(bigger) > sets:
                return None
        found += map(frozenset, bigger)
        layer = bigger
    return found


def _exact(walked: _Walked, group: Sequence[int], every: Sequence[frozenset[int]], work: float) -> tuple[list[frozenset[int]], bool]:
    """The sets that cover all orders once for the fewest metres (in mm), and whether that is proved."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    takes = [model.new_bool_var("") for _ in every]
    for n in group:
        model.add_exactly_one(take for some, take in zip(every, takes, strict=True) if n in some)
    model.minimize(sum(round(MM * walked.route(some).metres) * take for some, take in zip(every, takes, strict=True)))
    solver, status = solving.run(model, work, SEED)
    if status not in ("optimal", "feasible"):
        return _savings(walked, group), False
    return [some for some, take in zip(every, takes, strict=True) if solver.value(take)], status == "optimal"


def _savings(walked: _Walked, group: Sequence[int]) -> list[frozenset[int]]:
    """Batches joined while that saves metres, the largest saving first."""
    batches = [frozenset((n,)) for n in group]
    while True:
        joins = [
            (walked.route(one).metres + walked.route(other).metres - walked.route(one | other).metres, -a, -b)
            for (a, one), (b, other) in combinations(enumerate(batches), 2)
            if walked.fits(one | other)
        ]
        if not joins or (best := max(joins))[0] <= 0:
            return batches
        pair = {-best[1], -best[2]}
        joint = frozenset[int]().union(*(batches[n] for n in pair))
        batches = [*(one for n, one in enumerate(batches) if n not in pair), joint]


def _bound(block: Block, cart: Cart, orders: Sequence[Order]) -> float:
    """Metres that no batching walks less than: the walk through all, and the farthest spot as often as carts are needed, at the least."""
    carts = max(math.ceil(sum(order.load for order in orders) / cart.capacity - 1e-9), math.ceil(len(orders) / cart.orders))
    alone = sorted(shortest(block, order.spots).metres for order in orders)
    return max(shortest(block, [spot for order in orders for spot in order.spots]).metres, sum(alone[: carts - 1]) + alone[-1])


def waves(batches: Sequence[Batch], pickers: int, starts: int, *, work: float = WORK) -> Wave:
    """Batches given to pickers who all begin at `starts`, for the least lateness over all orders, by CP-SAT. Raises PlanFault."""
    started = time.perf_counter()
    from ortools.sat.python import cp_model

    checks = Checks()
    checks.some("batches", "批次", batches)
    checks.within(("Wave", "波次"), "-", "pickers", pickers, 1, 1000)
    checks.within(("Wave", "波次"), "-", "starts", starts, 0, DAY_S)
    checks.done()
    model = cp_model.CpModel()
    horizon = sum(one.seconds for one in batches)
    rows: list[list[Any]] = [[] for _ in range(pickers)]
    plan, lateness = [], []
    for n, one in enumerate(batches):
        begins, late = model.new_int_var(0, horizon, ""), model.new_int_var(0, starts + horizon, "")
        takes = [model.new_bool_var("") for _ in range(pickers)]
        model.add_exactly_one(takes)
        for p, take in enumerate(takes):
            rows[p].append(model.new_optional_interval_var(begins, one.seconds, begins + one.seconds, take, ""))
            if p > n:
                model.add(take == 0)
        model.add(late >= starts + begins + one.seconds - one.due)
        plan.append((begins, takes))
        lateness.append(len(one.orders) * late)
    for row in rows:
        model.add_no_overlap(row)
    model.minimize(sum(lateness))
    solver, status = solving.run(model, work, SEED)
    if status not in ("optimal", "feasible"):
        raise RuntimeError(f"no order of the batches found within the work of {work}; allow more")
    turns = []
    for p in range(pickers):
        own = sorted((solver.value(begins), n) for n, (begins, takes) in enumerate(plan) if solver.value(takes[p]))
        now = starts
        for _, n in own:
            ends = now + batches[n].seconds
            turns.append(Turn(p, batches[n], now, ends, max(0, ends - batches[n].due)))
            now = ends
    total = float(sum(len(turn.batch.orders) * turn.late for turn in turns))
    proof = Proof(
        status, total, solver.best_objective_bound, time.perf_counter() - started, tuple(_late(turn) for turn in turns if turn.late)
    )
    return Wave(proof, tuple(turns))


def _late(turn: Turn) -> Note:
    names = ", ".join(turn.batch.orders)
    en = f"{names}: ready at {clock(turn.ends)}, {turn.late} s after it was due; no picker is free earlier."
    zh = f"{names}：{clock(turn.ends)} 完成，比要求晚 {turn.late} 秒；此前没有空闲拣货员。"
    return Note(f"late:{turn.batch.orders[0]}", en, zh, turn.late)


def _split(order: Order, cart: Cart) -> Note:
    over = order.load - cart.capacity
    en = f"Order {order.id}: its load {order.load:g} exceeds the cart's {cart.capacity:g}; split it."
    zh = f"订单 {order.id}：货量 {order.load:g} 超过拣货车的 {cart.capacity:g}；请拆单。"
    return Note(f"load:{order.id}", en, zh, over)


def _full(cart: Cart, orders: Sequence[Order], batches: Sequence[Batch]) -> tuple[Note, ...]:
    """Carts that could not take the smallest order of another batch of the same wave."""
    load: Mapping[str, float] = {order.id: order.load for order in orders}
    full = 0
    for one in batches:
        others = [load[name] for other in batches if other is not one and other.due == one.due for name in other.orders]
        used = sum(load[name] for name in one.orders)
        full += bool(others) and (used + min(others) > cart.capacity or len(one.orders) >= cart.orders)
    if not full:
        return ()
    return (Note("cart", f"{full} of {len(batches)} carts take no other order.", f"{len(batches)} 车中有 {full} 车已无法再加订单。"),)


def _check(cart: Cart, orders: Sequence[Order], rule: str) -> None:
    checks = Checks()
    checks.some("orders", "订单", orders)
    checks.unique(*ORDER, (order.id for order in orders))
    checks.within(CART, "-", "capacity", cart.capacity, 1e-9, MOST)
    checks.within(CART, "-", "orders", cart.orders, 1, MOST)
    checks.within(CART, "-", "m_per_s", cart.m_per_s, 0.01, 100)
    checks.within(CART, "-", "pick_s", cart.pick_s, 0, MOST)
    checks.within(CART, "-", "setup_s", cart.setup_s, 0, MOST)
    checks.known(("Rule", "路径规则"), "-", "rule", rule, RULES)
    for order in orders:
        checks.within(ORDER, order.id, "load", order.load, 0, MOST)
        checks.within(ORDER, order.id, "due", order.due, 0, 10 * DAY_S)
        checks.within(ORDER, order.id, "spots", len(order.spots), 1, MOST)
    checks.done()
