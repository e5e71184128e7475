"""Tables: valid codes, cross-references, sizes, derivation from given tables; the public calendar."""

import json
from datetime import date
from pathlib import Path

import jsonschema_rs
import pytest

from storeloom.core.virtual import VirtualStore, default_profile, default_tables
from storeloom.core.virtual.calendar_cn import HOLIDAYS, WORKDAYS, is_day_off
from storeloom.core.virtual.facts import at_local, gtin13
from storeloom.core.virtual.tables import NAMES

SCHEMAS = Path(__file__).parents[2] / "schemas"
FORMATS = ("supermarket", "mall", "convenience", "specialty")


@pytest.fixture(scope="module", params=FORMATS)
def tables(request):
    return default_tables(request.param, 1)


def test_gtin_check_digit_by_hand():
    # 6 + 3*9 + 0 + 3*1 + 2 + 3*3 + 4 + 3*5 + 6 + 3*7 + 8 + 3*9 = 128: check digit 2
    assert gtin13("690123456789") == "6901234567892"
    with pytest.raises(ValueError, match="12 digits"):
        gtin13("69012345678")


def test_there_are_twenty_tables_that_fit_their_schemas(tables):
    assert set(tables) == set(NAMES) and len(NAMES) == 20
    for name, rows in tables.items():
        validator = jsonschema_rs.validator_for(json.loads((SCHEMAS / "tables" / f"{name}.json").read_text(encoding="utf-8")))
        assert {error.message for row in rows for error in validator.iter_errors(row)} == set(), name


def test_gtins_are_valid_and_of_their_prefix(tables):
    gtins = [row["gtin"] for row in tables["products"]]
    assert len(gtins) == len(set(gtins))
    for row in tables["products"]:
        assert gtin13(row["gtin"][:12]) == row["gtin"]
        assert row["gtin"].startswith("20" + row["plu"] if row["weighed"] else "69")
        assert 0 < row["cost"] < row["list_price"]
        assert row["name"] and row["name_en"].isascii()


def test_rows_refer_to_rows_that_exist(tables):
    products = {row["gtin"] for row in tables["products"]}
    zones = {row["zone"] for row in tables["zones"]}
    fixtures = {row["fixture"] for row in tables["fixtures"]}
    assert {row["gtin"] for row in tables["planogram"]} == products == {row["gtin"] for row in tables["prices"]}
    assert {row["fixture"] for row in tables["planogram"]} <= fixtures
    assert {row["zone"] for row in [*tables["planogram"], *tables["fixtures"], *tables["assets"]]} <= zones
    assert {gtin for row in tables["promotions"] for gtin in row["gtins"]} <= products
    suppliers = {row["supplier"] for row in tables["suppliers"]}
    assert {row["supplier"] for row in [*tables["products"], *tables["lead_times"]]} <= suppliers
    assert {row["asset"] for row in tables["fixtures"] if "asset" in row} <= {row["asset"] for row in tables["assets"]}
    assert {row["staff"] for row in tables["skills"] if "staff" in row} <= {row["staff"] for row in tables["staff"]}
    for row in tables["zones"]:
        assert {link["zone"] for link in row["neighbours"]} <= zones
    slots = [row["slot"] for row in tables["planogram"]]
    assert len(slots) == len(set(slots))


def test_zones_do_not_overlap(tables):
    boxes = [(row["polygon"][0], row["polygon"][2]) for row in tables["zones"] if "parent" not in row]
    for number, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[number + 1 :]:
            assert high[0] <= other_low[0] or other_high[0] <= low[0] or high[1] <= other_low[1] or other_high[1] <= low[1]


def test_a_supermarket_is_a_supermarket():
    products = default_tables("supermarket", 1)["products"]
    assert 550 <= len(products) <= 750
    assert len({row["category"] for row in products}) >= 12


def test_every_adapter_kind_has_a_device():
    kinds = set(json.loads((SCHEMAS / "adapter_kinds.json").read_text(encoding="utf-8"))["kinds"])
    for store_format in FORMATS:
        store = VirtualStore(default_profile(store_format))
        assert {row["kind"] for row in store.default_devices().values()} == kinds
        zones = {row["zone"] for row in store.tables["zones"]}
        assert {row["zone"] for row in store.default_devices().values()} <= zones


def test_the_profile_fits_its_schema():
    validator = jsonschema_rs.validator_for(json.loads((SCHEMAS / "store.json").read_text(encoding="utf-8")))
    for store_format in FORMATS:
        assert [error.message for error in validator.iter_errors(default_profile(store_format))] == []
    assert default_profile("mall", language="en")["language"] == "en"


def test_given_products_shape_the_other_tables():
    rows = [
        {"gtin": "6901234567892", "name": "试", "category": "tea", "unit": "each", "weighed": False, "case_pack": 6, "cost": 1000},
        {"gtin": "6901234567908", "name": "验", "category": "tea", "unit": "each", "weighed": False, "case_pack": 6, "cost": 2000},
    ]
    store = VirtualStore(default_profile("specialty"), tables={"products": rows})
    # cost plus 35 %, as shops write it: 13.50 -> 13.90 (14.00 less a dime), 27.00 -> 26.90
    assert [row["price"] for row in store.tables["prices"]] == [1390, 2690]
    assert {row["gtin"] for row in store.tables["planogram"]} == {"6901234567892", "6901234567908"}
    sold = {line["gtin"] for fact in store.run(date(2026, 3, 2), 1, {"pos.sale"}) for line in fact.data["lines"]}
    assert sold == {"6901234567892", "6901234567908"}


def test_unknown_table_is_named():
    with pytest.raises(ValueError, match="unknown tables goods; known: products, prices"):
        VirtualStore(default_profile(), tables={"goods": []})


def test_chinese_calendar_of_2026():
    assert is_day_off(date(2026, 2, 17)) and is_day_off(date(2026, 10, 1)) and is_day_off(date(2026, 3, 7))
    assert not is_day_off(date(2026, 2, 28)) and not is_day_off(date(2026, 10, 10)) and not is_day_off(date(2026, 3, 2))
    assert all(day.weekday() >= 5 for day in WORKDAYS)
    assert not any(block.first <= day <= block.last for block in HOLIDAYS for day in WORKDAYS)


def test_calendar_facts_come_sixty_days_ahead(run):
    ran = run(scale=0.01, start=date(2026, 2, 1), streams=frozenset({"calendar.event"}))
    events = {(data["kind"], data["name"]): (data["from"], data["to"]) for data in ran.data("calendar.event")}
    assert events[("public_holiday", "春节")] == ("2026-02-14T16:00:00Z", "2026-02-23T16:00:00Z")
    assert ("public_holiday", "清明节") not in events  # begins 62 days later


def test_wall_clock_end_of_day():
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Asia/Shanghai")
    assert at_local(date(2026, 3, 2), "24:00", zone) == at_local(date(2026, 3, 3), "00:00", zone)


@pytest.mark.parametrize("store_format", FORMATS)
def test_the_hall_is_a_sales_zone_with_lamps_and_a_lux_sensor(store_format):
    tables = default_tables(store_format, 1)
    hall = next(row["zone"] for row in tables["assets"] if row["asset"] == "lighting")
    assert next(row["kind"] for row in tables["zones"] if row["zone"] == hall) == "sales"
    assert default_profile(store_format)["devices"]["sens-lux-1"]["zone"] == hall


def test_cabinets_name_their_limit_by_product_class():
    limits = {row["kind"]: row["limits"] for row in default_tables("supermarket", 1)["assets"] if "limits" in row}
    assert limits == {"chiller": {"chilled": 6}, "freezer": {"frozen": -15}}
