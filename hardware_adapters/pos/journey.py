"""The layout of the Complete Journey data set (84.51 degrees; R package completejourney): a US grocer's receipts over 2017.

What its columns are taken to mean. `sales_value` is what the store received for the line, the maker's share of a coupon included, so it
is the line's amount. `retail_disc` (loyalty card) and `coupon_match_disc` (the store's doubling of a coupon) are the store's own price
cuts: discount = both, price = (sales_value + both) / quantity, rounded half up to the minor unit; amount and discount stay exact.
`coupon_disc` is the maker's coupon handed over at the till: a `coupon` tender, at most the receipt's total (a sample may lack the lines
that the coupon was for). How the rest was paid is not in the data; the config says what stands there. Timestamps are instants; the weeks
(Monday to Sunday) hold in America/New_York. Tills are not in the data: the till is `store-<store_id>`.

A quantity at less than one minor unit each is fuel in thousandths of a gallon, and becomes gallons. Lines of quantity 0 (a coupon or a
voided piece) are kept at 0. Ids that R wrote as 4.0128e+10 are read as the whole number that they are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.pos.reading import Sheet, Source, count, missing, moment, needs_rows, refuse, slices
from storeloom.workers.gs1.numbers import check_digit

if TYPE_CHECKING:
    import polars as pl

DIGITS = 2
IN_STORE = "04"
PRODUCT_DIGITS = 10
MONEY = ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
LINES = ("household_id", "store_id", "basket_id", "product_id", "quantity", *MONEY, "transaction_timestamp")
SIGNATURE = {
    "transactions": {"basket_id", "product_id"},
    "products": {"product_id", "product_category"},
    "promotions": {"product_id", "display_location"},
    "coupons": {"coupon_upc", "product_id"},
    "redemptions": {"coupon_upc", "household_id", "redemption_date"},
    "campaigns": {"campaign_id", "household_id"},
    "descriptions": {"campaign_id", "campaign_type"},
    "demographics": {"household_id", "household_size"},
}


@dataclass(frozen=True)
class Wish:
    """What is wanted of the data set: one store or, with "", all as one; zone, currency, tender, redemptions, limits."""

    store: str
    zone: ZoneInfo
    currency: str
    method: str
    redemptions: str
    max_amount: int
    max_qty: float


@lru_cache(maxsize=200_000)
def gtin_of(product_id: str) -> str:
    """A product id as a GTIN-13 of the range kept for use inside a company (GS1 prefix 04): 04, the id as ten digits, check digit.

    ValueError where the id is no whole number of at most ten digits.
    """
    body = IN_STORE + whole_id(product_id).zfill(PRODUCT_DIGITS)
    if len(body) != len(IN_STORE) + PRODUCT_DIGITS:
        raise ValueError(f"{product_id!r} is longer than {PRODUCT_DIGITS} digits")
    return body + str(check_digit(body))


def product_of(gtin: str) -> str:
    """The product id in a GTIN that `gtin_of` made; ValueError for any other."""
    product = gtin[len(IN_STORE) : -1].lstrip("0") or "0"
    if len(gtin) != 13 or gtin_of(product) != gtin:
        raise ValueError(f"{gtin!r} holds no product id")
    return product


def whole_id(text: str) -> str:
    """An id's digits, also from R's 9e+05; ValueError where it is no whole number of 0 or more."""
    if text.isascii() and text.isdecimal():
        return text
    try:
        number = Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is no number") from error
    if not number.is_finite() or number < 0 or number != number.to_integral_value():
        raise ValueError(f"{text!r} is no whole number")
    return f"{number:.0f}"


def ids(sheet: Sheet, column: str, *, product: bool = False) -> pl.Series:
    """A column of ids as digits; InputFault where one is none."""
    import polars as pl

    text = sheet.text(column)
    known: dict[str, str | None] = {}
    for one in text.unique().to_list():
        try:
            known[one] = product_of(gtin_of(one)) if product else whole_id(one)
        except ValueError:
            known[one] = None
    series = pl.Series(column, [known[one] for one in text.to_list()], dtype=pl.String)
    en, zh = "a whole number is needed", "应为整数编号"
    sheet.refuse_where(series.is_null(), column, en, zh, "Export the ids as text.")
    return series


def recognise(sources: Sequence[Source]) -> dict[str, list[Source]]:
    """The files by what their columns show them to be; one that shows nothing is passed over."""
    kinds: dict[str, list[Source]] = {}
    for source in sources:
        kind = next((kind for kind, columns in SIGNATURE.items() if columns <= set(source.columns)), None)
        if kind is not None:
            kinds.setdefault(kind, []).append(source)
    return kinds


def read_lines(sources: Sequence[Source], wish: Wish) -> pl.DataFrame:
    """Receipt lines in order of arrival: at (microseconds), day, receipt, store, member, product, qty, price, discount, coupon, amount.

    InputFault for a missing column, a bad cell, a negative value, a repeated (basket, product), a store that is not in the data.
    """
    import polars as pl

    parts = []
    for number, source in enumerate(sources):
        missing(source, LINES)
        parts.append(_part(Sheet(source, LINES), wish).with_columns(pl.lit(number).alias("file")))
    lines = pl.concat(parts)
    needs_rows([source.path for source in sources], len(lines))
    again = lines.filter(~pl.struct("receipt", "product").is_first_distinct()).head(1)
    for row in again.iter_rows(named=True):
        en = f"product {row['product']} stands twice in basket {row['receipt']}"
        zh = f"购物篮 {row['receipt']} 中商品 {row['product']} 重复"
        Sheet(sources[row["file"]], LINES).refuse_at(row["row"], en, zh, "Delete the repeated line.")
    if wish.store:
        stores = lines["store"].unique().sort().to_list()
        lines = lines.filter(pl.col("store") == wish.store)
        if lines.is_empty():
            some = ", ".join(stores[:8])
            en, zh = f"it has no receipt of store {wish.store}; its first stores are {some}", f"没有门店 {wish.store} 的小票；现有：{some}"
            raise refuse(sources[0].path, en, zh, "Set store to one of these, or leave it empty for all as one.")
    return lines.sort("at", "receipt", "file", "row")


def _part(sheet: Sheet, wish: Wish) -> pl.DataFrame:
    import polars as pl

    money = {name: sheet.money(name, DIGITS, limit=wish.max_amount * 10**DIGITS) for name in MONEY}
    quantity = sheet.number("quantity", limit=wish.max_qty)
    for name, series in (("quantity", quantity), *money.items()):
        en, zh = "this data set has no negative values", "该数据集不含负值"
        sheet.refuse_where(series < 0, name, en, zh, "Mend that line, or use the plain layout, which takes returns.")
    en, zh = "there is an amount for a quantity of 0", "数量为 0 却有金额"
    sheet.refuse_where((quantity == 0) & (money["sales_value"] != 0), "sales_value", en, zh, "Mend that line.")
    frame = pl.DataFrame(
        {
            "row": sheet.rows,
            "at": sheet.times("transaction_timestamp", wish.zone),
            "receipt": ids(sheet, "basket_id"),
            "store": sheet.text("store_id"),
            "member": ids(sheet, "household_id"),
            "product": ids(sheet, "product_id", product=True),
            "quantity": quantity,
            "amount": money["sales_value"],
            "discount": money["retail_disc"] + money["coupon_match_disc"],
            "coupon": money["coupon_disc"],
        }
    )
    gross = pl.col("amount") + pl.col("discount")
    fuel = (pl.col("quantity") >= 100) & (gross > 0) & (gross < pl.col("quantity"))
    local = pl.from_epoch("at", "us").dt.replace_time_zone("UTC").dt.convert_time_zone(wish.zone.key)
    frame = frame.with_columns(
        pl.when(fuel).then(pl.col("quantity") / 1000).otherwise("quantity").alias("qty"),
        local.dt.date().alias("day"),
    )
    each = (gross / pl.col("qty") + 0.5 + 1e-9).floor()
    return frame.with_columns(pl.when(pl.col("qty") > 0).then(each).otherwise(0).cast(pl.Int64).alias("price"))


@dataclass(frozen=True)
class Redemption:
    """One coupon handed in: its own id, its template, who and on which day; receipt and amount where a line of the data shows them."""

    coupon: str
    template: str
    member: str
    at: datetime
    receipt: str | None = None
    store: str | None = None
    amount: int | None = None


def template_of(upc: str, campaign: str) -> str:
    """The id of a coupon template: one coupon of one campaign."""
    return f"{upc}-{campaign}"


def read_redemptions(kinds: dict[str, list[Source]], lines: pl.DataFrame, wish: Wish) -> list[Redemption]:
    """The coupons handed in, in order of time.

    One is on a receipt where its household bought a product of that coupon on that day; its amount is known where that line carries a
    coupon discount that no other redemption took. The others are put at the end of their store day, without a receipt.
    """
    import polars as pl

    if wish.redemptions == "none" or "redemptions" not in kinds:
        return []
    parts = [_redeemed(Sheet(source, source.columns)) for source in kinds["redemptions"]]
    redeemed = pl.concat(parts).unique(maintain_order=True).with_row_index("id")
    matches: dict[int, dict[str, Any]] = {}
    if "coupons" in kinds:
        offers = pl.concat([coupon_products(source) for source in kinds["coupons"]]).unique()
        pairs = redeemed.join(offers, on=["upc", "campaign"]).join(lines, on=["member", "product", "day"])
        paid: dict[int, dict[str, Any]] = {}
        taken: set[tuple[str, str]] = set()
        for row in pairs.sort(pl.col("coupon") == 0, "id", "at", "receipt", "row").iter_rows(named=True):
            piece = (row["receipt"], row["product"])
            if row["coupon"] and row["id"] not in paid and piece not in taken:
                paid[row["id"]] = row
                taken.add(piece)
            else:
                matches.setdefault(row["id"], row | {"coupon": 0})
        matches |= paid
    made = [_redemption(row, matches.get(row["id"]), wish) for row in redeemed.iter_rows(named=True)]
    kept = [one for one in made if (one.store or not wish.store) and (one.amount is not None or wish.redemptions == "all")]
    return sorted(kept, key=lambda one: (one.at, one.coupon))


def coupon_products(source: Source) -> pl.DataFrame:
    """The products that each coupon of each campaign is for: upc, campaign, product."""
    import polars as pl

    columns = ("coupon_upc", "campaign_id", "product_id")
    missing(source, columns)
    sheet = Sheet(source, columns)
    product = ids(sheet, "product_id", product=True)
    return pl.DataFrame({"upc": sheet.text("coupon_upc"), "campaign": sheet.text("campaign_id"), "product": product})


def _redeemed(sheet: Sheet) -> pl.DataFrame:
    import polars as pl

    missing(sheet.source, ("household_id", "coupon_upc", "campaign_id", "redemption_date"))
    return pl.DataFrame(
        {
            "member": ids(sheet, "household_id"),
            "upc": sheet.text("coupon_upc"),
            "campaign": sheet.text("campaign_id"),
            "day": sheet.days("redemption_date"),
        }
    )


def _redemption(row: dict[str, Any], match: dict[str, Any] | None, wish: Wish) -> Redemption:
    template = template_of(row["upc"], row["campaign"])
    coupon = f"{template}-{row['member']}-{row['day']:%Y%m%d}"
    if match is None:
        end = datetime.combine(row["day"], time(23, 59, 59), wish.zone).astimezone(UTC)
        return Redemption(coupon, template, row["member"], end)
    amount = match["coupon"] or None
    return Redemption(coupon, template, row["member"], moment(match["at"]), match["receipt"], match["store"], amount)


def journey_facts(kinds: dict[str, list[Source]], wish: Wish, device: str) -> Iterator[Fact]:
    """`pos.sale` a basket and `coupon.redeemed` a redemption, in order of time; a redemption follows its receipt."""
    lines = read_lines(kinds["transactions"], wish)
    redemptions = read_redemptions(kinds, lines, wish)
    coupons: dict[str, list[str]] = {}
    for one in redemptions:
        if one.receipt is not None:
            coupons.setdefault(one.receipt, []).append(one.coupon)
    baskets = groupby(slices(lines), key=lambda row: row["receipt"])
    sales = (_sale(receipt, list(rows), coupons.get(receipt), wish, device) for receipt, rows in baskets)
    redeemed = (_redeemed_fact(one, wish, device) for one in redemptions)
    yield from heapq.merge(sales, redeemed, key=lambda fact: (fact.received, fact.stream != "pos.sale"))


def _sale(receipt: str, rows: Sequence[dict[str, Any]], coupons: list[str] | None, wish: Wish, device: str) -> Fact:
    head, lines, coupon, discount = rows[0], [], 0, 0
    for number, row in enumerate(rows, 1):
        line = {"line": number, "gtin": gtin_of(row["product"]), "qty": count(row["qty"]), "price": row["price"]}
        if row["discount"]:
            line["discount"] = row["discount"]
        lines.append(line | {"amount": row["amount"]})
        coupon += row["coupon"]
        discount += row["discount"]
    total = sum(row["amount"] for row in rows)
    coupon = min(coupon, total)
    payments = [{"method": "coupon", "amount": coupon}] if coupon else []
    if total > coupon or not payments:
        payments.append({"method": wish.method, "amount": total - coupon})
    data: dict[str, Any] = {
        "receipt": receipt,
        "kind": "sale",
        "till": f"store-{head['store']}",
        "channel": "till",
        "lines": lines,
        "payments": payments,
        "total": total,
        "member": head["member"],
        "business_day": head["day"].isoformat(),
        "currency": wish.currency,
    }
    if discount:
        data["discount"] = discount
    if coupons:
        data["coupons"] = coupons
    return Fact(moment(head["at"]), "pos.sale", device, data)


def _redeemed_fact(one: Redemption, wish: Wish, device: str) -> Fact:
    """The amount is 0 and `amount_known` false where the data does not show what the coupon took off."""
    data: dict[str, Any] = {"coupon": one.coupon, "template": one.template, "amount": one.amount or 0, "member": one.member}
    data |= {"currency": wish.currency, "amount_known": one.amount is not None}
    if one.receipt is not None:
        data |= {"receipt": one.receipt, "till": f"store-{one.store}"}
    return Fact(one.at, "coupon.redeemed", device, data)
