"""Base prices that head office changes: announced before opening, in force from ten o'clock."""

from __future__ import annotations

from functools import partial

from storeloom.core.virtual.assortment import neat_price
from storeloom.core.virtual.demand import Demand, Prices
from storeloom.core.virtual.facts import HOUR, iso
from storeloom.core.virtual.world import World

CHANGES_A_DAY = 12
SPREAD = 0.15


class PriceChanges:
    """A dozen rises and drops a day, for as many items chosen anew each day."""

    def __init__(self, world: World, prices: Prices, demand: Demand) -> None:
        self.world = world
        self.prices = prices
        self.demand = demand

    def start_day(self, midnight: float) -> None:
        self.world.schedule(midnight + 6 * HOUR, self._announce)

    def _announce(self, stamp: float) -> None:
        chance = self.world.chance("prices")
        products = self.world.tables["products"]
        force = stamp + 4 * HOUR
        for number, row in enumerate(chance.sample(products, min(CHANGES_A_DAY, len(products)))):
            gtin = row["gtin"]
            old = self.prices.base[gtin]
            new = neat_price(old * (1 + SPREAD * (2 * chance.random() - 1)))
            if new == old:
                continue
            data = {"gtin": gtin, "price": new, "from": iso(force), "kind": "base", "reason": "head_office", "state": "approved"}
            self.world.tell(stamp + number, "price.set", "pos-server", data)
            self.world.schedule(force, partial(self._in_force, gtin, new))

    def _in_force(self, gtin: str, price: int, _stamp: float) -> None:
        self.prices.put(gtin, price, None)
        self.demand.price_changed()
