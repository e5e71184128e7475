"""A receipt's rows, as a database or a till's web service gives them, checked and made into `pos.sale` and `pos.exception`.

Fields are called as those of `pos.sale`; names can be mapped. Of the receipt: `receipt`, `time`, and where there are some `kind`, `till`,
`channel`, `total`, `tax`, `member`, `cashier`, `guide`, `original`, `started`, `business_day`, `currency`. Of a line: `gtin`, `qty`, and
`amount` or `price`; `line`, `weight_g` (then `price` is per kg), `discount`, `promo`, `lot`, `epc`, `entry`, `void` (a line taken back
before the end: it counts for nothing and becomes a `pos.exception`) and its `reason`. Of a payment: `method`, `amount`, `provider`,
`ref`, `payment`, `payer` (a token).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.pos.cards import card_at
from storeloom.hardware_adapters.pos.plain import CHANNELS, ENTRIES, METHODS, Terms
from storeloom.hardware_adapters.pos.reading import LATEST, instant, moment

KINDS = ("sale", "return", "void", "training")
LINE_WORDS = ("promo", "lot", "epc")
HEAD_WORDS = ("member", "cashier", "guide", "original")
PAYMENT_WORDS = ("payment", "provider", "ref", "payer")
NO = frozenset({"", "0", "n", "no", "f", "false"})


class BadReceipt(Exception):
    """A receipt that cannot be taken in; `words` say why. `whole` is False where parts of it may still come."""

    def __init__(self, en: str, zh: str, *, whole: bool = True) -> None:
        super().__init__(en)
        self.words: Mapping[str, str] = {"en": en, "zh": zh}
        self.whole = whole


@dataclass(frozen=True)
class Row:
    """One row under the names of the fields; `at` is its place in words."""

    given: Mapping[str, Any]
    terms: Terms
    at: str

    def get(self, field: str) -> Any:
        value = self.given.get(self.terms.name(field))
        return None if isinstance(value, str) and not value.strip() else value

    def bad(self, field: str, en: str, zh: str) -> BadReceipt:
        name = self.terms.name(field)
        return BadReceipt(f"{self.at}: '{name}' {en}", f"{self.at}：“{name}”{zh}")

    def text(self, field: str) -> str | None:
        value = self.get(field)
        if value is None:
            return None
        if isinstance(value, (float, Decimal)) and value == int(value):
            value = int(value)
        return str(value).strip()

    def word(self, field: str, allowed: Sequence[str], default: str) -> str:
        value = self.text(field) or default
        if value not in allowed:
            raise self.bad(field, f"is none of {', '.join(allowed)}", f"应为以下之一：{'、'.join(allowed)}")
        return value

    def number(self, field: str, limit: float) -> Decimal | None:
        value = self.get(field)
        if value is None:
            return None
        try:
            number = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
        except InvalidOperation:
            number = Decimal("nan")
        if isinstance(value, bool) or not number.is_finite() or abs(number) > Decimal(repr(limit)):
            raise self.bad(field, f"is no number up to {limit:g}", f"不是不超过 {limit:g} 的数字")
        return number

    def money(self, field: str) -> int | None:
        """An amount in minor units."""
        digits = self.terms.digits
        number = self.number(field, self.terms.limit / 10**digits)
        if number is None:
            return None
        minor = number.scaleb(digits)
        if abs(minor - minor.to_integral_value()) > Decimal("0.0001"):
            raise self.bad(field, f"has more than {digits} decimals", f"小数位数超过 {digits} 位")
        return int(minor.to_integral_value())

    def time(self, field: str) -> datetime | None:
        value = self.get(field)
        if value is None:
            return None
        text = value.isoformat() if isinstance(value, datetime) else str(value).strip()
        micros = instant(text, self.terms.zone)
        if micros is None or not 0 <= micros <= LATEST:
            raise self.bad(field, "is no time such as 2026-03-02 18:05:00", "不是形如 2026-03-02 18:05:00 的时间")
        return moment(micros)

    def need(self, field: str, value: Any) -> Any:
        if value is None:
            raise self.bad(field, "is missing", "缺失")
        return value


def receipt_facts(
    head: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    payments: Sequence[Mapping[str, Any]],
    terms: Terms,
    device: str,
    now: datetime,
) -> list[Fact]:
    """`pos.sale` of one receipt, then a `pos.exception` for each line taken back. BadReceipt where it is not right, or not whole yet."""
    row = Row(head, terms, "receipt")
    number = row.need("receipt", row.text("receipt"))
    row = Row(head, terms, f"receipt {number}")
    card = card_at([head, lines, payments])
    if card is not None:
        place = card.split(".", 1)[-1]
        raise BadReceipt(
            f"receipt {number}: '{place}' looks like a card number; have the till send a token",
            f"小票 {number}：“{place}”疑似银行卡号；请让收银系统改传令牌",
        )
    at = row.need("time", row.time("time"))
    given = [Row(one, terms, f"receipt {number} line {place}") for place, one in enumerate(lines, 1)]
    made = [(one, _line(place, one)) for place, one in enumerate(given, 1)]
    kept = [line for one, line in made if not _is_void(one)]
    data = _sale(row, number, kept, [Row(one, terms, f"receipt {number} payment {place}") for place, one in enumerate(payments, 1)], at)
    facts = [Fact(now, "pos.sale", device, data, at, number)]
    facts += [_void(one, line, data, at, device, now) for one, line in made if _is_void(one)]
    return facts


def _is_void(row: Row) -> bool:
    return str(row.get("void") or "").strip().lower() not in NO


def _void(row: Row, line: Mapping[str, Any], sale: Mapping[str, Any], at: datetime, device: str, now: datetime) -> Fact:
    data = {"kind": "void_line", "till": sale["till"], "receipt": sale["receipt"], "line": line["line"], "gtin": line["gtin"]}
    data |= {"qty": line["qty"], "amount": line["amount"]}
    data |= {key: sale[key] for key in ("cashier", "currency") if key in sale}
    reason = row.text("reason")
    return Fact(now, "pos.exception", device, data | ({"reason": reason} if reason else {}), at, f"{sale['receipt']}|void|{line['line']}")


def _line(place: int, row: Row) -> dict[str, Any]:
    gtin, qty = row.need("gtin", row.text("gtin")), row.need("qty", row.number("qty", row.terms.max_qty))
    if not gtin.isdigit() or len(gtin) > 14:
        raise row.bad("gtin", "is not 1 to 14 digits", "应为 1 至 14 位数字")
    weight, number = row.number("weight_g", 1e9), row.number("line", 1e9)
    price, amount, discount = row.money("price"), row.money("amount"), row.money("discount") or 0
    measure = qty if weight is None else weight / 1000
    if amount is None:
        if price is None:
            raise row.bad("amount", "and a price are missing", "与单价均缺失")
        amount = _whole(price * measure) - discount
    elif price is None:
        price = _whole((amount + discount) / measure) if measure else 0
    if price < 0:
        raise row.bad("price", "is below 0", "为负数")
    if amount * qty < 0:
        raise row.bad("amount", "has another sign than the quantity", "与数量的正负号矛盾")
    line: dict[str, Any] = {
        "line": place if number is None else int(number),
        "gtin": gtin,
        "qty": int(qty) if qty == int(qty) else float(qty),
    }
    line |= {} if weight is None else {"weight_g": _whole(weight)}
    line |= {"price": price, **({"discount": discount} if discount else {}), "amount": amount}
    line |= {field: value for field in LINE_WORDS if (value := row.text(field))}
    return line | ({"entry": row.word("entry", ENTRIES, "")} if row.get("entry") is not None else {})


def _whole(number: Decimal) -> int:
    return int(number.quantize(Decimal(1), ROUND_HALF_UP))


def _payments(rows: Sequence[Row], total: int, terms: Terms) -> Iterator[dict[str, Any]]:
    if not rows:
        yield {"method": terms.method, "amount": total}
    for row in rows:
        words = {field: value for field in PAYMENT_WORDS if (value := row.text(field))}
        yield {"method": row.word("method", METHODS, terms.method), "amount": row.need("amount", row.money("amount")), **words}


def _sale(row: Row, number: str, lines: list[dict[str, Any]], paid: Sequence[Row], at: datetime) -> dict[str, Any]:
    terms, summed = row.terms, sum(line["amount"] for line in lines)
    total = row.money("total")
    total = summed if total is None else total
    payments = list(_payments(paid, total, terms))
    kind = row.word("kind", KINDS, "return" if lines and all(line["qty"] < 0 for line in lines) else "sale")
    if kind != "void" and (not lines or summed != total or sum(one["amount"] for one in payments) != total):
        got = f"lines {summed}, payments {sum(one['amount'] for one in payments)}, total {total} in minor units"
        raise BadReceipt(f"{row.at}: its sums differ: {got}", f"{row.at}：金额不一致：{got}", whole=False)
    data: dict[str, Any] = {"receipt": number, "kind": kind, "till": row.text("till") or terms.till}
    data |= {"channel": row.word("channel", CHANNELS, terms.channel), "lines": lines, "payments": payments, "total": total}
    discount, tax, started = sum(line.get("discount", 0) for line in lines), row.money("tax"), row.time("started")
    data |= {"discount": discount} if discount else {}
    data |= {} if tax is None else {"tax": tax}
    data |= {field: value for field in HEAD_WORDS if (value := row.text(field))}
    data |= {} if started is None else {"started": rfc3339(started)}
    day, currency = row.get("business_day"), row.text("currency") or terms.currency
    data["business_day"] = _day(row, day) if day is not None else at.astimezone(terms.zone).date().isoformat()
    return data | ({"currency": currency} if currency else {})


def _day(row: Row, value: Any) -> str:
    try:
        return (
            value.date() if isinstance(value, datetime) else value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
        ).isoformat()
    except ValueError:
        raise row.bad("business_day", "is no day such as 2026-03-02", "不是形如 2026-03-02 的日期") from None
