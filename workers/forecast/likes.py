"""Which items are like another, by Gower's distance (Biometrics 27, 1971): the mean over attributes, numbers by their range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
ELSEWHERE = {"pack_size": "net_content", "price_band": "list_price"}
LEAST_LIKES = 3
TINY = 1e-9


def attribute(row: Row, name: str) -> Any:
    """An attribute of a product: its own column, else among its attributes, else what stands for it; None where it is not known."""
    attributes = row.get("attributes") or {}
    found = row.get(name) if row.get(name) is not None else attributes.get(name)
    return found if found is not None else row.get(ELSEWHERE.get(name, ""))


def ranges(rows: Iterable[Row], names: Sequence[str]) -> dict[str, float]:
    """Range of each attribute that is a number."""
    rows, found = list(rows), {}
    for name in names:
        values = [value for row in rows if _is_number(value := attribute(row, name))]
        if values:
            found[name] = float(max(values) - min(values))
    return found


def gower(one: Row, other: Row, names: Sequence[str], spans: Mapping[str, float]) -> float:
    """Distance 0 to 1; attributes that one of both lacks do not count, and with none to compare it is 1."""
    parts = []
    for name in names:
        here, there = attribute(one, name), attribute(other, name)
        if here is None or there is None:
            continue
        if _is_number(here) and _is_number(there):
            span = spans.get(name, 0.0)
            parts.append(min(1.0, abs(here - there) / span) if span > 0 else 0.0)
        else:
            parts.append(0.0 if here == there else 1.0)
    return sum(parts) / len(parts) if parts else 1.0


def nearest(item: Row, launched: Sequence[Row], names: Sequence[str], most: int, farthest: float) -> list[str]:
    """The most like launched items, nearest first, ties by gtin; with fewer than three within `farthest`, its whole category."""
    spans = ranges([item, *launched], names)
    near = sorted((gower(item, row, names, spans), str(row["gtin"])) for row in launched)
    found = [gtin for distance, gtin in near if distance <= farthest + TINY][:most]
    if len(found) >= LEAST_LIKES:
        return found
    return sorted(str(row["gtin"]) for row in launched if row.get("category") == item.get("category")) or found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
