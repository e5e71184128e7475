"""What dishes take of ingredients: recipes exploded level by level, units brought to one base, stock used before it spoils.

Material requirements planning (Orlicky, "Material Requirements Planning", 1975) with yields; stock goes first expired, first out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Recipes = Mapping[str, Mapping[str, float]]
"""Of each dish the base units of each ingredient that one piece takes, yields included."""
BASE = {"ml": 1.0, "cl": 10.0, "dl": 100.0, "l": 1000.0, "g": 1.0, "kg": 1000.0, "mg": 0.001}
TINY, FAR = 1e-9, "9999-12-31"


def base_units(unit: str | None) -> float:
    """Base units (ml, g, pieces) in one of a unit."""
    return BASE.get((unit or "").lower(), 1.0)


def piece(product: Row) -> float:
    """Base units in one unit of stock of a product: its content, a kilogram of weighed goods, else one."""
    if product.get("net_content"):
        return float(product["net_content"]) * base_units(product.get("content_unit"))
    return 1000.0 if product.get("unit") == "kg" else 1.0


def recipes(rows: Iterable[Row], default_yield: float) -> dict[str, dict[str, float]]:
    """Recipes by dish, the highest version of each."""
    latest: dict[str, Row] = {}
    for row in rows:
        known = latest.get(row.get("gtin", ""))
        if row.get("gtin") and (known is None or row.get("version", 0) >= known.get("version", 0)):
            latest[row["gtin"]] = row
    found: dict[str, dict[str, float]] = {}
    for dish, row in latest.items():
        lines: dict[str, float] = {}
        for line in row.get("ingredients") or ():
            share = default_yield if line.get("waste_pct") is None else 1 - line["waste_pct"] / 100
            used = line["qty"] * base_units(line.get("unit")) / max(share, TINY) / (row.get("yield_qty") or 1)
            lines[line["gtin"]] = lines.get(line["gtin"], 0.0) + used
        found[dish] = lines
    return found


def loop(known: Recipes) -> list[str]:
    """A loop of recipes that contain one another, first dish again at the end; empty without one."""
    done: set[str] = set()

    def walk(dish: str, path: list[str]) -> list[str]:
        if dish in path:
            return [*path[path.index(dish) :], dish]
        if dish in done or dish not in known:
            return []
        for part in sorted(known[dish]):
            if found := walk(part, [*path, dish]):
                return found
        done.add(dish)
        return []

    return next((found for dish in sorted(known) if (found := walk(dish, []))), [])


def explode(demand: Mapping[str, float], known: Recipes, sizes: Mapping[str, float]) -> dict[str, float]:
    """Base units of every ingredient that the dishes take; what is made here of other things is taken apart, too.

    `sizes`: base units in one piece of a dish that is an ingredient itself (default 1).
    """
    found: dict[str, float] = {}
    waiting = {dish: units for dish, units in demand.items() if dish in known}
    while waiting:
        below: dict[str, float] = {}
        for dish, units in waiting.items():
            for part, used in known[dish].items():
                found[part] = found.get(part, 0.0) + units * used
                if part in known:
                    below[part] = below.get(part, 0.0) + units * used / sizes.get(part, 1.0)
        waiting = below
    return found


def short(needs: Sequence[tuple[str, float]], lots: Iterable[tuple[str, float]]) -> tuple[float, float]:
    """Base units missing and left over when each day's need, in order, is met from lots (last day, quantity) that are still good."""
    ordered, missing = sorted(lots), 0.0
    left = [qty for _, qty in ordered]
    for day, need in needs:
        for n, (last, _) in enumerate(ordered):
            taken = min(need, left[n]) if last >= day else 0.0
            left[n] -= taken
            need -= taken
        missing += need
    end = needs[-1][0] if needs else ""
    return missing, sum(qty for (last, _), qty in zip(ordered, left, strict=True) if last >= end)


def cases(need: float, case: float) -> int:
    """Whole cases that meet a need."""
    return max(0, math.ceil(need / case - TINY))


def lots(whole: float, known: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Last day and quantity of what is on hand: of the `known` ones as far as it goes, in their order, the rest without a last day."""
    found = []
    for last, qty in known:
        found.append((last, min(whole, qty)))
        whole -= min(whole, qty)
    return [*found, (FAR, whole)]


def outlives(case: float, daily: float, life_days: float | None) -> bool:
    """Whether a case would last longer at the mean daily use than it keeps; not where either is unknown."""
    return bool(daily > 0 and life_days and case / daily > life_days)
