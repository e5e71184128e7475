"""The account of a promotion from the sales of its products, of their siblings and of like stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from storeloom.workers.forecast.promo_frame import Frame, Sales
from storeloom.workers.insight import promo_effect
from storeloom.workers.insight.promo_effect import Effect, Loss, Promoted

Row = dict[str, Any]


@dataclass(frozen=True)
class Goods:
    """What is known of the goods: `sales` of an item in a store ("": this one; None: never sold), regular `price` (None: what was usually
    paid) and `cost` (None: not known)."""

    sales: Callable[[str, str], Sales | None]
    price: Callable[[str], float | None]
    cost: Callable[[str], float | None]


@dataclass(frozen=True)
class Account:
    """`lo`, `hi`: interval of the lift in % of the baseline (None without one, or where a history was too short to have errors); `priced`:
    whether all costs and prices are known; `rows`: product by product, `role` promoted or sibling; `factor` of the like stores, and
    `factor_after`."""

    effect: Effect
    lo: float | None
    hi: float | None
    factor: float
    factor_after: float
    priced: bool
    rows: list[Row]

    def figures(self, roi: float | None) -> dict[str, tuple[float, str]]:
        """Value and unit of all that is known; `roi` as it may be told."""
        one = self.effect
        found = {
            "units": (one.units, "units"),
            "base_units": (one.base, "units"),
            "lift": (one.lift, "units"),
            "lift_pct": (one.lift_pct, "%"),
            "cannibalised": (one.cannibalised, "units"),
            "brought_forward": (one.forward, "units"),
            "halo": (one.halo, "minor"),
            "funding": (one.funding, "minor"),
            "profit_effect": (one.profit, "minor"),
            "cost": (one.cost, "minor"),
            "roi": (roi, "%"),
            "control_factor": (self.factor, "ratio"),
            "control_factor_after": (self.factor_after, "ratio"),
        }
        return {name: (value, unit) for name, (value, unit) in found.items() if value is not None}


def siblings(
    frame: Frame,
    items: Iterable[str],
    goods: Goods,
    product: Callable[[str], Mapping[str, Any]],
    by_category: Mapping[str, Iterable[str]],
    most: int,
) -> list[str]:
    """Items of the same category that are most like each of the promoted `items`, and were not promoted in its days."""
    own, days = set(items), set(frame.ahead) - set(frame.after)
    found: dict[str, None] = {}
    for item in sorted(own):
        row = product(item)
        others = [one for one in by_category.get(row.get("category", ""), ()) if one not in own]
        free = [{**product(one), "gtin": one} for one in others if days.isdisjoint(frame.promoted.get(one, ()))]
        prices = {one: price for one in (item, *others) if (price := goods.price(one)) is not None}
        found |= dict.fromkeys(promo_effect.nearest({**row, "gtin": item}, free, prices, most))
    return list(found)


def account(
    frame: Frame,
    items: Mapping[str, Mapping[str, Any]],
    beside: Iterable[str],
    goods: Goods,
    *,
    controls: Sequence[str] = (),
    receipts: int = 0,
    other_margin: float = 0,
    halo_share: float = 0,
    fixed: float = 0,
    lump: float = 0,
    level: float = 0.9,
) -> Account:
    """`items`: of each promoted item its `spans` of days and `funding` a unit; `beside`: its siblings; `receipts`, `other_margin`: receipts
    of the promotion and the margin of the other goods on them, of which `halo_share` counts; `level`: of the interval."""
    days = {item: frame.days_of(item, [_span(one) for one in about["spans"]]) for item, about in sorted(items.items())}
    sold = {item: found for item in days if (found := goods.sales(item, ""))}
    factor = _factor({item: days[item] for item in sold}, goods, controls)
    after = {item: _after(frame, found) for item, found in sold.items()}
    factor_after = _factor(after, goods, controls)
    products, losses, rows, priced, base_receipts = [], [], [], True, 0.0
    draws = np.zeros(1)
    for number, (item, found) in enumerate(sold.items()):
        base, units, cost = found.base(days[item]) * factor, found.units(days[item]), goods.cost(item)
        price = _regular(goods, item, found)
        forward = promo_effect.shortfall(found.units(after[item]), found.base(after[item]), factor_after)
        paid = found.amount(days[item]) / units if units > 0 else price
        priced = priced and price is not None and cost is not None
        one = Promoted(units, base, _less(paid, cost), _less(price, cost), max(0.0, _less(price, paid)), items[item]["funding"], forward)
        products.append(one)
        base_receipts += base / (found.units_a_receipt() or 1.0)
        draws = draws + found.draws(days[item], number) * factor
        rows.append({"item": item, "role": "promoted", "units": units, "base_units": base, "forward": forward,
                     "margin": one.promo_margin, "method": found.baseline.method})  # fmt: skip
    whole = sorted({day for those in days.values() for day in those})
    for item in beside:
        sibling = goods.sales(item, "")
        if sibling is None:
            continue
        sellable = sibling.in_stock(whole)
        actual, base = sibling.units(sellable), sibling.base(sellable)
        loss = Loss(promo_effect.shortfall(actual, base, factor), _less(_regular(goods, item, sibling), goods.cost(item)))
        losses.append(loss)
        rows.append({"item": item, "role": "sibling", "units": actual, "base_units": base * factor, "lost": loss.units,
                     "margin": loss.margin, "method": sibling.baseline.method})  # fmt: skip
    halo = promo_effect.halo(receipts, base_receipts, other_margin, halo_share)
    told = promo_effect.effect(products, losses, halo=halo, fixed=fixed, lump=lump)
    low, high = None, None
    if told.base > 0 and all(found.baseline.residuals.size for found in sold.values()):
        low, high = map(float, np.quantile(told.units - draws, [(1 - level) / 2, (1 + level) / 2]) * 100 / told.base)
    return Account(told, low, high, factor, factor_after, priced, rows)


def _span(one: Sequence[str]) -> tuple[date, date]:
    return date.fromisoformat(one[0]), date.fromisoformat(one[1])


def _after(frame: Frame, sold: Sales) -> list[date]:
    """The days after on which the product could show that it was bought before."""
    return sold.in_stock(day for day in frame.after if day not in sold.promoted and day not in frame.shut)


def _factor(days: Mapping[str, Sequence[date]], goods: Goods, controls: Sequence[str]) -> float:
    """Like stores' units over their baseline, all products together."""
    found = [(sold, those) for item, those in days.items() for store in controls if (sold := goods.sales(item, store))]
    return promo_effect.control_factor(sum(sold.units(those) for sold, those in found), sum(sold.base(those) for sold, those in found))


def _regular(goods: Goods, item: str, sold: Sales) -> float | None:
    price = goods.price(item)
    return sold.usual_price() if price is None else price


def _less(one: float | None, other: float | None) -> float:
    """A difference, 0 where a side is not known."""
    return 0.0 if one is None or other is None else one - other
