"""Order policies in the virtual store: each takes over the ordering of the same store after the same weeks, and the store's own account of
wanted, sold and wasted goods judges it. The seed fixes shoppers, weather and deliveries; what a policy changes is what it causes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from storeloom.core.bench.optimise_demand import forecast_levels, histories, panel, sales
from storeloom.core.virtual import VirtualStore, default_profile

if TYPE_CHECKING:
    from storeloom.core.virtual.stock import Item
    from storeloom.workers.optimise.perishable import Costs, Flow
    from storeloom.workers.optimise.policies import Policy

START, HISTORY, JUDGED, EVERY = date(2026, 3, 2), 42, 28, 14
SCALE, SEED = 0.1, 7
ORDER_HOUR = 23
KEPT = 0.85
FRESH_PICK = 1 / 3
HUNDRED_GRAMS = 0.1
HOLDING_YEAR = 0.25


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the judged days: share of wanted value served, value wasted and mean value in stock (at cost), and the whole cost; yuan a day."""

    served: float
    waste: float
    stock: float
    cost: float


def trial(
    policy: Policy | None,
    *,
    corrected: bool = False,
    forecast: bool = False,
    store_format: str = "supermarket",
    seed: int = SEED,
    scale: float = SCALE,
    history: int = HISTORY,
    judged: int = JUDGED,
) -> Outcome:
    """A run of the store under a policy, under its own ordering where None.

    `corrected`: it learns from demand with the days sold out estimated, not from sales. `forecast`: goods that keep are ordered from
    forecasts of what it learns from, over lead time and review.
    """
    store = VirtualStore(default_profile(store_format), seed=seed, scale=scale)
    for _ in store.run(START, history, ()):
        raise RuntimeError("no stream was asked for")
    zone = ZoneInfo(str(store.profile["zone"]))
    before = store.stock.balance()
    levels: dict[str, Any] = {}
    stock_value = 0.0
    for number in range(judged):
        day = START + timedelta(days=history + number)
        if policy is not None and number % EVERY == 0:
            levels = _levels(store, policy, day, corrected, forecast)
        ordered = False
        for fact in store.run(day, 1, {"inventory.snapshot"}):
            if policy is not None and not ordered and fact.received.astimezone(zone).hour == ORDER_HOUR:
                ordered = True
                for proposal, lines in _orders(store, levels, day).items():
                    data = {"stage": "final", "proposal": f"{day}-{proposal}", "supplier": proposal, "lines": lines}
                    store.command("order.propose", data, fact.received)
        stock_value += sum(item.qty(item.total) * item.product["cost"] for item in store.stock.items.values())
    return _outcome(store, before, history, judged, stock_value / judged)


def _unit(item: Item) -> float:
    return HUNDRED_GRAMS if item.weighed else 1.0


def _row(store: VirtualStore, item: Item) -> Mapping[str, Any]:
    rows = store.tables["lead_times"]
    return next((row for row in rows if row.get("category") == item.product["category"]), rows[0])


def _levels(store: VirtualStore, policy: Policy, day: date, corrected: bool, forecast: bool) -> dict[str, Any]:
    """Levels in units of 100 g or pieces, learnt from what was sold since the store opened; none for items without demand."""
    items = store.stock.items
    for item in items.values():
        item.ordered_by_command = True
    known = panel(sales(store, {gtin: _unit(item) for gtin, item in items.items()}, START, day), corrected)
    seen = {gtin: demand for gtin, demand in histories(known).items() if demand.sum() > 0}
    terms = {gtin: _terms(store, items[gtin]) for gtin in seen}
    keep = {gtin: flow for gtin, (flow, _) in terms.items() if flow.life_days is None}
    told = forecast_levels(known, keep) if forecast and keep else {}
    return told | {gtin: policy(demand, *terms[gtin]) for gtin, demand in seen.items() if gtin not in told}


def _terms(store: VirtualStore, item: Item) -> tuple[Flow, Costs]:
    from storeloom.workers.optimise.perishable import Costs, Flow

    row, product = _row(store, item), item.product
    shelf = product.get("shelf_days")
    life = max(1, int(shelf * KEPT)) if item.fresh and shelf else None
    review = math.ceil(7 / len(row["order_weekdays"]))
    lead = max(0, round(float(row["days"])) - 1)
    flow = Flow(review, lead, life, case=item.qty(item.case) / _unit(item), fresh_pick=FRESH_PICK)
    unit = _unit(item)
    margin, cost = (product["list_price"] - product["cost"]) * unit, product["cost"] * unit
    return flow, Costs(max(margin, 1e-6), cost, cost * HOLDING_YEAR / 365)


def _orders(store: VirtualStore, levels: Mapping[str, Any], day: date) -> dict[str, list[dict[str, Any]]]:
    from storeloom.workers.optimise.inventory import order_line

    found: dict[str, list[dict[str, Any]]] = {}
    for gtin, item in store.stock.items.items():
        known = levels.get(gtin)
        if known is None or day.isoweekday() not in _row(store, item)["order_weekdays"]:
            continue
        unit = _unit(item)
        position = item.qty(item.total + item.on_order) / unit
        line = order_line(known.up_to, position, item.qty(item.case) / unit) if position <= known.reorder else None
        if line is not None:
            found.setdefault(store.supply.supplier_of(item), []).append({"gtin": gtin, "qty": round(line.qty * unit, 3)})
    return found


def _outcome(store: VirtualStore, before: Mapping[str, Mapping[str, float]], history: int, judged: int, stock: float) -> Outcome:
    after = store.stock.balance()
    wanted = served = lost_margin = waste = 0.0
    for number in range(history, history + judged):
        for gtin, row in store.truth.demand.get((START + timedelta(days=number)).isoformat(), {}).items():
            product = store.stock.items[gtin].product
            wanted += row["wanted"] * product["list_price"]
            served += (row["wanted"] - row["lost"]) * product["list_price"]
            lost_margin += row["lost"] * (product["list_price"] - product["cost"])
    for gtin, item in store.stock.items.items():
        waste += (after[gtin]["waste"] - before[gtin]["waste"]) * item.product["cost"]
    cost = (lost_margin + waste) / judged + stock * HOLDING_YEAR / 365
    return Outcome(served / wanted if wanted else 1.0, waste / judged / 100, stock / 100, cost / 100)


def by_kind(fresh: Policy, kept: Policy) -> Callable[..., Any]:
    """One policy for goods that do not keep, another for the others."""

    def chosen(history: Any, flow: Flow, costs: Costs) -> Any:
        return (kept if flow.life_days is None else fresh)(history, flow, costs)

    return chosen
