"""The virtual twin of a room air conditioner behind a Modbus gateway (Intesis' registers)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin, Store
from storeloom.hardware_adapters.links.twin import Said

SETPOINT = 4


class ModbusHvacTwin(ModbusTwin):
    def __init__(self) -> None:
        super().__init__()
        self._tenths = 200

    def start_values(self) -> Store:
        return {("holding", 0): 1, ("holding", 1): 4, ("holding", SETPOINT): 240, ("holding", 5): 263}

    def act(self, number: int) -> Sequence[Said]:
        """Somebody sets another temperature on the wall."""
        self._tenths = 200 + (self._tenths - 195) % 80
        self.set("holding", SETPOINT, self._tenths)
        return [Said("device.status", {"device": "unit-1", "metrics": {"setpoint_c": self._tenths / 10}})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        data = {
            "unit": "unit-1",
            "mode": "cool",
            "setpoint_c": 30.2 - number % 12,
            "fan_pct": 40,
            "priority": "comfort",
            "cmd": f"c{number}",
        }
        return "hvac.set", data
