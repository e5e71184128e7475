"""The virtual twin of a dimmer on Modbus: level in per cent, colour temperature, with a panel for the hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin, Store
from storeloom.hardware_adapters.links.twin import Said

LEVEL, COLOUR = 0, 1


class ModbusLightingTwin(ModbusTwin):
    def __init__(self) -> None:
        super().__init__()
        self._level = 10

    def start_values(self) -> Store:
        return {("holding", LEVEL): 100, ("holding", COLOUR): 3000}

    def settings(self) -> Mapping[str, Any]:
        cct = {"address": COLOUR, "type": "uint16", "low": 1000, "high": 20000}
        return {**super().settings(), "groups": [{"level": {"address": LEVEL, "type": "uint16", "low": 0, "high": 100}, "cct": cct}]}

    def act(self, number: int) -> Sequence[Said]:
        """Somebody turns the dimmer on the wall."""
        self._level = 10 + (self._level - 9) % 40
        self.set("holding", LEVEL, self._level)
        return [Said("device.status", {"device": "unit-1", "metrics": {"level_pct": float(self._level)}})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "light.set", {"group": "unit-1", "level_pct": 60 + number % 40, "cct_k": 4000, "priority": "energy", "cmd": f"c{number}"}
