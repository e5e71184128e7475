"""Where items are planned to stand, over the table `planogram`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from storeloom.workers.gs1 import item_key

Place = tuple[Any, Any, Any]


class Table(Protocol):
    """The table `planogram` as a solution has it."""

    def get(self, *key: Any) -> Mapping[str, Any] | None: ...

    def derived(self, what: str, build: Callable[[list[Mapping[str, Any]]], Any]) -> Any: ...


def by_item(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Place, ...]]:
    """The keys (fixture, shelf, slot) of each item's rows, valid or not: `planogram.get(*place)` gives the row that counts."""
    found: dict[str, dict[Place, None]] = {}
    for row in rows:
        found.setdefault(item_key(row["gtin"]), {})[row["fixture"], row.get("shelf"), row["slot"]] = None
    return {key: tuple(places) for key, places in found.items()}


def index(planogram: Table) -> Mapping[str, tuple[Place, ...]]:
    """What `by_item` says of a table, made once until the table is replaced."""
    found: Mapping[str, tuple[Place, ...]] = planogram.derived("slots of items", by_item)
    return found


def slots(planogram: Table, gtin: str) -> list[Mapping[str, Any]]:
    """The rows where an item stands now, by fixture and slot."""
    key = item_key(gtin)
    rows = (planogram.get(*place) for place in index(planogram).get(key, ()))
    return sorted((row for row in rows if row and item_key(row["gtin"]) == key), key=lambda row: (row["fixture"], row["slot"]))
