"""What the pickers of a form offer: the store's devices and zones, and the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.studio.forms.model import Option

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
TABLES = {"product": "products", "zone": "zones", "staff": "staff"}


def offered(store: Mapping[str, Any], tables: Rows | None = None) -> dict[str, tuple[Option, ...]]:
    """The choices of each picker by its `x-widget`: devices, zones, products, staff and table names; an id is chosen, its name is read."""
    devices = {name: facts for name, facts in (store.get("devices") or {}).items() if isinstance(facts, Mapping)}
    found = {"device": tuple(_named(name, facts.get("kind")) for name, facts in devices.items())}
    found["table"] = tuple(_named(name, None) for name in schemas.tables())
    for widget, table in TABLES.items():
        key = schemas.tables()[table][0]
        found[widget] = _unlike(_named(str(row[key]), row.get("name")) for row in (tables or {}).get(table, ()) if key in row)
    zones = sorted({str(facts["zone"]) for facts in devices.values() if facts.get("zone")})
    found["zone"] = _unlike([*found["zone"], *(_named(zone, None) for zone in zones)])
    return found


def _named(key: str, name: Any) -> Option:
    words = f"{key} ({name})" if name else key
    return Option(key, words, words)


def _unlike(options: Iterable[Option]) -> tuple[Option, ...]:
    """The options without those whose value came before."""
    first: dict[Any, Option] = {}
    for one in options:
        first.setdefault(one.value, one)
    return tuple(first.values())
