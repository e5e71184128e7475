"""Tables about the place: zones with polygons, fixtures, assets, tariffs, tenants, vehicles, documents."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from storeloom.core.virtual.assortment import category_of, supplier_for
from storeloom.core.virtual.chance import Chance
from storeloom.core.virtual.facts import Row
from storeloom.core.virtual.formats import Shape

COLUMNS = 4
SLOTS_PER_FIXTURE = 40
LAMPS_W_M2 = 12
CONTRACTOR = "6970000000016"
FRESH_STORAGE = frozenset({"chilled", "frozen"})


LANE_TILL, LANE_CAMERA = "sco-1", "cam-sco"


def sales_zones(products: Sequence[Row]) -> dict[str, str]:
    """Category to the zone that holds it, numbered in the order in which the categories first appear."""
    categories = list(dict.fromkeys(row["category"] for row in products))
    return {category: f"z-sales-{number}" for number, category in enumerate(categories, 1)}


def make_zones(store_format: str, shape: Shape, products: Sequence[Row]) -> list[Row]:
    """A front row (entrance, checkout, exit), sales zones in rows of four behind it, the backroom at the end."""
    width, depth = shape.zone_m
    plan: list[tuple[str, str, str, str | None]] = [
        ("z-entrance", "入口", "entrance", None),
        ("z-checkout", "收银区", "checkout", None),
        ("z-exit", "出口", "exit", None),
        ("z-fitting", "试衣与休息区", "fitting" if store_format in {"mall", "specialty"} else "dining", None),
    ]
    for category, zone in sales_zones(products).items():
        known = category_of(category)
        fresh = known is not None and (known.weighed or known.storage == "chilled")
        plan.append((zone, known.zh if known else category, "fresh" if fresh else "sales", category))
    if store_format == "mall":
        plan += [(f"z-tenant-{number}", f"租户区{number}", "sales", "tenant") for number in range(1, 13)]
    plan += [("z-backroom", "后仓", "backroom", None), ("z-office", "办公室", "restricted", None), ("z-kitchen", "加工间", "kitchen", None)]
    rows = [_zone(entry, index, width, depth) for index, entry in enumerate(plan)]
    parking = _zone(("z-parking", "停车场", "parking", None), 0, width, depth)
    parking |= {"polygon": [[-40.0, 0.0], [-2.0, 0.0], [-2.0, 30.0], [-40.0, 30.0]], "area_m2": 1140.0, "capacity": 60, "floor": 0}
    rows.append(parking)
    _link(rows, width, depth)
    return rows + (_lane(width, depth) if shape.self_checkouts else [])


def _lane(width: float, depth: float) -> list[Row]:
    """The places of goods at the self-checkout under a camera, thirds of its picture; on the floor they lie in the checkout zone."""
    rows = []
    for number, place in enumerate(("tray", "scan", "bag")):
        left, x = number / 3, width + 1.0 + 0.5 * number
        rows.append(
            {
                "zone": f"{LANE_TILL}-{place}",
                "name": place,
                "kind": "lane",
                "parent": LANE_TILL,
                "floor": 1,
                "polygon": [[x, 1.0], [x + 0.5, 1.0], [x + 0.5, 1.5], [x, 1.5]],
                "area_m2": 0.25,
                "neighbours": [],
                "cameras": [{"camera": LANE_CAMERA, "polygon": [[left, 0.0], [left + 1 / 3, 0.0], [left + 1 / 3, 1.0], [left, 1.0]]}],
            }
        )
    return rows


def _zone(entry: tuple[str, str, str, str | None], index: int, width: float, depth: float) -> Row:
    zone, name, kind, category = entry
    x, y = (index % COLUMNS) * width, (index // COLUMNS) * depth
    row: Row = {
        "zone": zone,
        "name": name,
        "kind": kind,
        "floor": 1,
        "polygon": [[x, y], [x + width, y], [x + width, y + depth], [x, y + depth]],
        "area_m2": round(width * depth, 1),
        "capacity": round(width * depth / 1.5),
        "neighbours": [],
    }
    if category:
        row["category"] = category
    if zone == "z-entrance":
        row |= {"doors": ["line-entrance"], "cameras": [{"camera": "cam-entrance", "polygon": row["polygon"]}]}
    return row


def _link(rows: list[Row], width: float, depth: float) -> None:
    inside = rows[:-1]
    for index, row in enumerate(inside):
        for step, metres in ((1, width), (-1, width), (COLUMNS, depth), (-COLUMNS, depth)):
            other = index + step
            same_line = abs(step) == COLUMNS or other // COLUMNS == index // COLUMNS
            if 0 <= other < len(inside) and same_line:
                row["neighbours"].append({"zone": inside[other]["zone"], "metres": metres, "kind": "open"})
    rows[-1]["neighbours"].append({"zone": "z-entrance", "metres": 25.0, "kind": "door"})
    inside[0]["neighbours"].append({"zone": "z-parking", "metres": 25.0, "kind": "door"})


def centre(zone: Row) -> tuple[float, float]:
    """Middle of a zone's polygon in floor metres."""
    points = zone["polygon"]
    return sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points)


def make_fixtures(shape: Shape, products: Sequence[Row], zones: Sequence[Row]) -> list[Row]:
    """Shelves of five boards by zone, cold cabinets bound to their asset, lanes, endcaps and pick slots."""
    by_zone = {row["zone"]: row for row in zones}
    chillers = [f"chiller-{n}" for n in range(1, shape.chillers + 1)]
    freezers = [f"freezer-{n}" for n in range(1, shape.freezers + 1)] or chillers
    cold_no = 0
    rows: list[Row] = []
    for category, zone in sales_zones(products).items():
        known = category_of(category)
        storage = known.storage if known else "ambient"
        goods = sum(1 for row in products if row["category"] == category)
        x, y = centre(by_zone[zone])
        for number in range(1, ceil(goods / SLOTS_PER_FIXTURE) + 1):
            kind = "cold" if storage in FRESH_STORAGE else "table" if known and known.weighed else "shelf"
            row = _fixture(f"f-{category}-{number}", zone, kind, x + number - 1.5, y)
            row["section"] = category
            if kind == "cold":
                pool = freezers if storage == "frozen" else chillers
                row["asset"] = pool[cold_no % len(pool)]
                cold_no += 1
            rows.append(row)
    for number in range(1, shape.tills + 1):
        x, y = centre(by_zone["z-checkout"])
        rows.append(_fixture(f"lane-{number}", "z-checkout", "lane", x + number - 4, y))
    rows.append(_fixture("endcap-1", "z-sales-1", "endcap", *centre(by_zone["z-sales-1"])))
    rows.append(_fixture("locker-1", "z-entrance", "locker", *centre(by_zone["z-entrance"])))
    return rows


def _fixture(fixture: str, zone: str, kind: str, x: float, y: float) -> Row:
    shelves = [{"shelf": number, "height_mm": 350, "width_mm": 4000, "depth_mm": 450, "eye": number == 3} for number in range(1, 6)]
    row: Row = {"fixture": fixture, "zone": zone, "kind": kind, "x": round(x, 2), "y": round(y, 2), "theta": 0.0}
    return row | ({"shelves": [], "slots": 12} if kind in {"lane", "locker"} else {"bays": 4, "shelves": shelves})


def show_slots(fixtures: Sequence[Row], planogram: Sequence[Row]) -> None:
    """Write into the row of the planogram's first fixture where the shelf camera sees each slot, in shares of its picture."""
    first = planogram[0]["fixture"] if planogram else None
    for fixture in fixtures:
        if fixture["fixture"] == first:
            fixture["slots"] = [
                {"slot": row["slot"], "camera": "cam-shelf", "polygon": _seen(int(row["shelf"]), int(row["slot"].rsplit("-", 1)[1]))}
                for row in planogram
                if row["fixture"] == first
            ]


def _seen(shelf: int, column: int) -> list[list[float]]:
    """The goods' place of one of eight columns on one of five boards: above the price label."""
    left, top = round((column - 1) / 8, 4), round((shelf - 1) / 5, 4)
    right, low = round(left + 0.11, 4), round(top + 0.15, 4)
    return [[left, top], [right, top], [right, low], [left, low]]


def make_assets(shape: Shape, seed: int) -> list[Row]:
    """Cold cabinets, plant, lights and IT, with service and value figures."""
    chance, zone_m2 = Chance(seed, "assets"), shape.zone_m[0] * shape.zone_m[1]
    plan: list[tuple[str, str, str, str, int, str]] = []
    plan += [(f"chiller-{n}", "chiller", f"冷藏柜{n}", "z-sales-1", 900, "A") for n in range(1, shape.chillers + 1)]
    plan += [(f"freezer-{n}", "freezer", f"冷冻柜{n}", "z-sales-1", 1100, "A") for n in range(1, shape.freezers + 1)]
    plan += [
        ("lighting", "lighting", "卖场照明", shape.hall, round(LAMPS_W_M2 * zone_m2 * 10), "B"),
        ("hvac", "hvac", "空调机组", "z-sales-1", 400 * shape.chillers + 6000, "A"),
        ("main", "meter", "总电表", "z-backroom", 0, "A"),
        ("refrigeration", "meter", "冷链电表", "z-backroom", 0, "A"),
        ("door-1", "door", "自动门", "z-entrance", 150, "B"),
        ("scale-1", "scale", "计价秤", "z-sales-1", 20, "A"),
        ("forklift-1", "forklift", "电动叉车", "z-backroom", 1500, "B"),
        ("oven-1", "oven", "烤箱", "z-kitchen", 6000, "B"),
        ("server-1", "computer", "门店主机", "z-office", 250, "A"),
        ("lighting-entrance", "lighting", "入口照明", "z-entrance", round(LAMPS_W_M2 * zone_m2), "B"),
        ("lighting-backroom", "lighting", "后仓照明", "z-backroom", round(LAMPS_W_M2 * zone_m2), "B"),
    ]
    rows: list[Row] = []
    for asset, kind, name, zone, watts, grade in plan:
        value = round(chance.uniform(3000, 40000)) * 100
        row: Row = {
            "asset": asset,
            "kind": kind,
            "name": name,
            "zone": zone,
            "class": grade,
            "supplier": CONTRACTOR,
            "contractor": CONTRACTOR,
            "bought": f"{chance.randint(2019, 2024)}-{chance.randint(1, 12):02d}-15",
            "value": value,
            "life_y": 8,
            "warranty_to": "2027-06-30",
            "service_days": 90,
            "rated_w": watts,
            "idle_w": round(watts * 0.05),
            "essential": grade == "A",
            "continuous": kind in {"chiller", "freezer", "computer"},
            "verified_to": "2027-03-31",
        }
        if kind in {"chiller", "freezer"}:
            row["limits"] = {"frozen": -15} if kind == "freezer" else {"chilled": 6}
            row["device"] = f"probe-{asset}"
        if kind == "scale":
            row |= {"e_g": 5.0, "max_g": 15000}
        rows.append(row)
    return rows


def make_tariffs() -> list[Row]:
    """Time-of-use electricity, flat water and gas, parking and delivery fees; prices in fen."""
    bands = (
        ("valley", "00:00", "06:00", 32),
        ("flat", "06:00", "08:00", 68),
        ("peak", "08:00", "11:00", 108),
        ("flat", "11:00", "18:00", 68),
        ("peak", "18:00", "21:00", 108),
        ("flat", "21:00", "22:00", 68),
        ("valley", "22:00", "24:00", 32),
    )
    rows: list[Row] = [
        {"kind": "electricity", "band": band, "from_time": begin, "to_time": end, "price": price, "per": "kWh"}
        for band, begin, end, price in bands
    ]
    day = {"band": "all", "from_time": "00:00", "to_time": "24:00"}
    rows.append({"kind": "water", **day, "price": 520, "per": "m3"})
    rows.append({"kind": "gas", **day, "price": 390, "per": "m3"})
    rows.append({"kind": "demand", **day, "price": 3800, "per": "kW"})
    rows.append({"kind": "parking", **day, "price": 500, "per": "block", "free_min": 60, "block_min": 60, "cap": 4000})
    rows.append({"kind": "delivery", **day, "price": 150, "per": "km", "fixed": 300})
    rows.append({"kind": "payment", **day, "price": 38, "per": "bp"})
    return rows


def make_tenants(store_format: str, seed: int) -> list[Row]:
    """Twelve tenants of a mall; other formats let one counter by the exit."""
    chance = Chance(seed, "tenants")
    trades = ("餐饮", "咖啡", "珠宝", "眼镜", "美甲", "书店", "数码", "儿童乐园", "影院", "健身", "茶饮", "鲜花")
    zones = [f"z-tenant-{n}" for n in range(1, 13)] if store_format == "mall" else ["z-exit"]
    return [
        {
            "tenant": f"tenant-{number}",
            "name": f"{trades[number - 1]}{number}号铺",
            "zones": [zone],
            "category": trades[number - 1],
            "area_m2": 192.0 if store_format == "mall" else 8.0,
            "meters": [],
            "lease_from": "2024-01-01",
            "lease_to": "2027-12-31",
            "rent": round(chance.uniform(8000, 60000)) * 100,
            "turnover_pct": chance.choice([6.0, 8.0, 10.0]),
        }
        for number, zone in enumerate(zones, 1)
    ]


def make_vehicles(seed: int) -> list[Row]:
    """Two vans, two delivery bikes, a floor robot, and cars known to the car park by hash."""
    chance = Chance(seed, "vehicles")
    rows: list[Row] = [
        {
            "vehicle": "van-1",
            "kind": "van",
            "owner_kind": "store",
            "status": "allowed",
            "capacity_kg": 900,
            "capacity_l": 5000,
            "temperature_class": "ambient",
            "electric": True,
            "cost_km": 120,
        },
        {
            "vehicle": "van-2",
            "kind": "van",
            "owner_kind": "carrier",
            "status": "allowed",
            "capacity_kg": 800,
            "capacity_l": 4500,
            "temperature_class": "chilled",
            "electric": False,
            "cost_km": 180,
        },
        {
            "vehicle": "bike-1",
            "kind": "bike",
            "owner_kind": "carrier",
            "status": "allowed",
            "capacity_kg": 30,
            "capacity_l": 80,
            "electric": True,
        },
        {
            "vehicle": "bike-2",
            "kind": "bike",
            "owner_kind": "carrier",
            "status": "allowed",
            "capacity_kg": 30,
            "capacity_l": 80,
            "electric": True,
        },
        {"vehicle": "robot-1", "kind": "robot", "owner_kind": "store", "status": "allowed", "capacity_kg": 0, "electric": True},
    ]
    for number in range(24):
        status = "blocked" if number == 0 else "monthly" if number < 9 else "free"
        owner = "staff" if status == "free" else "visitor"
        rows.append(
            {
                "vehicle": chance.token("p-", 12),
                "kind": "car",
                "owner_kind": owner,
                "status": status,
                "electric": chance.hit(0.35),
                "valid_to": "2027-12-31",
            }
        )
    return rows


def make_documents(products: Sequence[Row], staff: Sequence[Row]) -> list[Row]:
    """Licences of the store, certificates of suppliers, health certificates of staff who touch food."""
    rows: list[Row] = [
        {
            "document": "food_licence",
            "kind": "permit",
            "subject": "store",
            "number": "JY13101000000001",
            "issued": "2023-05-01",
            "expires": "2028-04-30",
        },
        {
            "document": "fire_inspection",
            "kind": "inspection",
            "subject": "store",
            "number": "XF-2026-014",
            "issued": "2026-01-10",
            "expires": "2027-01-09",
        },
        {
            "document": "tobacco_licence",
            "kind": "permit",
            "subject": "store",
            "number": "YC310101100001",
            "issued": "2024-02-01",
            "expires": "2029-01-31",
        },
    ]
    for number, category in enumerate(dict.fromkeys(row["category"] for row in products), 1):
        rows.append(
            {
                "document": f"doc-sc-{number}",
                "kind": "certificate",
                "subject": category,
                "number": f"SC{number:012d}",
                "issued": "2025-03-01",
                "expires": "2028-02-29",
                "supplier": supplier_for(category),
            }
        )
    for row in staff:
        if "fresh" in row["roles"]:
            rows.append(
                {
                    "document": f"doc-health-{row['staff']}",
                    "kind": "certificate",
                    "subject": row["staff"],
                    "number": f"JK{row['staff']}",
                    "issued": "2026-02-01",
                    "expires": "2027-01-31",
                }
            )
    return rows
