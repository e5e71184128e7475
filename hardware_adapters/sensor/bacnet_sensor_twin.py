"""The virtual twin of a BACnet controller with a thermometer and a door contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.bacnet_twin import BacnetTwin
from storeloom.hardware_adapters.links.twin import Said


class BacnetSensorTwin(BacnetTwin):
    def objects(self) -> Sequence[Any]:
        from bacpypes3.local.analog import AnalogInputObject
        from bacpypes3.local.binary import BinaryInputObject

        analog = {"objectName": "cold room", "presentValue": 4.0, "units": "degreesCelsius", "covIncrement": 0.1}
        return [
            AnalogInputObject(objectIdentifier=("analog-input", 1), **analog),
            BinaryInputObject(objectIdentifier=("binary-input", 1), objectName="door", presentValue="inactive"),
        ]

    def settings(self) -> Mapping[str, Any]:
        sensors = [{"sensor": "cold-1", "asset": "room-1"}, {"object": "binary-input,1", "sensor": "door-1", "kind": "door"}]
        return {**super().settings(), "sensors": sensors, "report_s": 0.3}

    def act(self, number: int) -> Sequence[Said]:
        celsius = 4.0 + number % 40 / 2
        self.put("binary-input,1", "active" if number % 2 else "inactive")
        if self.fault == "odd":
            self.put("analog-input,1", float("nan"))
            return []
        self.put("analog-input,1", celsius)
        said = {"sensor": "cold-1", "kind": "temperature", "value": celsius, "unit": "C", "asset": "room-1"}
        door = {"sensor": "door-1", "kind": "door", "value": number % 2, "unit": "state"}
        return [Said("sensor.reading", said), Said("sensor.reading", door)]
