"""What a promotion really added, in units and money: lift, siblings' losses, purchases brought forward, halo, funding and cost.

Money is in minor units. The order of the sums is that of a promotion's profit and loss account: Blattberg and Neslin, "Sales Promotion:
Concepts, Methods and Strategies" (1990), chapter 5; van Heerde, Leeflang and Wittink, Marketing Science 23 (2004), for what of a
lift is only moved, from siblings and from later days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class Promoted(NamedTuple):
    """A promoted product: `units` sold and `base` without the promotion; margins, `discount` and `funding` a unit; `forward`: units that
    the days after lack, 0 or below."""

    units: float
    base: float
    promo_margin: float
    regular_margin: float
    discount: float
    funding: float
    forward: float


class Loss(NamedTuple):
    """A sibling's units against its baseline, 0 or below, and its margin a unit."""

    units: float
    margin: float


@dataclass(frozen=True)
class Effect:
    """`lift_pct` None without a baseline; `roi` (%) None where the promotion cost nothing."""

    units: float
    base: float
    lift: float
    lift_pct: float | None
    cannibalised: float
    forward: float
    halo: float
    funding: float
    profit: float
    cost: float
    roi: float | None

    def tally(self) -> list[float]:
        """What adds up over promotions: profit and cost of those that cost something, lift, baseline, siblings' loss, whether it lost
        money, one."""
        paid = self.cost > 0
        return [
            self.profit if paid else 0.0,
            max(self.cost, 0.0),
            self.lift,
            self.base,
            -self.cannibalised,
            float(round(self.profit) < 0),
            1.0,
        ]


def effect(products: Iterable[Promoted], losses: Iterable[Loss], *, halo: float = 0, fixed: float = 0, lump: float = 0) -> Effect:
    """The account of a promotion; `fixed` is its fixed cost, `lump` what suppliers paid at once."""
    products, losses = list(products), list(losses)
    units, base = sum(one.units for one in products), sum(one.base for one in products)
    funding = sum(one.units * one.funding for one in products) + lump
    profit = sum(one.units * one.promo_margin - one.base * one.regular_margin + one.forward * one.regular_margin for one in products) + sum(
        loss.units * loss.margin for loss in losses
    )
    profit += halo + funding - fixed
    cost = sum(one.units * one.discount for one in products) + fixed - funding
    lift = units - base
    return Effect(
        units=units,
        base=base,
        lift=lift,
        lift_pct=100 * lift / base if base > 0 else None,
        cannibalised=sum(loss.units for loss in losses),
        forward=sum(one.forward for one in products),
        halo=halo,
        funding=funding,
        profit=profit,
        cost=cost,
        roi=100 * profit / cost if cost > 0 else None,
    )


def shortfall(actual: float, base: float, factor: float) -> float:
    """Units below what was to be expected, as 0 or below."""
    return min(0.0, actual - base * factor)


def control_factor(actual: float, base: float) -> float:
    """How like stores without the promotion did against their own baseline; 1 where they tell nothing."""
    return actual / base if base > 0 else 1.0


def halo(receipts: float, base_receipts: float, other_margin: float, share: float) -> float:
    """Margin of other goods on receipts that would not have come: `share` of the extra ones; `other_margin` is that of all `receipts`."""
    return max(0.0, receipts - base_receipts) * other_margin / receipts * share if receipts > 0 else 0.0


def margin(sold: Mapping[str, tuple[float, float]], cost: Callable[[str], float | None]) -> float:
    """Amounts less costs of `sold` (units and amount by item); goods of unknown cost are left out."""
    costs = {item: known for item in sold if (known := cost(item)) is not None}
    return sum(sold[item][1] - sold[item][0] * known for item, known in costs.items())


class Window(NamedTuple):
    """A promotion's first and last day, and its items."""

    promo: str
    first: date
    last: date
    items: frozenset[str]


def groups(windows: Sequence[Window]) -> list[list[Window]]:
    """Promotions of one product that overlap belong together, directly or through others; groups and their members by first day."""
    root: dict[str, str] = {one.promo: one.promo for one in windows}

    def top(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    ordered = sorted(windows, key=lambda one: (one.first, one.promo))
    open_by_item: dict[str, Window] = {}
    for one in ordered:
        for item in sorted(one.items):
            other = open_by_item.get(item)
            if other and other.last >= one.first:
                root[top(one.promo)] = top(other.promo)
            if other is None or one.last > other.last:
                open_by_item[item] = one
    found: dict[str, list[Window]] = {}
    for one in ordered:
        found.setdefault(top(one.promo), []).append(one)
    return list(found.values())


def nearest(product: Mapping[str, object], others: Iterable[Mapping[str, object]], prices: Mapping[str, float], most: int) -> list[str]:
    """GTINs of the `most` products most like one: of its subcategory first, then by price, then by number."""
    price = prices.get(str(product["gtin"]))
    ranked = []
    for other in others:
        gtin = str(other["gtin"])
        near = product.get("subcategory") is not None and other.get("subcategory") == product.get("subcategory")
        far = abs(prices[gtin] - price) if gtin in prices and price is not None else float("inf")
        ranked.append((not near, far, gtin))
    return [gtin for _, _, gtin in sorted(ranked)[:most]]
