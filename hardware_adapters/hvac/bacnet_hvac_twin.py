"""The virtual twin of a BACnet room controller: set point, mode, room temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.bacnet_twin import BacnetTwin
from storeloom.hardware_adapters.links.twin import Said


class BacnetHvacTwin(BacnetTwin):
    def objects(self) -> Sequence[Any]:
        from bacpypes3.local.analog import AnalogInputObject, AnalogValueObject
        from bacpypes3.local.multistate import MultiStateValueObject

        about = {"units": "degreesCelsius", "covIncrement": 0.1}
        return [
            AnalogValueObject(objectIdentifier=("analog-value", 1), objectName="set", presentValue=22.0, relinquishDefault=22.0, **about),
            MultiStateValueObject(
                objectIdentifier=("multi-state-value", 1), objectName="mode", presentValue=5, relinquishDefault=5, numberOfStates=5
            ),
            AnalogInputObject(objectIdentifier=("analog-input", 1), objectName="room", presentValue=21.5, **about),
        ]

    def act(self, number: int) -> Sequence[Said]:
        return []

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "hvac.set", {"unit": "unit-1", "mode": "cool", "setpoint_c": 20.0 + number % 8, "priority": "comfort", "cmd": f"c{number}"}
