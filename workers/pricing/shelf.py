"""What a shelf label shows: the price that anyone pays for one piece (or kilogram) at a time, and the unit price.

Prices come from the tables `prices` and `promotions`, as at the till: the base price, the offers to everyone, and promotions that
lower a single piece without any condition. Others (multi-buy, bundle, from two pieces...) are worded, not priced.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.workers.gs1 import item_key

from .money import Number, exact, round_money
from .prices import EARLIEST, LATEST, PriceBook, UnpricedItem, index_products, instant, rows_by_item
from .rules import LAST_PRIORITY, PROMOTIONS, Rule, promotion_rule

Row = Mapping[str, Any]
PRICING_ONE_PIECE = frozenset({"percent", "amount", "fixed"})
GRAMS = {"g": 1, "ml": 1, "kg": 1000, "l": 1000}


@dataclass(frozen=True)
class ShelfPrice:
    """A price in minor units, each or per kg; `struck` is the price crossed out, `promo` the wording of the promotion that holds."""

    price: int
    per: str
    kind: str
    struck: int | None = None
    promo: str | None = None


@dataclass(frozen=True)
class _Promotion:
    row: Row
    rule: Rule | None
    start: datetime
    end: datetime
    keys: frozenset[str]

    def covers(self, key: str, categories: set[Any]) -> bool:
        category = self.row.get("category")
        return bool(self.keys or category) and (not self.keys or key in self.keys) and (category is None or category in categories)

    def holds(self, at: datetime, zone: str | None, fixture: str | None) -> bool:
        here = self.row.get("zone") in (None, zone) and self.row.get("fixture") in (None, fixture)
        return here and self.start <= at < self.end


class ShelfPrices:
    """Shelf prices over time. Give only the rows of the products in question where speed counts; `zone` is the store's time zone."""

    def __init__(self, prices: Iterable[Row], promotions: Iterable[Row], products: Iterable[Row], zone: tzinfo) -> None:
        rows = list(prices)
        self._products = index_products(products)
        self._all = PriceBook(rows, products=self._products, zone=zone)
        self._base = PriceBook([row for row in rows if row.get("kind", "base") == "base"], products=self._products, zone=zone)
        named = [row for row in promotions if row.get("approved", True) and row.get("kind") in PROMOTIONS]
        self._promotions = [_promotion(row, zone) for row in sorted(named, key=lambda row: row.get("priority", LAST_PRIORITY))]
        self._turns: dict[str, set[datetime]] = defaultdict(set)
        for row in rows:
            self._turns[item_key(row["gtin"])] |= {instant(row.get("from"), zone, EARLIEST), instant(row.get("to"), zone, LATEST)}

    def at(self, gtin: str, at: datetime, *, zone: str | None = None, fixture: str | None = None) -> ShelfPrice | None:
        """The price on the shelf of a zone and fixture at a time; None when there is none."""
        try:
            best = self._all.lookup(gtin, at, zone=zone, cabinet=fixture)
        except UnpricedItem:
            return None
        base = self._base_price(gtin, at, zone, fixture)
        shown = ShelfPrice(best.price, best.per, best.kind, best.struck)
        held = [promotion for promotion in self._covering(gtin) if promotion.holds(at, zone, fixture)]
        for promotion in held:
            price = None if base is None or promotion.rule is None else single_price(promotion.rule, base)
            if price is not None and price < shown.price:
                shown = ShelfPrice(price, shown.per, "promotion", promo=_wording(promotion))
        promo = shown.promo or next((_wording(promotion) for promotion in held), None)
        struck = shown.struck if shown.struck is not None or base is None or base <= shown.price else base
        return ShelfPrice(shown.price, shown.per, shown.kind, struck, promo)

    def highest(
        self, gtin: str, at: datetime, within: timedelta, *, zone: str | None = None, fixture: str | None = None
    ) -> ShelfPrice | None:
        """The highest price from `at` to `at + within`, both included; of equal ones the earliest."""
        coming = [turn for turn in self.turns(gtin) if at < turn <= at + within]
        prices = [price for turn in [at, *coming] if (price := self.at(gtin, turn, zone=zone, fixture=fixture))]
        return max(prices, key=lambda price: price.price, default=None)

    def lowest_around(self, gtin: str, at: datetime, around: timedelta) -> int | None:
        """The lowest price from `around` before to `around` after, both included: who shows it asks nobody for too much."""
        turns = [turn for turn in self.turns(gtin) if at - around < turn <= at + around]
        return min((price.price for turn in [at - around, *turns] if (price := self.at(gtin, turn))), default=None)

    def turns(self, gtin: str) -> list[datetime]:
        """The instants at which the price may change, in order."""
        found = set(self._turns[item_key(gtin)])
        for promotion in self._covering(gtin):
            found |= {promotion.start, promotion.end}
        return sorted(found - {EARLIEST, LATEST})

    def _base_price(self, gtin: str, at: datetime, zone: str | None, fixture: str | None) -> int | None:
        try:
            return self._base.lookup(gtin, at, zone=zone, cabinet=fixture).price
        except UnpricedItem:
            return None

    def _covering(self, gtin: str) -> list[_Promotion]:
        """Promotions that name the product or its category, by priority."""
        key = item_key(gtin)
        product = self._products.get(key, {})
        categories = {product.get("category"), product.get("subcategory")} - {None}
        return [one for one in self._promotions if one.covers(key, categories)]


def prices_in(rows: Iterable[Row], product: Row, start: datetime, end: datetime, zone: tzinfo) -> set[int]:
    """Every price of a product that held for somebody in [start, end): of base prices those that counted, of others all."""
    rows = list(rows)
    base = ShelfPrices([row for row in rows if row.get("kind", "base") == "base"], [], [product], zone)
    moments = [start, *(turn for turn in base.turns(product["gtin"]) if start < turn < end)]
    found = {price.price for moment in moments if (price := base.at(product["gtin"], moment))}
    last = end - timedelta(microseconds=1)
    return found | {row["price"] for row in rows if row.get("kind", "base") != "base" and overlaps(row, start, last, zone)}


def single_price(rule: Rule, base: int) -> int | None:
    """What one piece costs under a promotion that asks nothing in return; None where it asks something (a quantity, a card)."""
    if rule.members_only or rule.threshold is not None or (rule.qty or 1) > 1:
        return None
    if rule.method == "percent_each":
        return base - round_money(base * rule.value / 100)
    if rule.method == "amount_each":
        return max(0, base - rule.money)
    return rule.money if rule.method == "unit_price" else None


def unit_price(price: int, grams: Number, basis_g: int) -> int:
    """Price per `basis_g` grams of a pack of `grams` net, half up. ValueError for a pack without content."""
    if grams <= 0:
        raise ValueError(f"net content {grams} g")
    return round_money(Fraction(price * basis_g) / exact(grams))


def net_grams(product: Row) -> Number | None:
    """Net content in grams (millilitres count as grams), else the weight; None where neither is known."""
    factor = GRAMS.get(str(product.get("content_unit", "g")).lower())
    content = product.get("net_content")
    if content and factor:
        return exact(content) * factor
    weight: Number | None = product.get("weight_g")
    return weight or None


def with_news(statements: Iterable[Row], news: Row, now: datetime) -> list[Row]:
    """Price statements of a product, as rows of `prices` with their time of issue `set`, with one more.

    It replaces an older one of its kind, scope and start. Of two without an end the later start ends the other. What is over is dropped.
    """
    kept: list[Row] = []
    for old in statements:
        if old.get("to") is not None and parse_time(old["to"]) <= now:
            continue
        if (old["kind"], old["scope"]) == (news["kind"], news["scope"]):
            if old["from"] == news["from"]:
                if parse_time(old["set"]) > parse_time(news["set"]):
                    news = old
                continue
            earlier, later = sorted((old, news), key=lambda row: parse_time(row["from"]))
            if earlier.get("to") is None:
                ended = {**earlier, "to": later["from"]}
                old, news = (ended, news) if earlier is old else (old, ended)
        kept.append(old)
    return [*kept, news]


def overlaid(table: Iterable[Row], news: Iterable[Row], zone: tzinfo) -> list[Row]:
    """Rows of `prices` with statements over them: one of the same product, kind, scope and start takes the row's place.

    A row without an end ends where a later statement without an end begins, as in `with_news`.
    """
    rows = list(news)
    stated = rows_by_item(rows)
    kept = [_under(row, stated.get(item_key(row["gtin"]), ()), zone) for row in table]
    return [row for row in kept if row is not None] + rows


def _under(row: Row, stated: Iterable[Row], zone: tzinfo) -> Row | None:
    """What the statements of its product leave of a row."""
    same = [one for one in stated if (one.get("kind", "base"), one.get("scope") or {}) == (row.get("kind", "base"), row.get("scope") or {})]
    start = instant(row.get("from"), zone, EARLIEST)
    starts = {instant(one.get("from"), zone, EARLIEST) for one in same}
    if start in starts:
        return None
    handed_on = {*starts, LATEST}
    ends = [
        begins
        for one in same
        if instant(one.get("to"), zone, LATEST) in handed_on and (begins := instant(one["from"], zone, EARLIEST)) > start
    ]
    return {**row, "to": min(ends)} if ends and row.get("to") is None else row


def _promotion(row: Row, zone: tzinfo) -> _Promotion:
    rule = promotion_rule(row, zone) if row["kind"] in PRICING_ONE_PIECE else None
    keys = frozenset(map(item_key, row.get("gtins") or ()))
    return _Promotion(row, rule, instant(row.get("from"), zone, EARLIEST), instant(row.get("to"), zone, LATEST), keys)


def _wording(promotion: _Promotion) -> str:
    return str(promotion.row.get("wording") or promotion.row["promo"])


def offer_price(row: Row, base: int | None, zone: tzinfo) -> int | None:
    """What a promotion says one piece costs from a base price; None where it sets no such price."""
    if row.get("kind") == "member_price":
        return round_money(exact(row["value"])) if row.get("value") is not None else None
    rule = promotion_rule(row, zone) if row.get("kind") in PRICING_ONE_PIECE else None
    needs_base = rule is not None and rule.method != "unit_price"
    if rule is None or (needs_base and base is None):
        return None
    return single_price(rule, base or 0)


def holds(row: Row, at: datetime, zone: tzinfo) -> bool:
    """Whether a row's validity, half open, holds an instant."""
    return instant(row.get("from"), zone, EARLIEST) <= at < instant(row.get("to"), zone, LATEST)


def overlaps(row: Row, start: datetime, end: datetime, zone: tzinfo) -> bool:
    """Whether a row's validity shares an instant with [start, end]."""
    return instant(row.get("from"), zone, EARLIEST) <= end and start < instant(row.get("to"), zone, LATEST)
