"""The price of a product at a time, from rows of the tables `prices` and `products`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from typing import Any, Literal, cast

from storeloom.workers.gs1 import item_key

Row = Mapping[str, Any]
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


class UnpricedItem(LookupError):
    """No price holds for a product at the time asked."""


@dataclass(frozen=True)
class Price:
    """A price in minor units, each or per kg. `kind` and `struck` (price crossed out) are those of its row."""

    gtin: str
    price: int
    per: Literal["each", "kg"]
    kind: str
    struck: int | None = None
    currency: str | None = None


def instant(value: str | date | datetime | None, zone: tzinfo, absent: datetime) -> datetime:
    """A bound of a validity: an RFC 3339 time, or a store day, which stands for its first moment in `zone`."""
    if value is None:
        return absent
    return _written(value, zone) if isinstance(value, str) else _instant(value, zone)


@lru_cache(maxsize=4096)  # the bounds of a store's tables, each asked for at every sale
def _written(value: str, zone: tzinfo) -> datetime:
    return _instant(date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value), zone)


def _instant(value: date | datetime, zone: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time.min, zone)
    if value.tzinfo is None:
        raise ValueError(f"time without a zone: {value.isoformat()}")
    return value.astimezone(UTC)


def index_products(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows of the table `products` by `item_key` of their gtin."""
    return {item_key(row["gtin"]): row for row in rows}


def rows_by_item(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of the table `prices`, valid or not at any time, by `item_key` of their gtin."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[item_key(row["gtin"])].append(row)
    return dict(found)


def base_price(rows: Iterable[Row], at: datetime, zone: tzinfo) -> int | None:
    """The base price of an item (its rows of the table `prices`) that holds for everybody at `at`, the latest begun; None without any."""
    found = [
        (instant(row.get("from"), zone, EARLIEST), row["price"])
        for row in rows
        if row.get("kind", "base") == "base" and not row.get("scope") and instant(row.get("to"), zone, LATEST) > at
    ]
    return max(((start, price) for start, price in found if start <= at), default=(EARLIEST, None))[1]


@dataclass(frozen=True)
class _Entry:
    price: Price
    scope: Row
    start: datetime
    end: datetime


class PriceBook:
    """Rows of the table `prices`, indexed once. Bounds given as days are days of the store, in `zone`.

    Validity is half open. `products` (see `index_products`) gives the list price where the table has no base price.
    """

    def __init__(self, rows: Iterable[Row], *, products: Mapping[str, Row] | None = None, zone: tzinfo = UTC) -> None:
        self._products = products or {}
        self._entries: dict[str, list[_Entry]] = defaultdict(list)
        for row in rows:
            price = Price(
                gtin=row["gtin"],
                price=row["price"],
                per=row.get("per") or self._unit(row["gtin"]),
                kind=row.get("kind", "base"),
                struck=row.get("struck"),
                currency=row.get("currency"),
            )
            start, end = instant(row.get("from"), zone, EARLIEST), instant(row.get("to"), zone, LATEST)
            self._entries[item_key(row["gtin"])].append(_Entry(price, row.get("scope") or {}, start, end))

    def lookup(self, gtin: str, at: datetime, *, member: Row | None = None, **scope: str | None) -> Price:
        """The lowest price that applies at `at`.

        Of several base prices the one of the narrowest scope counts, then the one that began last. A row with a scope
        applies where each of its parts (`zone`, `cabinet`, `lot`) is given with the same value; member prices apply to
        a `member` row only, `member_tier` in a scope to that tier. Rows per another unit than the base price are left
        out. UnpricedItem when nothing holds.
        """
        place = {**scope, "member_tier": member.get("tier") if member else None}
        valid = [
            entry
            for entry in self._entries.get(item_key(gtin), ())
            if entry.start <= at < entry.end
            and (entry.price.kind != "member" or member is not None)
            and all(place.get(part) == wanted for part, wanted in entry.scope.items() if wanted is not None)
        ]
        bases = [entry for entry in valid if entry.price.kind == "base"]
        base = self._base(gtin, bases)
        offers = [entry.price for entry in valid if entry.price.kind != "base"]
        if base is not None:
            offers = [base, *(price for price in offers if price.per == base.per)]
        if not offers:
            raise UnpricedItem(f"no price of {gtin} at {at.isoformat()}")
        return min(offers, key=lambda price: (price.price, price.kind != "base", price.kind))

    def price_of(self, product: Row, at: datetime, member: Row | None = None) -> int | None:
        """What a row of the table `products` costs at `at`, by `lookup` without a place; its list price where nothing holds, else None."""
        try:
            return self.lookup(product["gtin"], at, member=member).price
        except UnpricedItem:
            return cast(int | None, product.get("list_price"))

    def _base(self, gtin: str, bases: list[_Entry]) -> Price | None:
        if bases:
            return max(bases, key=lambda entry: (len(entry.scope), entry.start, -entry.price.price)).price
        product = self._products.get(item_key(gtin))
        if product is None or product.get("list_price") is None:
            return None
        return Price(product["gtin"], product["list_price"], self._unit(gtin), "base")

    def _unit(self, gtin: str) -> Literal["each", "kg"]:
        product = self._products.get(item_key(gtin), {})
        return cast(Literal["each", "kg"], product.get("unit", "each"))
