"""Tables about goods beside `products`: prices, promotions, coupons, planogram, suppliers, lead times, recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import ceil

from storeloom.core.virtual.assortment import category_of, neat_price, supplier_for
from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.tables_place import CONTRACTOR, SLOTS_PER_FIXTURE, sales_zones

TABLES_FROM = "2024-12-31T16:00:00Z"
FIRST_PROMOTION = date(2025, 1, 6)
PROMOTION_PERIODS = 78
PERIOD_DAYS = 14


def list_price(product: Row) -> int:
    """List price in fen; a product without one sells at cost plus 35 %."""
    return int(product.get("list_price") or neat_price(product["cost"] * 1.35))


def make_prices(products: Sequence[Row]) -> list[Row]:
    return [
        {"gtin": row["gtin"], "kind": "base", "from": TABLES_FROM, "price": list_price(row), "per": "kg" if row["weighed"] else "each"}
        for row in products
    ]


def make_promotions(products: Sequence[Row], seed: int) -> list[Row]:
    """Six percent-off promotions for each fortnight from January 2025 to the end of 2027, four items each."""
    rows: list[Row] = []
    if not products:
        return rows
    for period in range(PROMOTION_PERIODS):
        chance = Chance(seed, "promotions", period)
        first = FIRST_PROMOTION + timedelta(days=period * PERIOD_DAYS)
        taken: set[str] = set()
        for number in range(1, 7):
            lead = chance.pick(products)
            pool = [row["gtin"] for row in products if row["category"] == lead["category"] and row["gtin"] not in taken]
            gtins = sorted(chance.sample(pool, min(4, len(pool))))
            taken |= set(gtins)
            value = chance.choice([10, 15, 20, 25, 30])
            rows.append(
                {
                    "promo": f"promo-{first:%y%m%d}-{number}",
                    "kind": "percent",
                    "gtins": gtins,
                    "value": value,
                    "stack": False,
                    "priority": number,
                    "from": _midnight(first),
                    "to": _midnight(first + timedelta(days=PERIOD_DAYS)),
                    "supplier": lead.get("supplier") or supplier_for(lead["category"]),
                    "approved": True,
                    "wording": f"限时{100 - value}折",
                }
            )
    return rows


def _midnight(day: date) -> str:
    """Midnight in Shanghai, written in UTC."""
    return f"{day - timedelta(days=1):%Y-%m-%d}T16:00:00Z"


def make_coupons() -> list[Row]:
    return [
        {
            "template": "come_back",
            "name": "购物车放回立减2元",
            "kind": "amount",
            "value": 200,
            "valid_days": 1,
            "stack": True,
            "funded_by": "store",
        },
        {
            "template": "welcome-10",
            "name": "新人满50减10",
            "kind": "amount",
            "value": 1000,
            "threshold": 5000,
            "valid_days": 14,
            "per_member": 1,
            "stack": False,
            "funded_by": "store",
        },
        {
            "template": "weekend-5",
            "name": "周末满39减5",
            "kind": "amount",
            "value": 500,
            "threshold": 3900,
            "valid_days": 7,
            "per_member": 4,
            "stack": False,
            "funded_by": "store",
        },
        {
            "template": "birthday-20",
            "name": "生日满100减20",
            "kind": "amount",
            "value": 2000,
            "threshold": 10000,
            "valid_days": 30,
            "per_member": 1,
            "stack": False,
            "funded_by": "store",
        },
        {
            "template": "fresh-12",
            "name": "生鲜88折",
            "kind": "percent",
            "value": 12,
            "threshold": 3000,
            "category": "fruit",
            "valid_days": 3,
            "stack": False,
            "funded_by": "store",
        },
    ]


def make_planogram(products: Sequence[Row], rates: Mapping[str, float]) -> list[Row]:
    """Each item in one slot; facings follow its expected sales, five shelves of eight slots a fixture."""
    zones = sales_zones(products)
    place: dict[str, int] = {}
    rows: list[Row] = []
    for product in products:
        category = product["category"]
        index = place[category] = place.get(category, -1) + 1
        fixture = f"f-{category}-{index // SLOTS_PER_FIXTURE + 1}"
        within = index % SLOTS_PER_FIXTURE
        shelf, slot_no = within // 8 + 1, within % 8 + 1
        rate = rates.get(product["gtin"], 1.0)
        known = category_of(category)
        perishable = known is not None and 0 < known.shelf_days <= 7
        capacity = max(4 if not product["weighed"] else 3, ceil(rate * (1.0 if perishable else 1.6)))
        facings = max(1, min(6, ceil(capacity / 8)))
        width = int(product.get("width_mm") or 80)
        rows.append(
            {
                "fixture": fixture,
                "shelf": shelf,
                "slot": f"{fixture}-{shelf}-{slot_no}",
                "gtin": product["gtin"],
                "facings": facings,
                "x_mm": (slot_no - 1) * 500,
                "width_mm": min(500, facings * width),
                "depth_units": max(1, ceil(capacity / facings)),
                "min_qty": max(1, round(capacity * 0.3)),
                "capacity": capacity,
                "label": f"lbl-{fixture[2:]}-{shelf}-{slot_no}",
                "zone": zones[category],
                "from": "2025-01-01",
            }
        )
    return rows


def make_suppliers(products: Sequence[Row], seed: int) -> list[Row]:
    """One goods supplier for each category present, and the contractor who services the assets."""
    rows: list[Row] = []
    for supplier, categories in _suppliers_of(products).items():
        chance = Chance(seed, "supplier", supplier)
        known = category_of(categories[0])
        rows.append(
            {
                "supplier": supplier,
                "name": f"{known.zh if known else categories[0]}供应商",
                "kind": "goods",
                "categories": categories,
                "order_days": [1, 2, 3, 4, 5, 6, 7] if _is_daily(categories[0]) else [1, 3, 5],
                "min_order": chance.choice([20000, 50000, 80000]),
                "freight": 0,
                "vmi": False,
                "consigned": False,
                "rating": round(chance.uniform(3.4, 4.9), 1),
                "licence_to": "2028-02-29",
            }
        )
    rows.append({"supplier": CONTRACTOR, "name": "设备维保公司", "kind": "contractor", "sla_h": 24, "rating": 4.2})
    return rows


def _suppliers_of(products: Sequence[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in products:
        categories = found.setdefault(row.get("supplier") or supplier_for(row["category"]), [])
        if row["category"] not in categories:
            categories.append(row["category"])
    return found


def _is_daily(category: str) -> bool:
    known = category_of(category)
    return known is not None and 0 < known.shelf_days <= 21


def make_lead_times(products: Sequence[Row]) -> list[Row]:
    """Fresh goods: ordered by 20:00, delivered next morning. Others: ordered Mon, Wed, Fri, delivered after two days."""
    rows: list[Row] = []
    for supplier, categories in _suppliers_of(products).items():
        for category in categories:
            daily = _is_daily(category)
            rows.append(
                {
                    "supplier": supplier,
                    "category": category,
                    "days": 1 if daily else 2,
                    "days_sd": 0.1 if daily else 0.4,
                    "order_by": "20:00",
                    "order_weekdays": [1, 2, 3, 4, 5, 6, 7] if daily else [1, 3, 5],
                    "deliver_weekdays": [1, 2, 3, 4, 5, 6, 7] if daily else [3, 5, 7],
                    "transit_days": 0.4,
                    "pack_multiple": 1,
                    "min_remaining_shelf_pct": 60,
                }
            )
    return rows


def make_recipes(products: Sequence[Row]) -> list[Row]:
    """A salad made in store from vegetables, where the format sells both."""
    made = next((row for row in products if row.get("subcategory") == "salad"), None)
    greens = [row for row in products if row["category"] == "vegetables"][:4]
    if made is None or not greens:
        return []
    return [
        {
            "recipe": "recipe-salad",
            "gtin": made["gtin"],
            "version": 1,
            "yield_qty": 10,
            "unit": "each",
            "steps": ["清洗", "切配", "装盒", "冷藏"],
            "ingredients": [{"gtin": row["gtin"], "qty": 0.6, "unit": "kg", "waste_pct": 12.0} for row in greens],
            "allergens": [],
        }
    ]
