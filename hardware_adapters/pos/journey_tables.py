"""Tables of a store from the Complete Journey data set: what it knows or lets one derive, and nothing else.

- `products`: those sold in the receipts asked for. Department, maker and package stand under `attributes`; cost, supplier and shelf
  life are not in the data and are left out.
- `prices`: the base price, derived: the median of the price each before discounts over the product's lines, from its first day on.
- `promotions`: a row a store, week and place, of kind `display` or `ad`. The data has weeks 1 to 53 and, in the sample, two stores;
  with one store asked for, only its own.
- `coupons`: a row a coupon and campaign with its products and the campaign's days. The value is the commonest coupon discount on lines of
  the redemptions that the receipts show; where they show none there is no value.
- `members`: the households of the receipts. Demographics and campaigns received are tags; consents are not in the data and are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from storeloom.hardware_adapters.pos.journey import (
    Redemption,
    Wish,
    coupon_products,
    gtin_of,
    ids,
    read_lines,
    read_redemptions,
    template_of,
)
from storeloom.hardware_adapters.pos.reading import Sheet, Source, missing

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]
Kinds = dict[str, list[Source]]
FIRST_MONDAY = date(2017, 1, 2)
PACKAGE = re.compile(r"^(\d+(?:\.\d+)?|\.\d+) ([A-Z]+)$")
DISPLAY = {
    "1": "store front",
    "2": "store rear",
    "3": "front end cap",
    "4": "mid-aisle end cap",
    "5": "rear end cap",
    "6": "side-aisle end cap",
    "7": "in aisle",
    "9": "secondary location",
    "A": "in shelf",
}
MAILER = {
    "A": "interior page feature",
    "C": "interior page line item",
    "D": "front page feature",
    "F": "back page feature",
    "H": "wrap front feature",
    "J": "wrap interior coupon",
    "L": "wrap back feature",
    "P": "interior page coupon",
    "X": "free on interior page",
    "Z": "free on front page, back page or wrap",
}
TRAITS = {
    "age": "age",
    "income": "income",
    "home_ownership": "home",
    "marital_status": "marital",
    "household_comp": "household",
    "kids_count": "kids",
}


def journey_tables(kinds: Kinds, wish: Wish) -> dict[str, list[Row]]:
    """The tables that the files at hand allow; InputFault as for the receipts."""
    lines = read_lines(kinds["transactions"], wish)
    sold = set(lines["product"].unique().to_list())
    tables = {"prices": _prices(lines, wish), "members": _members(kinds, lines)}
    if "products" in kinds:
        tables["products"] = _products(kinds["products"], sold)
    if "promotions" in kinds:
        tables["promotions"] = _promotions(kinds["promotions"], sold, wish)
    if "coupons" in kinds:
        tables["coupons"] = _coupons(kinds, sold, read_redemptions(kinds, lines, wish))
    return tables


def week_days(week: int) -> tuple[date, date]:
    """First and last day of a week of the data set: week 1 is Sunday 2017-01-01, the others run from Monday to Sunday."""
    monday = FIRST_MONDAY + timedelta(weeks=week - 2)
    return max(monday, date(2017, 1, 1)), monday + timedelta(days=6)


def _products(sources: Sequence[Source], sold: set[str]) -> list[Row]:
    rows = []
    for source in sources:
        missing(source, ("product_id", "department", "brand", "product_category", "product_type"))
        sheet = Sheet(source, source.columns)
        frame = sheet.frame.with_columns(ids(sheet, "product_id", product=True))
        rows += [_product(row) for row in frame.filter(frame["product_id"].is_in(sold)).iter_rows(named=True)]
    return sorted(rows, key=lambda row: str(row["gtin"]))


def _product(row: Mapping[str, Any]) -> Row:
    package = " ".join((row.get("package_size") or "").split()) or None
    size = PACKAGE.match(package or "")
    words = [word for word in (row["product_type"] or row["product_category"] or row["department"], package) if word]
    attributes = {"department": row["department"], "manufacturer": row.get("manufacturer_id"), "package": package}
    made = {
        "gtin": gtin_of(row["product_id"]),
        "name": ", ".join(words),
        "category": row["product_category"] or row["department"],
        "subcategory": row["product_type"],
        "brand": row["brand"],
        "unit": "each",
        "weighed": False,
        "net_content": float(size[1]) if size else None,
        "content_unit": size[2] if size else None,
        "attributes": {key: value for key, value in attributes.items() if value is not None},
    }
    return {key: value for key, value in made.items() if value is not None}


def _prices(lines: pl.DataFrame, wish: Wish) -> list[Row]:
    import polars as pl

    sold = lines.filter((pl.col("qty") > 0) & (pl.col("price") > 0))
    medians = sold.group_by("product").agg(pl.col("price").quantile(0.5, "lower"), pl.col("day").min()).sort("product")
    rows = [
        {
            "gtin": gtin_of(row["product"]),
            "kind": "base",
            "from": row["day"].isoformat(),
            "price": int(row["price"]),
            "per": "each",
            "currency": wish.currency,
        }
        for row in medians.iter_rows(named=True)
    ]
    return sorted(rows, key=lambda row: str(row["gtin"]))


def _promotions(sources: Sequence[Source], sold: set[str], wish: Wish) -> list[Row]:
    import polars as pl

    rows = []
    for source in sources:
        missing(source, ("product_id", "store_id", "display_location", "mailer_location", "week"))
        sheet = Sheet(source, source.columns)
        week = sheet.number("week", limit=1000).cast(pl.Int64)
        frame = sheet.frame.with_columns(ids(sheet, "product_id", product=True), week.alias("week"), sheet.text("store_id"))
        frame = frame.filter(frame["product_id"].is_in(sold))
        if wish.store:
            frame = frame.filter(pl.col("store_id") == wish.store)
        for kind, column, words in (("display", "display_location", DISPLAY), ("ad", "mailer_location", MAILER)):
            placed = frame.filter(pl.col(column).cast(pl.String) != "0")
            groups = placed.group_by("store_id", "week", column).agg(pl.col("product_id").unique())
            rows += [_promotion(kind, row, str(row[column]), words) for row in groups.iter_rows(named=True)]
    return sorted(rows, key=lambda row: str(row["promo"]))


def _promotion(kind: str, row: Mapping[str, Any], place: str, words: Mapping[str, str]) -> Row:
    first, last = week_days(row["week"])
    return {
        "promo": f"{kind}-{row['store_id']}-w{row['week']:02d}-{place}",
        "kind": kind,
        "gtins": sorted(gtin_of(product) for product in row["product_id"]),
        "from": first.isoformat(),
        "to": last.isoformat(),
        "wording": words.get(place, place),
    }


def _coupons(kinds: Kinds, sold: set[str], redemptions: Sequence[Redemption]) -> list[Row]:
    import polars as pl

    campaigns = _campaigns(kinds.get("descriptions", []))
    values: dict[str, Counter[int]] = {}
    for one in redemptions:
        if one.amount is not None:
            values.setdefault(one.template, Counter())[one.amount] += 1
    offers = pl.concat([coupon_products(source) for source in kinds["coupons"]])
    groups = offers.filter(offers["product"].is_in(sold)).group_by("upc", "campaign").agg(pl.col("product").unique())
    rows = []
    for row in groups.iter_rows(named=True):
        template = template_of(row["upc"], row["campaign"])
        made: Row = {"template": template, "name": f"Coupon {row['upc']} of campaign {row['campaign']}"}
        if template in values:
            made |= {"kind": "amount", "value": min(values[template].items(), key=lambda item: (-item[1], item[0]))[0]}
        rows.append(made | {"gtins": sorted(map(gtin_of, row["product"])), **campaigns.get(row["campaign"], {})})
    return sorted(rows, key=lambda row: str(row["template"]))


def _campaigns(sources: Sequence[Source]) -> dict[str, Row]:
    """First and last day of each campaign."""
    days: dict[str, Row] = {}
    for source in sources:
        missing(source, ("campaign_id", "start_date", "end_date"))
        sheet = Sheet(source, source.columns)
        for campaign, start, end in zip(sheet.text("campaign_id"), sheet.days("start_date"), sheet.days("end_date"), strict=True):
            days[campaign] = {"from": start.isoformat(), "to": end.isoformat()}
    return days


def _members(kinds: Kinds, lines: pl.DataFrame) -> list[Row]:
    rows: dict[str, Row] = {member: {"member": member, "tags": []} for member in sorted(lines["member"].unique().to_list())}
    for source in kinds.get("demographics", []):
        sheet = Sheet(source, source.columns)
        for row in sheet.frame.with_columns(ids(sheet, "household_id")).iter_rows(named=True):
            known = rows.get(row["household_id"])
            if known is not None:
                known["tags"] += [f"{tag}:{row[column]}" for column, tag in TRAITS.items() if row.get(column) is not None]
                known["household"] = row["household_size"]
    for source in kinds.get("campaigns", []):
        sheet = Sheet(source, source.columns)
        for member, campaign in zip(ids(sheet, "household_id"), sheet.text("campaign_id"), strict=True):
            if member in rows:
                rows[member]["tags"].append(f"campaign:{campaign}")
    return list(rows.values())
