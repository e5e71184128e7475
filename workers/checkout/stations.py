"""Which devices work together where several of a kind are bound: a scale with its camera, a kiosk with its camera and payment terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol


class Device(Protocol):
    """A bound device."""

    @property
    def id(self) -> str: ...
    @property
    def zone(self) -> str | None: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


def station_of(anchors: Sequence[Device], kind: str, others: Sequence[Device], device: str) -> str | None:
    """The station that a device (id) of some kind belongs to: the id of an anchor, one of the devices (of `kind`) that make the stations.

    It is the anchor itself, the one that its settings name under `kind`, the only one in its zone, or the one of its place in the list
    where there are as many of both. With one anchor, or none, there is one station, and all devices belong to it. None for a device that
    belongs to no station.
    """
    if len(anchors) <= 1:
        return anchors[0].id if anchors else ""
    ids = [anchor.id for anchor in anchors]
    if device in ids:
        return device
    place = next((number for number, other in enumerate(others) if other.id == device), None)
    if place is None:
        return None
    named = others[place].settings.get(kind)
    if named in ids:
        return str(named)
    near = [anchor.id for anchor in anchors if anchor.zone is not None and anchor.zone == others[place].zone]
    if len(near) == 1:
        return near[0]
    return ids[place] if len(others) == len(anchors) else None


def at_station(anchors: Sequence[Device], kind: str, others: Sequence[Device], station: str) -> str | None:
    """The first of some devices that belongs to a station; None where none does."""
    return next((other.id for other in others if station_of(anchors, kind, others, other.id) == station), None)


def till_of(devices: Iterable[Device], device: str | None) -> str:
    """The till that a kiosk or camera stands for: the one that its settings name, else its own id; `kiosk` where none is known."""
    settings = next((one.settings for one in devices if one.id == device), {})
    return str(settings.get("till") or device or "kiosk")


def kiosk_at(kiosks: Sequence[Device], till: str, known: Sequence[str]) -> str | None:
    """The kiosk of a till: the one whose settings name it, or of that id; one that nobody bound where no kiosk names a till; else None."""
    for one in kiosks:
        if till in (one.id, one.settings.get("till")):
            return one.id
    return till if till in known or not any(one.settings.get("till") for one in kiosks) else None


def served_by(
    anchors: Sequence[Device], kind: str, others: Sequence[Device], device: str, busy: Sequence[str], known: Sequence[str]
) -> str:
    """The station that a device serves, where stations may be other than the anchors: itself, the only one in use, else by `station_of`.

    `known` are the stations heard of, `busy` those in use now.
    """
    if device in known:
        return device
    here = list(busy) or list(known)
    if len(anchors) <= 1 and len(here) == 1:
        return here[0]
    return station_of(anchors, kind, others, device) or device
