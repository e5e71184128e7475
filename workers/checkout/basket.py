"""The lines of an open sale: read a scan, price a line when it is scanned and the basket when it changes, weigh it, write the receipt.

A line is a plain dict, so that it can be kept: `gtin` and `name` as the products table has them, `qty`, `price` (minor units, each or per
kg where `per_kg`), `unit_g` (grams a piece; None while unknown), and after pricing `amount`, `discount` and `promo`.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple

from storeloom.workers import gs1, pricing

Row = Mapping[str, Any]
Line = dict[str, Any]


class Totals(NamedTuple):
    """What a basket comes to, in minor units, and the coupons that reduced it."""

    total: int
    discount: int
    coupons: tuple[str, ...]


def read_scan(data: Row, on: date) -> tuple[str | None, float | None]:
    """GTIN and weight in grams of a scan with `gtin`, `weight_g` or `code`, a GTIN or a scale's label; None for what it does not tell."""
    gtin, weight_g = data.get("gtin"), data.get("weight_g")
    if data.get("code"):
        try:
            code = gs1.parse(data["code"], on=on)
        except gs1.CodeError:
            return gtin, weight_g
        gtin, weight_g = gtin or code.gtin, weight_g or code.weight_g
    return gtin, weight_g


def price_now(product: Row, rows: Iterable[Row], at: datetime, member: Row | None, zone: tzinfo) -> pricing.Price | None:
    """The price of a product from its rows of the table `prices`; None when it has none."""
    book = pricing.PriceBook(rows, products=pricing.index_products([product]), zone=zone)
    try:
        return book.lookup(product["gtin"], at, member=member)
    except pricing.UnpricedItem:
        return None


def new_line(product: Row, price: pricing.Price, qty: float, weight_g: float | None) -> Line:
    """The line of a scan. Goods per kg weigh what their label says, others what the products table says."""
    per_kg = price.per == "kg"
    unit_g = weight_g if per_kg else product.get("weight_g")
    name = product.get("name", product["gtin"])
    return {"gtin": product["gtin"], "name": name, "qty": qty, "price": price.price, "per_kg": per_kg, "unit_g": unit_g}


def take_out(lines: list[Line], gtin: str, qty: float) -> float:
    """Take pieces of a product off the lines, the last scanned first; how many there were to take."""
    left = qty
    for line in reversed(lines):
        part = min(line["qty"], left) if line["gtin"] == gtin else 0
        line["qty"] -= part
        left -= part
    lines[:] = [line for line in lines if line["qty"] > 0]
    return qty - left


def reprice(
    lines: list[Line],
    *,
    promotions: Iterable[Row] | pricing.RuleIndex,
    coupons: Iterable[Row],
    products: Iterable[Row],
    member: Row | None,
    at: datetime,
    zone: tzinfo,
) -> Totals:
    """Set `amount`, `discount` and `promo` of each line under the promotions that are valid and the coupons presented."""
    priced = pricing.price_basket(
        [
            {"gtin": line["gtin"], "qty": line["qty"], "price": line["price"]} | ({"weight_g": line_g(line)} if line["per_kg"] else {})
            for line in lines
        ],
        promotions=promotions,
        coupons=coupons,
        prices=pricing.PriceBook(()),
        products=pricing.index_products(products),
        member=member,
        at=at,
        zone=zone,
    )
    for line, result in zip(lines, priced.as_data("", 0)["lines"], strict=True):
        line.update(amount=result["amount"], discount=result["discount"], promo=result.get("promo"))
    return Totals(priced.total, priced.savings, tuple(rule.id for rule in priced.applied if rule.coupon))


def line_g(line: Row) -> int:
    """What a line weighs in grams; 0 while that is unknown."""
    grams: int = round((line["unit_g"] or 0) * line["qty"])
    return grams


def expected_g(lines: Iterable[Row]) -> int:
    """What the lines weigh together, in grams."""
    return sum(line_g(line) for line in lines)


def fits(weight_g: float, lines: Iterable[Row], tolerance_g: float, tolerance_pct: float) -> bool:
    """Whether a weight is that of the lines, within the larger of two allowances: grams, and a share of the expected weight."""
    expected = expected_g(lines)
    return abs(weight_g - expected) <= max(tolerance_g, expected * tolerance_pct / 100)


def weigh_loose(weight_g: float, lines: list[Line], least_g: float) -> bool:
    """Give the one line of unknown weight what is weighed beyond the others, if that is more than `least_g`; whether it did."""
    loose = [line for line in lines if line["unit_g"] is None]
    beyond = weight_g - expected_g(lines)
    if len(loose) != 1 or beyond <= least_g:
        return False
    loose[0]["unit_g"] = beyond / loose[0]["qty"]
    return True


def receipt_lines(lines: Iterable[Row], entry: str = "scan") -> list[dict[str, Any]]:
    """The lines as `pos.sale` writes them, numbered from 1; `entry` is how pieces were entered."""
    written = []
    for number, line in enumerate(lines, 1):
        row: dict[str, Any] = {"line": number, **{name: line[name] for name in ("gtin", "qty", "price", "amount")}}
        row |= {"weight_g": line_g(line), "entry": "weigh"} if line["per_kg"] else {"entry": entry}
        row |= {name: line[name] for name in ("discount", "promo") if line[name]}
        written.append(row)
    return written
