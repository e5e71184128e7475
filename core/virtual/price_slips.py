"""Prices that somebody keyed wrong at the tills: far below cost, until it is noticed within an hour."""

from __future__ import annotations

from functools import partial

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.demand import Demand, Prices
from storeloom.core.virtual.facts import HOUR, MINUTE, iso
from storeloom.core.virtual.stock import Stock
from storeloom.core.virtual.world import World

A_DAY = 0.35
PART = 0.5
NOTICED = 50 * MINUTE


class PriceSlips:
    """One in three days, on one of the forty pieces that sell best: half of its price for fifty minutes, which no `price.set` tells."""

    def __init__(self, world: World, stock: Stock, prices: Prices, demand: Demand) -> None:
        self.world = world
        self.prices = prices
        self.demand = demand
        pieces = sorted((item for item in stock.items.values() if not item.weighed), key=lambda item: (-item.rate, item.gtin))
        self.goods = [item.gtin for item in pieces[:40]]

    def start_day(self, midnight: float) -> None:
        if self.world.hours is None or not self.goods:
            return
        opens, closes = self.world.hours
        chance = Chance(self.world.seed, "price slips", self.world.day.isoformat())
        for _ in range(chance.poisson(A_DAY)):
            self.world.schedule(chance.uniform(opens + HOUR, closes - 2 * HOUR), partial(self._slip, chance.pick(self.goods)))

    def _slip(self, gtin: str, stamp: float) -> None:
        right = self.prices.shelf_price(gtin, stamp)
        wrong, until = max(1, round(right * PART)), stamp + NOTICED
        self.prices.put(gtin, wrong, until)
        self.demand.price_changed()
        self.world.schedule(until, lambda _: self.demand.price_changed())
        entry = {"gtin": gtin, "price": wrong, "right": right, "from": iso(stamp), "to": iso(until)}
        self.world.truth.price_slips.append(entry)
