"""The plain layout: one row a receipt line, columns called as the fields of `pos.sale`.

Needed: `receipt`, `time`, `gtin`, `qty`, and `amount` or `price` (what is missing of the two follows from the other and `discount`).
Also read where present, of the line: `line`, `weight_g` (then `price` is per kg), `discount`, `promo`, `lot`, `entry`; of the receipt,
the same on all its rows: `kind`, `till`, `channel`, `method`, `member`, `cashier`, `guide`, `original`, `currency`.

A return has negative quantities and amounts and is kept; signs that contradict each other are refused. A repeated (receipt, line) is
refused; without a `line` column equal rows count as pieces scanned one by one, but a receipt that stands in two files is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.hardware_adapters.pos.reading import Sheet, Source, count, missing, moment, needs_rows, slices
from storeloom.workers.pricing.money import decimals

if TYPE_CHECKING:
    import polars as pl

NEEDED = ("receipt", "time", "gtin", "qty")
OF_LINE = ("line", "weight_g", "price", "discount", "amount", "promo", "lot", "entry")
OF_RECEIPT = ("kind", "till", "channel", "method", "member", "cashier", "guide", "original", "currency")
LINE_WORDS = ("promo", "lot", "entry")
CHANNELS = ("till", "self_checkout", "cart", "scan_go", "mobile", "unattended", "vending", "canteen", "online")
METHODS = ("cash", "card", "qr", "wallet", "stored_value", "points", "coupon", "credit")
ENTRIES = ("scan", "key", "weigh", "vision", "rfid")
ALLOWED = {"channel": CHANNELS, "method": METHODS, "entry": ENTRIES}
LONGEST = timedelta(days=1)
MEND = "Mend that line."


@dataclass(frozen=True)
class Terms:
    """How a file is to be read: names of its columns, zone, money, limits, and what stands in for columns that it lacks."""

    columns: Mapping[str, str]
    zone: ZoneInfo
    currency: str
    minor_units: bool
    max_amount: int
    max_qty: float
    till: str
    channel: str
    method: str

    def name(self, field: str) -> str:
        """What the file calls a field."""
        return self.columns.get(field, field)

    @property
    def digits(self) -> int:
        """Decimals of the amounts as they are written."""
        return 0 if self.minor_units else decimals(self.currency)

    @property
    def limit(self) -> int:
        """The largest amount taken in, in minor units."""
        return self.max_amount * int(10 ** decimals(self.currency))


def receipts_among(sources: Sequence[Source], terms: Terms) -> list[Source]:
    """The files that hold receipt lines, which is those with a receipt column; InputFault where none does or one lacks a column."""
    chosen = [source for source in sources if terms.name("receipt") in source.columns] or list(sources[:1])
    for source in chosen:
        missing(source, [terms.name(field) for field in NEEDED])
        if terms.name("price") not in source.columns:
            missing(source, [terms.name("amount")])
    return chosen


def plain_facts(sources: Sequence[Source], terms: Terms, device: str) -> Iterator[Fact]:
    """One `pos.sale` a receipt, in order of time and receipt number; all lines are checked before the first one."""
    import polars as pl

    sheets = [Sheet(source, {terms.name(field) for field in (*NEEDED, *OF_LINE, *OF_RECEIPT)}) for source in sources]
    lines = pl.concat([_lines(sheet, terms, number) for number, sheet in enumerate(sheets)], how="diagonal")
    needs_rows([source.path for source in sources], len(lines))
    _check_receipts(lines, sheets, terms)
    lines = lines.with_columns(pl.col("at").min().over("receipt").alias("began"), pl.col("at").max().over("receipt"))
    lines = lines.sort("at", "receipt", "file", "row")
    for receipt, rows in groupby(slices(lines), key=lambda row: row["receipt"]):
        yield _sale(receipt, list(rows), terms, device)


def _lines(sheet: Sheet, terms: Terms, number: int) -> pl.DataFrame:
    """The lines of one file, checked cell by cell, money in minor units."""
    import polars as pl

    has = [field for field in (*OF_LINE, *OF_RECEIPT) if terms.name(field) in sheet.source.columns]
    frame = pl.DataFrame(
        {
            "file": pl.Series([number] * len(sheet.rows), dtype=pl.Int64),
            "row": sheet.rows,
            "receipt": sheet.text(terms.name("receipt")),
            "at": sheet.times(terms.name("time"), terms.zone),
            "gtin": sheet.text(terms.name("gtin")),
            "qty": sheet.number(terms.name("qty"), limit=terms.max_qty),
        }
    )
    for field in ("price", "amount", "discount"):
        if field in has:
            money = sheet.money(terms.name(field), terms.digits, limit=terms.limit, required=field != "discount")
            frame = frame.with_columns(money.alias(field))
    for field in ("line", "weight_g"):
        if field in has:
            value = sheet.number(terms.name(field), limit=1e9, required=field == "line")
            sheet.refuse_where(value != value.round(), terms.name(field), "a whole number is needed", "应为整数", MEND)
            frame = frame.with_columns(value.cast(pl.Int64).alias(field))
    for field in has:
        if field in LINE_WORDS or field in OF_RECEIPT:
            frame = frame.with_columns(sheet.text(terms.name(field), required=False).alias(field))
    _check_lines(sheet, frame, terms)
    return _priced(frame)


def _check_lines(sheet: Sheet, frame: pl.DataFrame, terms: Terms) -> None:
    digits = ~frame["gtin"].str.contains(r"^\d{1,14}$")
    sheet.refuse_where(digits, terms.name("gtin"), "1 to 14 digits are needed", "应为 1 至 14 位数字", "Export the column as text.")
    for field, words in ALLOWED.items():
        if field in frame.columns:
            known = ", ".join(words)
            bad = ~frame[field].is_in(words)
            sheet.refuse_where(bad, terms.name(field), f"one of {known} is needed", f"应为以下之一：{known}", MEND)
    if "price" in frame.columns:
        sheet.refuse_where(frame["price"] < 0, terms.name("price"), "a price is 0 or more", "单价不得为负", MEND)
    for field in ("amount", "discount", "weight_g"):
        if field in frame.columns:
            en, zh = "its sign contradicts the quantity's; a return has both negative", "与数量的正负号矛盾；退货时两者均为负"
            sheet.refuse_where(frame[field].sign() * frame["qty"].sign() < 0, terms.name(field), en, zh, MEND)
    if "amount" in frame.columns:
        en, zh = "there is an amount for a quantity of 0", "数量为 0 却有金额"
        sheet.refuse_where((frame["qty"] == 0) & (frame["amount"] != 0), terms.name("amount"), en, zh, MEND)


def _priced(frame: pl.DataFrame) -> pl.DataFrame:
    """Price and amount, each from the other where the file lacks it: amount = price x quantity (or kg) - discount, half up."""
    import polars as pl

    measure = pl.col("qty")
    if "weight_g" in frame.columns:
        measure = pl.when(pl.col("weight_g").is_null()).then("qty").otherwise(pl.col("weight_g") / 1000)
    discount = pl.col("discount").fill_null(0) if "discount" in frame.columns else pl.lit(0, pl.Int64)
    if "amount" not in frame.columns:
        gross = pl.col("price") * measure
        return frame.with_columns((gross.sign() * (gross.abs() + 0.5 + 1e-9).floor()).cast(pl.Int64).alias("amount") - discount)
    if "price" not in frame.columns:
        each = (pl.col("amount") + discount) / measure
        price = pl.when(measure == 0).then(0.0).otherwise((each + 0.5 + 1e-9).floor())
        return frame.with_columns(price.cast(pl.Int64).alias("price"))
    return frame


def _check_receipts(lines: pl.DataFrame, sheets: Sequence[Sheet], terms: Terms) -> None:
    """A line that stands twice, a receipt in two files, one whose own fields change, one longer than a day."""
    import polars as pl

    def first(bad: pl.Expr, en: str, zh: str, remedy: str) -> None:
        hit = lines.with_columns(bad.alias("#bad")).filter("#bad").head(1)
        for row in hit.iter_rows(named=True):
            sheets[row["file"]].refuse_at(row["row"], en.format(**row), zh.format(**row), remedy)

    if "line" in lines.columns:
        again = ~pl.struct("receipt", "line").is_first_distinct()
        first(again, "line {line} of receipt {receipt} stands twice", "小票 {receipt} 的第 {line} 行重复", "Delete the repeated line.")
    else:
        other = pl.col("file") != pl.col("file").first().over("receipt")
        first(other, "receipt {receipt} stands in another file too", "小票 {receipt} 同时出现在另一文件中", "Keep one of the files.")
    for field in OF_RECEIPT:
        if field in lines.columns:
            value = pl.col(field).fill_null("")
            en = f"receipt {{receipt}} has more than one {terms.name(field)}"
            zh = f"小票 {{receipt}} 的 {terms.name(field)} 前后不一致"
            first(value != value.first().over("receipt"), en, zh, "Make receipt numbers unique.")
    long = (pl.col("at") - pl.col("at").first().over("receipt")).abs() > LONGEST // timedelta(microseconds=1)
    first(long, "receipt {receipt} lasts more than a day", "小票 {receipt} 的时间跨度超过一天", "Make receipt numbers unique.")


def _sale(receipt: str, rows: Sequence[Mapping[str, Any]], terms: Terms, device: str) -> Fact:
    head = rows[0]
    lines = [_line(number, row) for number, row in enumerate(rows, 1)]
    total = sum(line["amount"] for line in lines)
    back = all(line["qty"] <= 0 for line in lines) and any(line["qty"] < 0 for line in lines)
    received, began = moment(head["at"]), moment(head["began"])
    data: dict[str, Any] = {
        "receipt": receipt,
        "kind": head.get("kind") or ("return" if back else "sale"),
        "till": head.get("till") or terms.till,
        "channel": head.get("channel") or terms.channel,
        "lines": lines,
        "payments": [{"method": head.get("method") or terms.method, "amount": total}],
        "total": total,
    }
    discount = sum(line.get("discount", 0) for line in lines)
    if discount:
        data["discount"] = discount
    data |= {field: head[field] for field in ("member", "cashier", "guide", "original") if head.get(field)}
    if began < received:
        data["started"] = rfc3339(began)
    data["business_day"] = received.astimezone(terms.zone).date().isoformat()
    currency = head.get("currency") or terms.currency
    return Fact(received, "pos.sale", device, data | {"currency": currency} if currency else data)


def _line(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    line = {
        "line": row["line"] if row.get("line") is not None else number,
        "gtin": row["gtin"],
        "qty": count(row["qty"]),
        "weight_g": row.get("weight_g"),
        "price": row["price"],
        "discount": row.get("discount") or None,
        "amount": row["amount"],
        **{field: row.get(field) for field in LINE_WORDS},
    }
    return {key: value for key, value in line.items() if value is not None}
