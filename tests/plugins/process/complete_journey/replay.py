"""Real demand replayed through a shop that orders: by the solutions for forecasts and orders, or by a fixed (s,S), on the same days.

`python -m tests.plugins.process.complete_journey.replay [--items 16] [--days 84]` prints JSON: fill rate, share thrown away, mean stock and
cost a day of each way of ordering, over all items and by how long they keep, and the forecasts' error beside a seasonal naive.

Demand is Complete Journey's by category and day (`core/bench/optimise_stock.py`: what the data do not hold is set there, alike for all).
The shop sells half of a day's demand at eleven and half at seven, as far as it has goods; a third of the shoppers take the freshest. It
orders at a quarter to ten in the evening, goods come before the next opening, what has reached its last day goes at close. What could
not be sold is lost, and no way of ordering is told of it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storeloom.core.bench.optimise_stock import CUT, DATA, FIRST, FRESH_PICK, cases, read
from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import compose_sources
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.events import Event, Fact, plain
from storeloom.core.kernel.registry import Registry
from storeloom.core.kernel.sources import gather
from storeloom.core.virtual.facts import at_local, gtin13, moment
from storeloom.core.virtual.formats import default_profile
from storeloom.core.virtual.solo import ROOMY
from storeloom.core.virtual.trial import Trial
from storeloom.workers.optimise.policies import Case, Levels, fixed_s_s

ZONE = ZoneInfo("America/New_York")
SOLUTIONS = ("sku_demand_forecast", "auto_replenishment", "fresh_newsvendor_order")
HISTORY_DAYS = 112
SUPPLIER = "4006381000000"
Order = Callable[["Shop"], Mapping[str, int]]


@dataclass
class Item:
    """Goods of a category as one article: whole units on hand by their last day of sale, and the account of the judged days."""

    gtin: str
    case: Case
    wanted: Sequence[int]
    lots: list[tuple[date, int]] = field(default_factory=list)
    asked: int = 0
    sold: int = 0
    wasted: int = 0
    kept: int = 0

    @property
    def on_hand(self) -> int:
        return sum(number for _, number in self.lots)

    def take(self, number: int) -> int:
        """Sell up to so many, a share of them from the freshest; what was sold."""
        freshest = min(round(number * FRESH_PICK), self.on_hand)
        rest = min(number - freshest, self.on_hand - freshest)
        self._remove(freshest, newest=True)
        self._remove(rest, newest=False)
        return freshest + rest

    def _remove(self, number: int, *, newest: bool) -> None:
        self.lots.sort(reverse=newest)
        left = []
        for until, lot in self.lots:
            gone = min(lot, number)
            number -= gone
            left += [(until, lot - gone)] if lot > gone else []
        self.lots = sorted(left)

    def expire(self, day: date) -> int:
        """What has reached its last day, taken out."""
        gone = sum(number for until, number in self.lots if until <= day)
        self.lots = [(until, number) for until, number in self.lots if until > day]
        return gone


class Shop:
    """A shop of these items. It orders by a fixed (s,S), from the first judged day on by the proposals that it was given where so asked."""

    def __init__(self, items: Sequence[Item], first: date, judged: date, days: int, *, proposals: bool) -> None:
        self.items = {item.gtin: item for item in items}
        self.first, self.judged, self.last = first, judged, judged + timedelta(days=days - 1)
        self.proposals = proposals
        self.outputs: Sequence[Event] = ()
        self._seen = 0
        self._coming: Mapping[str, int] = {}
        self._order = by_levels({item.gtin: fixed_s_s(item.case.before, item.case.flow, item.case.costs) for item in items})
        self._receipts = 0

    def facts(self) -> Iterator[Fact]:
        """All that happens in the shop, in order; its stock is told from the first judged day on."""
        for number in range((self.last - self.first).days + 1):
            day = self.first + timedelta(days=number)
            told = [*self._arrive(day), *self._sell(day, "11:00", 0), *self._sell(day, "19:00", 1), *self._count(day, "21:00")]
            self._coming = self._order(self)
            told += self._close(day)
            for fact in told:  # the proposals come before the last of them
                if day >= self.judged or fact.stream == "pos.sale":
                    yield fact
            if self.proposals and day >= self.judged:
                yield from self._accept(day)

    def _accept(self, day: date) -> Iterator[Fact]:
        """What the solutions proposed since the last time comes in the morning; the desk lets drafts go as they are."""
        proposed: dict[str, Mapping[str, Any]] = {}
        for event in self.outputs[self._seen :]:
            if event.stream == "order.propose":
                proposed[event["proposal"]] = event.data
        self._seen = len(self.outputs)
        self._coming = {}
        for data in proposed.values():
            if data["stage"] == "draft":
                yield Fact(_at(day, "22:15"), "order.propose", "desk", {**plain(data), "stage": "final"})
            for line in data["lines"] if data["stage"] != "cancelled" else ():
                self._coming[line["gtin"]] = self._coming.get(line["gtin"], 0) + int(line["qty"])

    def _arrive(self, day: date) -> Iterator[Fact]:
        for gtin, number in sorted(self._coming.items()):
            life = self.items[gtin].case.flow.life_days
            until = day + timedelta(days=life - 1) if life else date.max
            self.items[gtin].lots.append((until, number))
            expiry = {"expiry": until.isoformat()} if life else {}
            yield self._stock(day, "06:30", "inventory.movement", {"kind": "receive", "gtin": gtin, "qty": number, **expiry})

    def _sell(self, day: date, clock: str, half: int) -> Iterator[Fact]:
        lines = []
        for item in self.items.values():
            wanted = item.wanted[(day - FIRST).days]
            asked = wanted - wanted // 2 if half else wanted // 2
            number = item.take(asked)
            if day >= self.judged:
                item.asked += asked
                item.sold += number
            if number:
                price = _minor(item.case.costs.lost + item.case.costs.waste)
                line = {"line": len(lines) + 1, "gtin": item.gtin, "qty": number, "price": price, "amount": number * price}
                lines.append(line)
        if lines:
            self._receipts += 1
            total = sum(line["amount"] for line in lines)
            receipt = {"receipt": f"r{self._receipts}", "kind": "sale", "till": "till-1", "channel": "till", "lines": lines, "total": total}
            yield Fact(_at(day, clock), "pos.sale", "till-1", {**receipt, "payments": [{"method": "cash", "amount": total}]})

    def _count(self, day: date, clock: str) -> Iterator[Fact]:
        for item in self.items.values():
            lots = [
                {"lot": f"{until:%Y%m%d}", "expiry": until.isoformat(), "qty": number} for until, number in item.lots if until < date.max
            ]
            yield self._stock(
                day, clock, "inventory.snapshot", {"gtin": item.gtin, "on_hand": item.on_hand, **({"lots": lots} if lots else {})}
            )

    def _close(self, day: date) -> Iterator[Fact]:
        for item in self.items.values():
            gone = item.expire(day)
            if day >= self.judged:
                item.wasted += gone
                item.kept += item.on_hand
            if gone:
                yield self._stock(
                    day, "22:05", "inventory.movement", {"kind": "waste", "gtin": item.gtin, "qty": -gone, "reason": "expired"}
                )
        yield from self._count(day, "22:10")

    def _stock(self, day: date, clock: str, stream: str, data: dict[str, Any]) -> Fact:
        return Fact(_at(day, clock), stream, "stock", data)


def by_levels(levels: Mapping[str, Levels]) -> Order:
    """Each item up to its level once it is at or under its order point, in whole cases."""

    def order(shop: Shop) -> dict[str, int]:
        found = {}
        for gtin, level in levels.items():
            item = shop.items[gtin]
            if item.on_hand <= level.reorder:
                case = int(item.case.flow.case)
                found[gtin] = math.ceil((level.up_to - item.on_hand) / case - 1e-9) * case
        return found

    return order


@dataclass(frozen=True)
class Account:
    """Of the judged days: shares of what was asked for and of what was bought, units on hand at night, and money a day."""

    items: int
    fill_rate: float
    waste_share: float
    stock: float
    cost: float

    @classmethod
    def of(cls, items: Iterable[Item], days: int) -> Account:
        rows = list(items)
        asked, sold, wasted = (sum(getattr(item, name) for item in rows) for name in ("asked", "sold", "wasted"))
        cost = sum(
            (item.asked - item.sold) * item.case.costs.lost + item.wasted * item.case.costs.waste + item.kept * item.case.costs.holding
            for item in rows
        )
        return cls(len(rows), sold / asked, wasted / (sold + wasted), sum(item.kept for item in rows) / days, cost / days)


@dataclass(frozen=True)
class Replay:
    """Both ways on the same days: accounts of all items, of those that perish and of those that keep; and forecasts for the next day."""

    days: int
    accounts: Mapping[str, Mapping[str, Account]]
    wape: float
    naive_wape: float


def replay(count: int, days: int) -> Replay:
    """So many categories, half of them goods that perish, each half those that sold most; judged for so many days from the cut on."""
    every = [replace(case, flow=replace(case.flow, review_days=1)) for case in cases(read(DATA))]
    halves = ([one for one in every if one.flow.life_days], [one for one in every if not one.flow.life_days])
    chosen = [one for half in halves for one in half[: count // 2]]
    own, fixed = _items(chosen), _items(chosen)
    first = CUT - timedelta(days=HISTORY_DAYS)
    with_fixed = Shop(fixed, first, CUT, days, proposals=False)
    for _ in with_fixed.facts():
        pass
    with_solutions = Shop(own, first, CUT, days, proposals=True)
    run(with_solutions)
    accounts = {}
    for name, shop in (("solutions", with_solutions), ("fixed_s_S", with_fixed)):
        rows = list(shop.items.values())
        kinds = {"all": rows, "perish": [i for i in rows if i.case.flow.life_days], "keep": [i for i in rows if not i.case.flow.life_days]}
        accounts[name] = {kind: Account.of(of, days) for kind, of in kinds.items()}
    return Replay(days, accounts, *_errors(with_solutions, days))


def run(shop: Shop) -> None:
    """The shop's days through the real engine; the solutions' proposals are what comes. RuntimeError where a handler failed."""
    registry = Registry()
    profile = {**default_profile("supermarket"), "language": "en", "edge": ROOMY, "zone": ZONE.key, "currency": "USD"}
    profile["hours"] = {"open": "08:00", "close": "22:00"}
    body = {"name": "replay", "solutions": {name: {} for name in SOLUTIONS}, "store": profile}
    plan = compose_sources(gather(Document("replay", body, {}), registry.catalogue), registry, given=frozenset(schemas.streams())).require()
    trial = Trial(plan, registry, tables(shop), _at(shop.first, "00:00"))
    shop.outputs = trial.result.outputs
    result = trial.run(shop.facts(), _at(shop.last + timedelta(days=1), "00:00"))
    if result.failures:
        raise RuntimeError(result.failures[0].text())


def tables(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    products = []
    for item in shop.items.values():
        costs, flow = item.case.costs, item.case.flow
        row = {
            "gtin": item.gtin,
            "name": item.case.item,
            "category": item.case.item,
            "unit": "each",
            "weighed": False,
            "supplier": SUPPLIER,
        }
        row |= {
            "case_pack": int(flow.case),
            "cost": _minor(costs.waste),
            "list_price": _minor(costs.lost + costs.waste),
            "storage": "ambient",
        }
        products.append(row | ({"shelf_days": flow.life_days} if flow.life_days else {}))
    week = [1, 2, 3, 4, 5, 6, 7]
    lead = {"supplier": SUPPLIER, "days": 1, "days_sd": 0, "order_by": "21:45", "order_weekdays": week, "deliver_weekdays": week}
    return {"products": products, "suppliers": [{"supplier": SUPPLIER, "name": "All", "kind": "goods"}], "lead_times": [lead]}


def _items(chosen: Sequence[Case]) -> list[Item]:
    numbers = [gtin13(f"40063810{number:04d}") for number in range(1, len(chosen) + 1)]
    return [Item(gtin, one, [round(y) for y in (*one.before, *one.judged)]) for gtin, one in zip(numbers, chosen, strict=True)]


def _errors(shop: Shop, days: int) -> tuple[float, float]:
    """WAPE of the last forecast for each judged day, and of the same weekday a week before, on what was asked for."""
    means = {(e["key"], e["from"]): e["mean"] for e in shop.outputs if e.stream == "forecast.demand" and e.get("level") == "item"}
    forecast = naive = asked = 0.0
    for gtin, item in shop.items.items():
        for number in range(days):
            day = shop.judged + timedelta(days=number)
            at = (day - FIRST).days
            mean = means.get((gtin, plain(_at(day, "00:00"))), 0.0)
            forecast += abs(item.wanted[at] - mean)
            naive += abs(item.wanted[at] - item.wanted[at - 7])
            asked += item.wanted[at]
    return forecast / asked, naive / asked


def _at(day: date, clock: str) -> datetime:
    return moment(at_local(day, clock, ZONE))


def _minor(value: float) -> int:
    return max(1, round(100 * value))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=16)
    parser.add_argument("--days", type=int, default=84)
    given = parser.parse_args()
    print(json.dumps(asdict(replay(given.items, given.days)), indent=2))


if __name__ == "__main__":
    main()
