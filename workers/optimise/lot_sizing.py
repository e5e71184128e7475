"""When to order what over the days ahead: lot-for-lot (each day's need on its day) against joint orders that share the fee of a delivery.

The joint replenishment problem with known needs (Joneja, Operations Research 38, 1990; for one item Wagner and Whitin, Management Science
5, 1958), as a mixed-integer programme in its facility-location form, whose relaxation is tight (Krarup and Bilde, 1977), by HiGHS. The
search is bounded by nodes: the same problem gives the same plan. Money in minor units, needs in the item's unit; what is ordered on a day
can serve that day.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from storeloom.workers.optimise.plans import Checks, Note, Proof

NODES, GAP = 500, 1e-6
WORTH = 1e-6
MOST, MOST_DAYS = 1e9, 3660


@dataclass(frozen=True, slots=True)
class Need:
    """An item's need of each day, what a unit costs to keep over a night, the fee of an order line, and the days that it keeps at most."""

    item: str
    days: tuple[float, ...]
    holding: float
    line_fee: float = 0.0
    keeps: int | None = None


@dataclass(frozen=True, slots=True)
class Lots:
    """Units to order by item and day; cost of deliveries, lines and holding; days of delivery."""

    orders: Mapping[str, tuple[float, ...]]
    cost: float
    deliveries: tuple[int, ...]
    proof: Proof


def lot_for_lot(needs: Sequence[Need], fee: float) -> Lots:
    """Every need ordered on its day: the least stock, the most deliveries."""
    check(needs, fee)
    orders = {one.item: one.days for one in needs}
    spent = cost(needs, fee, orders)
    return Lots(orders, spent, _days(orders), Proof("feasible", spent, None))


def joint(needs: Sequence[Need], fee: float, *, nodes: int = NODES) -> Lots:
    """The plan of the least cost with `fee` a day on which anything comes. Raises `PlanFault` on wrong needs; limit of work: `nodes`."""
    check(needs, fee)
    begun = time.perf_counter()
    days, count = len(needs[0].days), len(needs)
    pairs = [
        (n, made, used)
        for n, one in enumerate(needs)
        for used in range(days)
        if one.days[used] > 0
        for made in range(max(0, used - one.keeps + 1) if one.keeps else 0, used + 1)
    ]
    lines, comes = len(pairs), len(pairs) + count * days
    columns = comes + days
    price = np.zeros(columns)
    price[:lines] = [needs[n].holding * needs[n].days[used] * (used - made) for n, made, used in pairs]
    price[lines:comes] = np.repeat([one.line_fee for one in needs], days)
    price[comes:] = fee
    met = {key: row for row, key in enumerate(sorted({(n, used) for n, _, used in pairs}))}
    cells = [(met[n, used], at, 1.0) for at, (n, _, used) in enumerate(pairs)]
    row = len(met)
    for at, (n, made, _) in enumerate(pairs):
        cells += [(row, at, 1.0), (row, lines + n * days + made, -1.0)]
        row += 1
    for n in range(count):
        for day in range(days):
            cells += [(row, lines + n * days + day, 1.0), (row, comes + day, -1.0)]
            row += 1
    down, across, data = zip(*cells, strict=True)
    matrix = sparse.csr_array((data, (down, across)), shape=(row, columns))
    low = np.concatenate([np.ones(len(met)), np.full(row - len(met), -np.inf)])
    high = np.concatenate([np.ones(len(met)), np.zeros(row - len(met))])
    whole = np.concatenate([np.zeros(lines), np.ones(columns - lines)])
    options = {"node_limit": nodes, "mip_rel_gap": GAP}
    found = milp(price, constraints=LinearConstraint(matrix, low, high), bounds=Bounds(0, 1), integrality=whole, options=options)
    bound = None if found.mip_dual_bound is None else float(found.mip_dual_bound)
    if found.x is None:
        plain = lot_for_lot(needs, fee)
        return Lots(plain.orders, plain.cost, plain.deliveries, Proof("feasible", plain.cost, bound, time.perf_counter() - begun))
    amounts = np.zeros((count, days))
    for share, (n, made, used) in zip(found.x[:lines], pairs, strict=True):
        amounts[n, made] += round(float(share), 9) * needs[n].days[used]
    orders = {one.item: tuple(float(round(value, 9)) for value in amounts[n]) for n, one in enumerate(needs)}
    spent = cost(needs, fee, orders)
    proof = Proof(
        "optimal" if found.status == 0 else "feasible", spent, bound, time.perf_counter() - begun, _binding(needs, orders, _days(orders))
    )
    return Lots(orders, spent, _days(orders), proof)


def cost(needs: Sequence[Need], fee: float, orders: Mapping[str, Sequence[float]]) -> float:
    """What orders cost, counted day by day; `inf` where a need is not met or goods are kept longer than they keep."""
    total = fee * len(_days(orders))
    for one in needs:
        ordered = np.asarray(orders[one.item])
        stock = np.cumsum(ordered) - np.cumsum(one.days)
        ahead = [sum(one.days[day + 1 : day + one.keeps]) if one.keeps else np.inf for day in range(len(one.days))]
        if stock.min() < -WORTH or np.any(stock > np.array(ahead) + WORTH):
            return float("inf")
        total += one.holding * float(np.maximum(stock, 0).sum()) + one.line_fee * int((ordered > WORTH).sum())
    return float(total)


def _days(orders: Mapping[str, Sequence[float]]) -> tuple[int, ...]:
    return tuple(int(day) for day in np.flatnonzero(np.sum(list(orders.values()), axis=0) > WORTH))


def _binding(needs: Sequence[Need], orders: Mapping[str, Sequence[float]], deliveries: Sequence[int]) -> tuple[Note, ...]:
    """Items whose days of keeping force an order: the one before could not have covered the need."""
    notes = []
    for one in needs:
        made = [day for day in deliveries if orders[one.item][day] > WORTH]
        if one.keeps and any(after - before == one.keeps for before, after in pairwise(made)):
            en = f"{one.item} keeps {one.keeps} days: it is ordered as soon as that is over."
            notes.append(Note(f"keeps:{one.item}", en, f"{one.item} 只能存放 {one.keeps} 天：到期即需再订。"))
    return tuple(notes)


def check(needs: Sequence[Need], fee: float) -> None:
    """Raise `PlanFault` with all that is wrong."""
    checks, item = Checks(), ("item", "商品")
    checks.some("needs", "需求", [one for one in needs if any(day > 0 for day in one.days)])
    checks.unique(*item, (one.item for one in needs))
    checks.within(("delivery", "配送"), "delivery", "fee", fee)
    lengths = {len(one.days) for one in needs}
    for one in needs:
        if len(lengths) > 1:
            checks.wrong(item, one.item, "days", len(one.days), "the same for all items", "各商品一致")
        for need in one.days:
            checks.within(item, one.item, "days", need, 0, MOST)
        checks.within(item, one.item, "holding", one.holding)
        checks.within(item, one.item, "line_fee", one.line_fee)
        if one.keeps is not None:
            checks.within(item, one.item, "keeps", one.keeps, 1, MOST_DAYS)
    checks.done()
