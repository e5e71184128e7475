"""The virtual twin of a cold cabinet's controller on Modbus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin, Store
from storeloom.hardware_adapters.links.twin import Said

TEMPERATURE, SETPOINT = 0, 1


class ModbusRefrigerationTwin(ModbusTwin):
    def start_values(self) -> Store:
        return {("holding", TEMPERATURE): 35, ("holding", SETPOINT): 20}

    def act(self, number: int) -> Sequence[Said]:
        """The cabinet is below zero."""
        tenths = -15 - number % 200
        self.set("holding", TEMPERATURE, tenths & 0xFFFF)
        return [Said("sensor.reading", {"sensor": "unit-1", "kind": "temperature", "value": tenths / 10, "unit": "C"})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "refrigeration.set", {"asset": "unit-1", "setpoint_c": 3.0 + number % 6, "priority": "food", "cmd": f"c{number}"}
