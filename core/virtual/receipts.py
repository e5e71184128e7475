"""Receipts: lines, discounts, tenders. Amounts of lines sum to the total, and so do the payments."""

from __future__ import annotations

from collections.abc import Mapping

from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.demand import Prices
from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.stock import Item

METHODS = (("qr", 0.74), ("wallet", 0.07), ("cash", 0.08), ("card", 0.07), ("stored_value", 0.04))
PROVIDERS = {"qr": ("alipay", "wechat"), "wallet": ("huawei", "apple"), "card": ("unionpay", "unionpay")}
COUPON = ("weekend-5", 500, 3900)


def make_lines(basket: Mapping[str, int], items: Mapping[str, Item], prices: Prices, stamp: float, entry: str) -> list[Row]:
    """One line for each item; a weighed line has qty 1, its grams and the price of a kg."""
    lines: list[Row] = []
    for number, (gtin, units) in enumerate(basket.items(), 1):
        item = items[gtin]
        price = prices.shelf_price(gtin, stamp)
        off, promo = prices.discount(gtin, price)
        line: Row = {"line": number, "gtin": gtin, "qty": 1 if item.weighed else units, "price": price}
        if item.weighed:
            line["weight_g"] = units
            off = round(off * units / 1000)
        else:
            off *= units
        line["amount"] = gross(line) - off
        if off:
            line |= {"discount": off, "promo": promo}
        line["entry"] = "weigh" if item.weighed and entry == "scan" else entry
        lines.append(line)
    return lines


def gross(line: Row) -> int:
    """Fen before discounts."""
    if "weight_g" in line:
        return round(int(line["price"]) * int(line["weight_g"]) / 1000)
    return int(line["price"] * line["qty"])


def tax_of(lines: list[Row], items: Mapping[str, Item]) -> int:
    """Value added tax contained in the amounts."""
    return sum(round(line["amount"] * rate / (100 + rate)) for line in lines if (rate := items[line["gtin"]].product.get("tax_pct") or 0))


def pay(total: int, receipt: str, chance: Chance, coupon: int) -> list[Row]:
    """Tenders of a receipt: the coupon's part, then one method for the rest. All draws are made in every case."""
    draw = chance.random()
    method = METHODS[-1][0]
    for name, part in METHODS:
        if draw < part:
            method = name
            break
        draw -= part
    side = chance.hit(0.5)
    payer = chance.token("payer-", 8)
    payments: list[Row] = []
    if coupon:
        payments.append({"method": "coupon", "amount": coupon})
    rest: Row = {"method": method, "amount": total - coupon}
    if method in PROVIDERS:
        rest |= {"payment": f"pay-{receipt}", "provider": PROVIDERS[method][side], "payer": payer}
    payments.append(rest)
    return payments


def reversed_receipt(sale: Row, receipt: str, till: str, cashier: str | None, method: str, lines: list[Row]) -> Row:
    """The return of some of a sale's lines: negative quantities and amounts."""
    back = []
    for number, line in enumerate(lines, 1):
        row: Row = {"line": number, "gtin": line["gtin"], "qty": -line["qty"], "price": line["price"], "amount": -line["amount"]}
        if "weight_g" in line:
            row["weight_g"] = -line["weight_g"]
        if "discount" in line:
            row["discount"] = -line["discount"]
        back.append(row)
    total = sum(row["amount"] for row in back)
    data: Row = {
        "receipt": receipt,
        "kind": "return",
        "till": till,
        "channel": "till",
        "lines": back,
        "payments": [{"method": method, "amount": total}],
        "total": total,
        "original": sale["receipt"],
    }
    if cashier:
        data["cashier"] = cashier
    if "member" in sale:
        data["member"] = sale["member"]
    return data
