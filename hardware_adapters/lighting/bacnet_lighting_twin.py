"""The virtual twin of a BACnet lighting controller with one dimmed group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.bacnet_twin import BacnetTwin
from storeloom.hardware_adapters.links.twin import Said


class BacnetLightingTwin(BacnetTwin):
    def objects(self) -> Sequence[Any]:
        from bacpypes3.local.analog import AnalogOutputObject

        about = {"objectName": "sales floor", "presentValue": 0.0, "relinquishDefault": 30.0, "covIncrement": 1.0, "units": "percent"}
        return [AnalogOutputObject(objectIdentifier=("analog-output", 1), **about)]

    def act(self, number: int) -> Sequence[Said]:
        return []

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "light.set", {"group": "unit-1", "level_pct": 20 * (number % 5), "priority": "energy", "cmd": f"c{number}"}
