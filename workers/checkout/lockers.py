"""Locker doors in use: which one an event or a scanned code is about, which device opens it, whether a scanner stands at it.

A door in use is plain JSON: its `slot` and `fixture`, the `device` that opens it, and the `order` in it (None: goods that were left there).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from storeloom.workers.checkout.stations import Device

Row = Mapping[str, Any]


def opener(names: Iterable[str], bound: Sequence[Device]) -> str | None:
    """The bound device that opens a door: one that is called by one of these names, else the first; None where none is bound."""
    known = [device.id for device in bound]
    return next((name for name in (*names, *known) if name in known), None)


def stands_at(scanner: str, scanners: Iterable[Device], lockers: Sequence[Device]) -> bool | None:
    """Whether a scanner stands at a locker: by its id, its setting `cabinet`, or both's zones. None where nothing tells."""
    device = next((one for one in scanners if one.id == scanner), None)
    if scanner in {one.id for one in lockers} or (device and device.settings.get("cabinet")):
        return True
    if device and device.settings.get("till"):
        return False
    zones = {one.zone for one in lockers if one.zone}
    return device.zone in zones if device and device.zone and zones else None


def names_of(door: Row) -> set[str | None]:
    """What a door may be called when a device tells of its state."""
    return {door["slot"], door["fixture"], door["device"]}


def of_event(used: Mapping[str, Row], event: Row, opened: Collection[str]) -> str | None:
    """The key of the door that a `cabinet.event` is about: the one with its session's order, else that of its cell, else the cabinet's only
    one whose order is among those `opened`. An event of a cabinet that no door knows counts where no other door comes into question."""
    cell, session, cabinet = event.get("cell"), event.get("session"), event["cabinet"]
    own = [key for key, door in used.items() if cell in (None, door["slot"])]
    if session is not None and (found := next((key for key in own if used[key]["order"] == session), None)):
        return found
    if cell is None:
        own = [key for key in own if used[key]["order"] in opened]
    near = [key for key in own if cabinet in (used[key]["device"], used[key]["fixture"])]
    known = any(cabinet in (door["device"], door["fixture"]) for door in used.values())
    either = near if known else own
    return either[0] if len(either) == 1 else None


def meant(used: Mapping[str, Row], scanner: str, values: Row) -> list[str]:
    """The orders whose doors a wrong code may have been meant for: the one named (`order`, `cell`), else all behind the locker at which it
    was typed, else all."""
    at_locker = scanner in {door["device"] for door in used.values()}
    return [
        door["order"]
        for door in used.values()
        if door["order"] is not None
        and values.get("order", door["order"]) == door["order"]
        and str(values.get("cell", door["slot"])) == door["slot"]
        and (not at_locker or scanner == door["device"])
    ]
