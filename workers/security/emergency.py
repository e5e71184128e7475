"""What an emergency opens and lights: a store's exits and its lamps, by the tables and by its devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
GATES = ("gate", "door", "exit_door", "emergency_door", "barrier")
EXITS = ("exit", "entrance")
LAMPS = ("lighting", "light", "lamp", "luminaire")
OUTDOORS = ("parking", "grid", "level")


def gates(assets: Iterable[Row], zones: Iterable[Row], devices: Iterable[str]) -> list[str]:
    """Assets of a gate's kind that stand at an exit or nowhere in particular, doors that exits name, and all `devices` that no asset puts
    elsewhere: whoever wants out must not find a gate shut because a table forgot it."""
    exits = {row["zone"]: row for row in zones if row.get("kind") in EXITS}
    rows = [row for row in assets if row.get("kind") in GATES]
    known = [_device(row) for row in rows if row.get("zone") in exits or not row.get("zone")]
    doors = [door for row in exits.values() for door in row.get("doors") or ()]
    elsewhere = {_device(row) for row in rows} - set(known)
    return list(dict.fromkeys([*known, *doors, *(one for one in devices if one not in elsewhere)]))


def lamps(assets: Iterable[Row], zones: Iterable[Row], devices: Iterable[str]) -> list[str]:
    """Assets of a lamp's kind, else `devices`, which are such lamps' controllers, else the zones indoors."""
    rows = [_device(row) for row in assets if row.get("kind") in LAMPS]
    return rows or list(devices) or indoors(zones)


def _device(row: Row) -> str:
    return str(row.get("device") or row["asset"])


def indoors(zones: Iterable[Row]) -> list[str]:
    """The zones in which people are spoken to."""
    return [str(row["zone"]) for row in zones if row.get("kind") not in OUTDOORS]
