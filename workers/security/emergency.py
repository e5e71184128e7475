"""What an emergency opens and lights: a store's exits and its lamps, by the tables and, where they name none, by its devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
GATES = ("gate", "door", "exit_door", "emergency_door", "barrier")
EXITS = ("exit", "entrance")
LAMPS = ("lighting", "light", "lamp", "luminaire")
OUTDOORS = ("parking", "grid", "level")


def gates(assets: Iterable[Row], zones: Iterable[Row], devices: Iterable[str]) -> list[str]:
    """Assets of a gate's kind that stand at an exit or nowhere in particular, and doors that exits name; else `devices`."""
    exits = {row["zone"]: row for row in zones if row.get("kind") in EXITS}
    rows = [row for row in assets if row.get("kind") in GATES and (row.get("zone") in exits or not row.get("zone"))]
    known = [str(row.get("device") or row["asset"]) for row in rows] + [door for row in exits.values() for door in row.get("doors") or ()]
    return list(dict.fromkeys(known)) or list(devices)


def lamps(assets: Iterable[Row], zones: Iterable[Row], devices: Iterable[str]) -> list[str]:
    """Assets of a lamp's kind, else `devices`, else the zones indoors."""
    rows = [str(row.get("device") or row["asset"]) for row in assets if row.get("kind") in LAMPS]
    return rows or list(devices) or indoors(zones)


def indoors(zones: Iterable[Row]) -> list[str]:
    """The zones in which people are spoken to."""
    return [str(row["zone"]) for row in zones if row.get("kind") not in OUTDOORS]
