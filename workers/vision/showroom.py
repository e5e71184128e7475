"""What stands in a showroom by its assets table: the zones with an exhibit, what directs them, and what reports about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Asset = Mapping[str, Any]
REPORTING = ("screen", "light", "exhibit")


@dataclass
class Show:
    """A zone's first exhibit, and the devices of the screens and lights beside it."""

    exhibit: str
    screens: list[str] = field(default_factory=list)
    lights: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fittings:
    """`shows` by zone, `reporting` the screens, lights and exhibits of all zones in this order, `named` the same by each name (device or
    asset) under which they may report, `zone_of` the zone with an exhibit in which a device or an asset of any kind stands."""

    shows: dict[str, Show]
    reporting: tuple[Asset, ...]
    named: dict[str, list[Asset]]
    zone_of: dict[str, str]


def fittings(assets: Iterable[Asset]) -> Fittings:
    """The fittings of the assets that stand in a zone; an asset without a device answers to its own number."""
    placed = [asset for asset in assets if asset.get("zone")]
    shows: dict[str, Show] = {}
    for asset in placed:
        if asset["kind"] == "exhibit":
            shows.setdefault(asset["zone"], Show(asset["asset"]))
    zone_of: dict[str, str] = {}
    for asset in placed:
        if (show := shows.get(asset["zone"])) is None:
            continue
        beside = {"screen": show.screens, "light": show.lights}.get(asset["kind"])
        if beside is not None:
            beside.append(asset.get("device") or asset["asset"])
        for name in _names(asset):
            zone_of.setdefault(name, asset["zone"])
    reporting = tuple(asset for kind in REPORTING for asset in placed if asset["kind"] == kind)
    named: dict[str, list[Asset]] = {}
    for asset in reporting:
        for name in _names(asset):
            named.setdefault(name, []).append(asset)
    return Fittings(shows, reporting, named, zone_of)


def _names(asset: Asset) -> list[str]:
    return [asset["asset"], *([asset["device"]] if asset.get("device") not in (None, asset["asset"]) else [])]
