"""Whether the till asks what a promotion says: price rows beside the promotions that promise a price."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from .prices import PriceBook, UnpricedItem, index_products
from .shelf import offer_price

Row = Mapping[str, Any]


class Promised(NamedTuple):
    """What the till asks by its price rows, and what the promotion says; None where one of them is silent."""

    till: int | None
    told: int | None

    @property
    def kept(self) -> bool:
        return self.till is not None and self.told in (None, self.till)


class TillPrices:
    """Prices of the products in question; `zone` is the store's time zone."""

    def __init__(self, prices: Sequence[Row], products: Iterable[Row], zone: tzinfo) -> None:
        goods = index_products(products)
        self._zone = zone
        self._all = PriceBook(prices, products=goods, zone=zone)
        self._base = PriceBook([row for row in prices if row.get("kind", "base") == "base"], products=goods, zone=zone)

    def promised(self, promotion: Row, gtin: str, at: datetime) -> Promised:
        """Both prices of an item under a promotion.

        Where no row but a base price holds, the till takes the promotion off it; a base price under the promotion's contradicts it.
        """
        member = {"tier": None} if promotion.get("kind") == "member_price" else None
        try:
            listed = self._all.lookup(gtin, at, member=member)
        except UnpricedItem:
            return Promised(None, None)
        try:
            base = self._base.lookup(gtin, at).price
        except UnpricedItem:
            base = None
        told = offer_price(promotion, base, self._zone)
        taken_off = told is not None and listed.kind == "base" and listed.price >= told
        return Promised(told if taken_off else listed.price, told)
