"""The Complete Journey layout: what its columns become, and that nothing is lost on the way."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import InputFault
from storeloom.hardware_adapters.pos.journey import gtin_of, product_of, whole_id
from storeloom.hardware_adapters.pos.journey_tables import week_days
from storeloom.hardware_adapters.pos.receipts_file import ReceiptsFile

Make = Callable[..., ReceiptsFile]
SOUP, NOODLES, FUEL = "0400000001005", "0400000001012", "0400009000009"


def test_baskets_become_receipts_in_order_of_time(receipts: Make, journey: Path) -> None:
    sales = [fact for fact in receipts(journey).facts() if fact.stream == "pos.sale"]
    assert [(fact.received, fact.data["receipt"]) for fact in sales] == [
        (datetime(2017, 3, 1, 12, tzinfo=UTC), "40128000000"),
        (datetime(2017, 3, 1, 12, tzinfo=UTC), "501"),
        (datetime(2017, 3, 7, 3, 30, tzinfo=UTC), "502"),
    ]
    assert sales[2].source == "pos-1"
    assert sales[2].data == {
        "receipt": "502",
        "kind": "sale",
        "till": "store-12",
        "channel": "till",
        "lines": [
            {"line": 1, "gtin": SOUP, "qty": 2, "price": 339, "discount": 328, "amount": 350},
            {"line": 2, "gtin": NOODLES, "qty": 3, "price": 33, "amount": 100},
        ],
        "payments": [{"method": "coupon", "amount": 150}, {"method": "card", "amount": 300}],
        "total": 450,
        "discount": 328,
        "member": "7",
        "business_day": "2017-03-06",
        "currency": "USD",
        "coupons": ["51-9-7-20170306", "52-9-7-20170306"],
    }


def test_fuel_is_gallons_and_a_lone_coupon_pays_nothing(receipts: Make, journey: Path) -> None:
    fuel, coupon = [fact.data for fact in receipts(journey, method="cash").facts()][:2]
    assert fuel["lines"] == [{"line": 1, "gtin": FUEL, "qty": 8.776, "price": 275, "discount": 88, "amount": 2325}]
    assert coupon["lines"] == [{"line": 1, "gtin": FUEL, "qty": 0, "price": 0, "amount": 0}]
    assert coupon["payments"] == [{"method": "cash", "amount": 0}]


def test_redemptions_follow_their_receipt_or_end_their_day(receipts: Make, journey: Path) -> None:
    facts = list(receipts(journey).facts())
    assert [fact.stream for fact in facts[-4:]] == ["pos.sale", "coupon.redeemed", "coupon.redeemed", "coupon.redeemed"]
    known, unpaid, alone = (fact for fact in facts[-3:])
    assert known.data == {
        "coupon": "51-9-7-20170306",
        "template": "51-9",
        "amount": 150,
        "member": "7",
        "currency": "USD",
        "amount_known": True,
        "receipt": "502",
        "till": "store-12",
    }
    assert known.received == datetime(2017, 3, 7, 3, 30, tzinfo=UTC)
    assert (unpaid.data["receipt"], unpaid.data["amount"], unpaid.data["amount_known"]) == ("502", 0, False)
    assert "receipt" not in alone.data and not alone.data["amount_known"]
    assert alone.received == datetime(2017, 3, 7, 4, 59, 59, tzinfo=UTC)
    assert [f.data["coupon"] for f in receipts(journey, redemptions="priced").facts() if f.stream != "pos.sale"] == ["51-9-7-20170306"]
    assert {fact.stream for fact in receipts(journey, redemptions="none").facts()} == {"pos.sale"}


def test_one_store_of_the_file(receipts: Make, journey: Path) -> None:
    assert [fact.data["receipt"] for fact in receipts(journey, store="13").facts()] == ["40128000000"]
    with pytest.raises(InputFault, match=r"no receipt of store 77; its first stores are 12, 13"):
        next(receipts(journey, store="77").facts())


def test_the_same_from_csv(receipts: Make, journey: Path, tmp_path: Path) -> None:
    folder = tmp_path / "text"
    folder.mkdir()
    for file in journey.iterdir():
        pl.read_parquet(file).write_csv(folder / f"{file.stem}.csv")
    assert list(receipts(folder).facts()) == list(receipts(journey).facts())
    assert receipts(folder).tables() == receipts(journey).tables()


def test_tables(receipts: Make, journey: Path) -> None:
    tables = receipts(journey).tables()
    assert tables["products"][0] == {
        "gtin": SOUP,
        "name": "RAMEN, 14.5 OZ",
        "category": "SOUP",
        "subcategory": "RAMEN",
        "brand": "National",
        "unit": "each",
        "weighed": False,
        "net_content": 14.5,
        "content_unit": "OZ",
        "attributes": {"department": "GROCERY", "manufacturer": "1", "package": "14.5 OZ"},
    }
    assert [row["gtin"] for row in tables["products"]] == [SOUP, NOODLES, FUEL]
    assert [(row["gtin"], row["price"], row["from"]) for row in tables["prices"]] == [
        (SOUP, 339, "2017-03-06"),
        (NOODLES, 33, "2017-03-06"),
        (FUEL, 275, "2017-03-01"),
    ]
    week_1 = {"from": "2017-01-01", "to": "2017-01-01"}
    assert tables["promotions"] == [
        {"promo": "ad-12-w01-A", "kind": "ad", "gtins": [SOUP], **week_1, "wording": "interior page feature"},
        {"promo": "ad-99-w02-D", "kind": "ad", "gtins": [SOUP], "from": "2017-01-02", "to": "2017-01-08", "wording": "front page feature"},
        {"promo": "display-12-w01-3", "kind": "display", "gtins": [SOUP, NOODLES], **week_1, "wording": "front end cap"},
    ]
    campaign = {"from": "2017-03-01", "to": "2017-03-31"}
    assert tables["coupons"] == [
        {"template": "51-9", "name": "Coupon 51 of campaign 9", "kind": "amount", "value": 150, "gtins": [SOUP], **campaign},
        {"template": "52-9", "name": "Coupon 52 of campaign 9", "gtins": [NOODLES], **campaign},
    ]
    assert tables["members"] == [
        {"member": "7", "tags": ["age:45-54", "kids:3+", "campaign:9"], "household": "5+"},
        {"member": "8", "tags": []},
    ]
    assert {row["promo"] for row in receipts(journey, store="12").tables()["promotions"]} == {"ad-12-w01-A", "display-12-w01-3"}
    for name, rows in tables.items():
        assert [schemas.first_error(schemas.table_file(name), row) for row in rows] == [None] * len(rows)


def test_a_product_id_and_its_gtin() -> None:
    assert gtin_of("873902") == "0400008739023"
    assert product_of("0400008739023") == "873902"
    assert gtin_of("9e+05") == gtin_of("900000")
    assert whole_id("4.0128e+10") == "40128000000"
    for wrong in ("", "abc", "-5", "1.5", "nan", "12345678901"):
        with pytest.raises(ValueError, match=r"number|digits"):
            gtin_of(wrong)
    with pytest.raises(ValueError, match="no product id"):
        product_of("6901234567892")


def test_weeks_run_from_monday_but_the_first() -> None:
    assert [day.isoformat() for day in week_days(1)] == ["2017-01-01", "2017-01-01"]
    assert [day.isoformat() for day in week_days(53)] == ["2017-12-25", "2017-12-31"]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("sales_value", -1.0, "row 1: column 'sales_value' has -1.0; this data set has no negative values"),
        ("sales_value", 1.005, "row 1: column 'sales_value' has 1.005; an amount with at most 2 decimals is needed"),
        ("sales_value", 5e6, "row 1: column 'sales_value' has 5000000.0; no more than 1e+06 either way is taken in"),
        ("quantity", float("nan"), "row 1: column 'quantity' has NaN; a number is needed"),
        ("quantity", 0.0, "row 1: column 'sales_value' has 3.5; there is an amount for a quantity of 0"),
        ("product_id", "12 34", "row 1: column 'product_id' has \"12 34\"; a whole number is needed"),
        ("household_id", None, "row 1: column 'household_id' has null; a value is needed"),
        ("product_id", "101", "row 2: product 101 stands twice in basket 502"),
    ],
)
def test_a_bad_cell_is_told_with_its_row(receipts: Make, journey: Path, column: str, value: object, words: str) -> None:
    file = journey / "transactions.parquet"
    frame = pl.read_parquet(file)
    cells = [value, *frame[column].to_list()[1:]]
    frame.with_columns(pl.Series(column, cells, dtype=frame[column].dtype)).write_parquet(file)
    with pytest.raises(InputFault) as caught:
        next(receipts(journey).facts())
    (finding,) = caught.value.findings
    assert (finding.code, finding.file) == ("SL-INP-01", str(file))
    assert finding.text("en").endswith(f"{words}.")
    assert "无法读入" in finding.text("zh")


def test_a_time_beyond_all_calendars_is_told(receipts: Make, journey: Path) -> None:
    file = journey / "transactions.parquet"
    frame = pl.read_parquet(file)
    far = pl.Series([9 * 10**17] * len(frame)).cast(frame["transaction_timestamp"].dtype)
    frame.with_columns(far.alias("transaction_timestamp")).write_parquet(file)
    with pytest.raises(InputFault, match="row 1: column 'transaction_timestamp' has 900000000000000000; a time such as"):
        next(receipts(journey).facts())


def test_a_missing_column_is_told_with_those_there_are(receipts: Make, journey: Path) -> None:
    file = journey / "transactions.parquet"
    pl.read_parquet(file).drop("retail_disc", "week").write_parquet(file)
    with pytest.raises(InputFault, match="lacks the columns retail_disc; it has household_id, store_id, basket_id, product_id, quantity"):
        next(receipts(journey).facts())
    file.unlink()
    with pytest.raises(InputFault, match="no file in it has the columns basket_id and product_id"):
        next(receipts(journey).facts())


def test_a_parquet_file_cut_in_half_is_told(receipts: Make, journey: Path) -> None:
    file = journey / "transactions.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputFault, match=r"transactions\.parquet: parquet: .*PAR1") as caught:
        next(receipts(journey).facts())
    assert caught.value.findings[0].file == str(file)


def test_a_damaged_parquet_file_is_told(receipts: Make, journey: Path) -> None:
    """Footer intact, pages overwritten."""
    file = journey / "transactions.parquet"
    whole = bytearray(file.read_bytes())
    whole[4:400] = b"\xff" * 396
    file.write_bytes(whole)
    with pytest.raises(InputFault, match=r"transactions\.parquet: "):
        next(receipts(journey).facts())


def test_the_real_receipts_equal_the_file(receipts: Make, real: Path) -> None:
    began = time.monotonic()
    facts = list(receipts(real).facts())
    assert time.monotonic() - began < 30
    sales = [fact for fact in facts if fact.stream == "pos.sale"]
    assert (len(sales), len(facts) - len(sales)) == (47_243, 2_102)
    assert sum(len(fact.data["lines"]) for fact in sales) == 75_000
    assert all(a.received <= b.received for a, b in pairwise(facts))
    by_month, by_store = Counter[str](), Counter[str]()
    for fact in sales:
        data = fact.data
        assert data["total"] == sum(line["amount"] for line in data["lines"]) == sum(paid["amount"] for paid in data["payments"])
        by_month[data["business_day"][:7]] += data["total"]
        by_store[data["till"].removeprefix("store-")] += data["total"]
    cents = (pl.col("sales_value") * 100).round().cast(pl.Int64).sum().alias("cents")
    local = pl.col("transaction_timestamp").dt.convert_time_zone("America/New_York").dt.strftime("%Y-%m").alias("month")
    lines = pl.read_parquet(real / "transactions.parquet").with_columns(local)
    assert dict(lines.group_by("month").agg(cents).iter_rows()) == by_month
    assert dict(lines.group_by("store_id").agg(cents).iter_rows()) == by_store
    assert (by_month.total(), len(by_store)) == (23_393_524, 293)


def test_real_facts_fit_their_schemas_and_come_again_the_same(receipts: Make, real: Path) -> None:
    for store in ("367", ""):
        facts = list(receipts(real, store=store).facts())
        bad = [error for fact in facts if (error := schemas.first_error(schemas.stream_file(fact.stream), fact.data))]
        assert not bad
    again = receipts(real).facts()
    assert all(one == other for one, other in zip(facts, again, strict=True))
    coupons = [fact.data for fact in facts if fact.stream == "coupon.redeemed"]
    assert (len(coupons), sum("receipt" in one for one in coupons), sum(one["amount_known"] for one in coupons)) == (2_102, 180, 58)


def test_real_tables_fit_their_schemas(receipts: Make, real: Path) -> None:
    tables = receipts(real).tables()
    assert {name: len(rows) for name, rows in tables.items()} == {
        "products": 20_897,
        "prices": 20_829,
        "promotions": 1_363,
        "coupons": 1_090,
        "members": 2_377,
    }
    for name, rows in tables.items():
        assert not [error for row in rows if (error := schemas.first_error(schemas.table_file(name), row))], name
        keys = [tuple(str(row.get(key)) for key in schemas.tables()[name]) for row in rows]
        assert len(set(keys)) == len(keys), name
    assert not any("consents" in row for row in tables["members"])
