"""A till's open receipt: what is scanned, what it costs, what is paid, and what `pos.scan` and `pos.sale` say of it.

A receipt is a plain dict, so that it can be kept; its lines are those of `basket` with a `line` number that is never given twice, `entry`,
`code` and `ai` as scanned, and `manual`, what staff took off. Amounts are minor units. A payment is asked for once under its id
`receipt-1`, `receipt-2`..., and counts once however often its answer comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers import gs1, pricing
from storeloom.workers.gs1 import epc
from storeloom.workers.gs1.scale_labels import by_plu

from . import basket
from .card_numbers import without_card

Receipt = dict[str, Any]
Row = Mapping[str, Any]
Answer = Literal["paid", "part", "surplus", "declined", "waits", "repeated"]
PAID = ("payment", "method", "provider")
TOKENS = ("ref", "payer")


class Goods(NamedTuple):
    """What a code says: the item as the products table has it, grams, the price it carries (minor units), its identifiers."""

    gtin: str | None
    product: Row | None
    weight_g: float | None = None
    price: int | None = None
    ai: Mapping[str, str] = {}
    serial: str | None = None


class Shop:
    """The tables that a till reads and prices by, at one time. `tables` and `hours` are a solution's own."""

    def __init__(self, tables: Any, hours: Any, at: datetime, layout: gs1.EmbeddedLayout = gs1.DEFAULT_LAYOUT) -> None:
        self.tables, self.hours, self.at, self.layout = tables, hours, at, layout

    def read(self, data: Row) -> Goods:
        """The goods of a scan with `code`, `gtin` or `ai`. CodeError when a code claims to be GS1's and breaks its rules."""
        code, gtin, ai = data.get("code"), data.get("gtin"), data.get("ai") or {}
        if code and (product := self.tables.products.get(code)):
            return Goods(product["gtin"], product, data.get("weight_g"), ai=ai)
        if code:
            found = gs1.parse(code, on=self.hours.store_day(self.at), layout=self.layout)
            product = self._product(gtin or found.gtin, found.embedded)
            gtin = product["gtin"] if product else gtin or (found.embedded.base if found.embedded else found.gtin)
            return Goods(gtin, product, found.weight_g or data.get("weight_g"), found.price, found.ai or ai, found.serial)
        product = self._product(gtin, None)
        return Goods(product["gtin"] if product else gtin, product, data.get("weight_g"), ai=ai)

    def goods(self, data: Row) -> Goods:
        """As `read`; a code that breaks its rules is no goods."""
        try:
            return self.read(data)
        except gs1.CodeError:
            return Goods(None, None)

    def _product(self, gtin: str | None, embedded: gs1.EmbeddedCode | None) -> Row | None:
        product: Row | None = self.tables.products.get(gtin) if gtin else None
        if product is None and embedded is not None:
            plus = self.tables.products.derived("by plu", by_plu)
            product = self.tables.products.get(plus.get(embedded.item.lstrip("0")) or embedded.item)
        return product

    def price(self, product: Row, member: Row | None = None) -> pricing.Price | None:
        """The price that holds now; None for goods without one."""
        return basket.price_now(product, self.tables.prices.rows(gtin=product["gtin"]), self.at, member, self.hours.zone)

    def line(self, goods: Goods, member: Row | None = None, qty: float = 1) -> basket.Line | None:
        """The line of a scan; a price that the code carries is the price of the piece. None for what cannot be sold, as with a weight
        or a quantity below zero."""
        if qty <= 0 or (goods.weight_g or 0) < 0:
            return None
        if goods.price is not None and goods.gtin:
            name = (goods.product or {}).get("name", goods.gtin)
            unit_g = goods.weight_g or (goods.product or {}).get("weight_g")
            return {"gtin": goods.gtin, "name": name, "qty": 1, "price": goods.price, "per_kg": False, "unit_g": unit_g}
        price = self.price(goods.product, member) if goods.product else None
        return basket.new_line(goods.product, price, qty, goods.weight_g) if goods.product and price else None

    def reprice(self, receipt: Receipt, coupons: Iterable[Row] | None = None, *, again: bool = False) -> None:
        """Set what the lines and the receipt come to under the promotions and coupons of now; `again` looks the prices up anew."""
        zone, lines = self.hours.zone, receipt["lines"]
        products = [product for line in lines if (product := self.tables.products.get(line["gtin"]))]
        rules = self.tables.promotions.derived("price rules", lambda rows: pricing.RuleIndex(rows, zone))
        if again:
            for line, product in ((line, self.tables.products.get(line["gtin"])) for line in lines if not line["fixed"]):
                price = self.price(product, receipt["buyer"]) if product else None
                line["price"] = price.price if price else line["price"]
        kept = receipt["coupons"] if coupons is None else coupons
        total, discount, used = basket.reprice(
            lines, promotions=rules, coupons=kept, products=products, member=receipt["buyer"], at=self.at, zone=zone
        )
        for line in lines:
            off = min(line["manual"], line["amount"])
            line["amount"], line["discount"] = line["amount"] - off, line["discount"] + off
            total, discount = total - off, discount + off
        receipt.update(total=total, discount=discount, used=list(used))

    def coupon_amounts(self, receipt: Receipt) -> list[tuple[Row, int]]:
        """What each coupon that counts takes off, in the order they were presented."""
        taken, totals = [one for one in receipt["coupons"] if one["coupon"] in receipt["used"]], []
        for count in range(len(taken) + 1):
            priced = {**receipt, "lines": [dict(line) for line in receipt["lines"]]}
            self.reprice(priced, taken[:count])
            totals.append(priced["total"])
        return [(one, totals[place] - totals[place + 1]) for place, one in enumerate(taken)]


def new_receipt(receipt: str, till: str, at: datetime, **more: Any) -> Receipt:
    return {
        "receipt": receipt, "till": till, "seq": 0, "line": 0, "lines": [], "total": 0, "discount": 0, "coupons": [], "used": [],
        "buyer": None, "began": plain(at), "first": None, "totalled": None, "attempt": 0, "asked": None, "tries": {}, "paid": [], **more,
    }  # fmt: skip


def at_desk(state: MutableMapping[str, Any], desk: dict[str, Any], till: str, session: str | None, at: datetime, **more: Any) -> Receipt:
    """The open receipt of a till, kept in `state` under `receipt:<id>` and named by `desk["open"]`; the first scan or key begins one.

    A session names a new receipt, one that a scan had begun before any key, and one that is still empty.
    """
    here: Receipt | None = state.get(f"receipt:{desk['open']}")
    if here is None:
        here = new_receipt(session or f"{till}:{at:%Y%m%d%H%M%S%f}", till, at, begun=session is None, **more)
    elif session and session != here["receipt"] and (here["begun"] or not (here["lines"] or here["paid"])):
        rename(state, here, session)
        here["begun"] = False
    desk["open"] = here["receipt"]
    here["cashier"] = desk.get("cashier")
    state[f"receipt:{here['receipt']}"] = here
    return here


def rename(state: MutableMapping[str, Any], receipt: Receipt, name: str) -> None:
    """Give an open receipt another id."""
    del state[f"receipt:{receipt['receipt']}"]
    receipt["receipt"] = name
    state[f"receipt:{name}"] = receipt


def put(receipt: Receipt, line: basket.Line, at: datetime, goods: Goods, *, code: str | None = None, entry: str = "scan") -> basket.Line:
    """Add a line under the next number."""
    receipt["line"] += 1
    receipt["first"] = receipt["first"] or plain(at)
    marks = {"line": receipt["line"], "entry": "weigh" if line["per_kg"] else entry, "code": code, "fixed": goods.price is not None}
    line.update(marks, manual=0, ai=dict(goods.ai), serial=goods.serial, amount=0, discount=0, promo=None)
    receipt["lines"].append(line)
    return line


def put_ordered(receipt: Receipt, row: Row, at: datetime) -> basket.Line:
    """Add a line of an order, at the order's price and less its discount."""
    unit_g = row["weight_g"] / row["qty"] if row.get("weight_g") else None
    told = {"gtin": row["gtin"], "name": row["gtin"], "qty": row["qty"], "price": row["price"]}
    line: basket.Line = {**told, "per_kg": unit_g is not None, "unit_g": unit_g}
    put(receipt, line, at, Goods(row["gtin"], None, price=row["price"]), entry="key")
    line["manual"] = row.get("discount", 0)
    return line


def find(receipt: Receipt, line: int | None, gtin: str | None) -> basket.Line | None:
    """A line by its number, else the last of an item; None where there is none."""
    if line is None and gtin is None:
        return None
    wanted = gs1.item_key(gtin) if gtin else None
    found = [one for one in receipt["lines"] if (one["line"] == line if line is not None else gs1.item_key(one["gtin"]) == wanted)]
    return found[-1] if found else None


def remove(receipt: Receipt, line: basket.Line, qty: float | None = None) -> basket.Line:
    """Take a line back, or so many pieces of it; what was taken, as a line."""
    taken = {**line, "qty": line["qty"] if qty is None else min(abs(qty), line["qty"])}
    line["qty"] -= taken["qty"]
    receipt["lines"] = [one for one in receipt["lines"] if one["qty"] > 0]
    return taken


def scan(receipt: Receipt, kind: str, line: Row | None = None, **more: Any) -> dict[str, Any]:
    """The fields of the next `pos.scan`."""
    receipt["seq"] += 1
    told: dict[str, Any] = {"till": receipt["till"], "receipt": receipt["receipt"], "seq": receipt["seq"], "kind": kind}
    if line is not None:
        told |= {name: line[name] for name in ("line", "gtin", "qty", "price", "code", "entry")} | {"ai": line["ai"] or None}
        told["weight_g"] = basket.line_g(line) if line["per_kg"] else None
    member = (receipt["buyer"] or {}).get("member")
    return told | {"member": member, "cashier": receipt.get("cashier")} | more


def due(receipt: Receipt) -> int:
    """What is left to pay."""
    left: int = receipt["total"] - sum(one["amount"] for one in receipt["paid"])
    return left


def ask(receipt: Receipt, method: str | None = None, amount: int | None = None) -> dict[str, Any]:
    """The fields of the next `payment.request`, for what is due or a part of it."""
    receipt["attempt"] += 1
    payment, wanted = f"{receipt['receipt']}-{receipt['attempt']}", min(due(receipt), amount or due(receipt))
    receipt["asked"] = payment
    receipt["tries"][payment] = "asked"
    name, till = receipt["receipt"], receipt["till"]
    return {"payment": payment, "amount": wanted, "method": method, "receipt": name, "session": name, "till": till}


def answer(receipt: Receipt, data: Row) -> Answer:
    """Take the answer to a payment; `surplus` is money beyond what was due, which has to be given back."""
    payment, status = data["payment"], data["status"]
    before = receipt["tries"].get(payment)
    if before is None or before == status or status not in ("approved", "declined", "reversed", "refunded"):
        return "waits" if before is not None and before != status else "repeated"
    if before in ("reversed", "refunded") or (before == "approved" and status == "declined"):
        return "repeated"
    receipt["tries"][payment] = status
    if receipt["asked"] == payment:
        receipt["asked"] = None
    if status != "approved":
        receipt["paid"] = [one for one in receipt["paid"] if one.get("payment") != payment]
        return "declined"
    return pay(receipt, data)


def pay(receipt: Receipt, data: Row) -> Answer:
    """Take money (`method`, `amount`, perhaps `payment`) up to what is due. A reference or payer that is a card number is left out."""
    taken = max(0, min(data["amount"], due(receipt)))
    if taken:
        receipt["paid"].append({name: data[name] for name in PAID if data.get(name) is not None} | _tokens(data) | {"amount": taken})
    if taken < data["amount"]:
        return "surplus"
    return "paid" if due(receipt) == 0 else "part"


def bought_nothing(tries: MutableMapping[str, str], data: Row) -> bool:
    """Whether an answer approves a payment of a receipt that is over and was closed without it; true once. `tries` is the receipt's."""
    if data["status"] != "approved" or tries.get(data["payment"]) in (None, "approved"):
        return False
    tries[data["payment"]] = "approved"
    return True


def surplus(receipt: Receipt, data: Row) -> int:
    """What of an approved payment the receipt did not need."""
    taken = sum(one["amount"] for one in receipt["paid"] if one.get("payment") == data["payment"])
    return int(data["amount"] - taken)


def _tokens(data: Row) -> dict[str, str]:
    told = {name: without_card(data.get(name)) for name in TOKENS}
    return {name: text for name, text in told.items() if text is not None}


def written(receipt: Receipt) -> list[dict[str, Any]]:
    """The lines as `pos.sale` writes them."""
    rows = []
    for line in receipt["lines"]:
        row = {name: line[name] for name in ("line", "gtin", "qty", "price", "amount", "entry")}
        row |= {"weight_g": basket.line_g(line)} if line["per_kg"] else {}
        rows.append(row | {name: line[name] for name in ("discount", "promo") if line.get(name)} | _traced(line))
    return rows


def _traced(line: Row) -> dict[str, Any]:
    told = {"lot": line["ai"].get("10"), "epc": line["code"] if line["code"] and epc.sgtin(line["code"]) else None}
    return {name: value for name, value in told.items() if value}


def basket_lines(receipt: Receipt) -> list[dict[str, Any]]:
    """The lines as `pos.scan` of kind total carries them."""
    return [row | {"discount": row.get("discount", 0)} for row in written(receipt)]


def sale(receipt: Receipt, channel: str, at: datetime, day: date, **more: Any) -> dict[str, Any]:
    """The fields of the receipt's `pos.sale`."""
    first, totalled = receipt["first"] or receipt["began"], receipt["totalled"] or plain(at)
    seconds = [(parse_time(end) - parse_time(start)).total_seconds() for start, end in ((first, totalled), (totalled, plain(at)))]
    return {
        "receipt": receipt["receipt"], "kind": "sale", "till": receipt["till"], "channel": channel, "lines": written(receipt),
        "payments": [dict(one) for one in receipt["paid"]], "total": receipt["total"], "discount": receipt["discount"] or None,
        "member": (receipt["buyer"] or {}).get("member"), "coupons": receipt["used"] or None, "cashier": receipt.get("cashier"),
        "started": first, "ring_s": seconds[0], "tender_s": seconds[1], "business_day": day, **more,
    }  # fmt: skip
