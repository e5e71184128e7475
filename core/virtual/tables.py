"""Every table of a virtual store, consistent with each other: one call, one seed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from storeloom.core.virtual.assortment import daily_rates, make_products
from storeloom.core.virtual.facts import Row, Tables
from storeloom.core.virtual.formats import shape_of
from storeloom.core.virtual.tables_goods import (
    make_coupons,
    make_lead_times,
    make_planogram,
    make_prices,
    make_promotions,
    make_recipes,
    make_suppliers,
)
from storeloom.core.virtual.tables_people import (
    make_checklists,
    make_courses,
    make_members,
    make_skills,
    make_staff,
)
from storeloom.core.virtual.tables_place import (
    make_assets,
    make_documents,
    make_fixtures,
    make_tariffs,
    make_tenants,
    make_vehicles,
    make_zones,
    show_slots,
)

NAMES = (
    "products",
    "prices",
    "promotions",
    "coupons",
    "members",
    "planogram",
    "zones",
    "fixtures",
    "staff",
    "skills",
    "suppliers",
    "lead_times",
    "assets",
    "tariffs",
    "courses",
    "checklists",
    "tenants",
    "vehicles",
    "documents",
    "recipes",
)


def default_tables(format: str, seed: int) -> Tables:
    """The twenty tables of a store of this format."""
    return build_tables(format, seed)


@cache
def shared_tables(format: str) -> Mapping[str, list[Row]]:
    """The tables of a store of this format with seed 1, made once: they are not to be changed."""
    return default_tables(format, 1)


def build_tables(
    store_format: str, seed: int, given: Mapping[str, list[Row]] | None = None, *, scale: float = 1.0, store: str = ""
) -> Tables:
    """Tables with some of them `given`: the rest is derived from those, so prices and planogram fit given products.

    Raises ValueError for a table name that does not exist.
    """
    own = dict(given or {})
    unknown = sorted(set(own) - set(NAMES))
    if unknown:
        raise ValueError(f"unknown tables {', '.join(unknown)}; known: {', '.join(NAMES)}")
    shape = shape_of(store_format)
    products = own.get("products") or make_products(store_format, seed)
    staff = own.get("staff") or make_staff(store_format, shape, seed)
    zones = own.get("zones") or make_zones(store_format, shape, products)
    rates = daily_rates(products, shape, seed, scale)
    made: Tables = {
        "products": products,
        "prices": make_prices(products),
        "promotions": make_promotions(products, seed),
        "coupons": make_coupons(),
        "members": make_members(shape, store or f"cn-{store_format}-001", seed),
        "planogram": make_planogram(products, rates),
        "zones": zones,
        "fixtures": own["fixtures"] if "fixtures" in own else _fixtures(store_format, products, zones),
        "staff": staff,
        "skills": make_skills(staff, seed),
        "suppliers": make_suppliers(products, seed),
        "lead_times": make_lead_times(products),
        "assets": make_assets(shape, seed),
        "tariffs": make_tariffs(),
        "courses": make_courses(),
        "checklists": make_checklists(),
        "tenants": make_tenants(store_format, seed),
        "vehicles": make_vehicles(seed),
        "documents": make_documents(products, staff),
        "recipes": make_recipes(products),
    }
    if "planogram" not in own and "fixtures" not in own:
        show_slots(made["fixtures"], made["planogram"])
    return {**made, **own}


def _fixtures(store_format: str, products: list[Row], zones: list[Row]) -> list[Row]:
    """Fixtures stand in the default zones where an integrator's own zones lack a sales zone for a category."""
    shape = shape_of(store_format)
    own = {row["zone"]: row for row in zones}
    default = make_zones(store_format, shape, products)
    return make_fixtures(shape, products, [own.get(row["zone"], row) for row in default])
