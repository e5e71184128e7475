"""The virtual twin of a temperature and humidity transmitter on Modbus (XY-MD02's registers)."""

from __future__ import annotations

from collections.abc import Sequence

from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin, Store
from storeloom.hardware_adapters.links.twin import Said


class ModbusSensorTwin(ModbusTwin):
    def start_values(self) -> Store:
        return {("input", 1): 215, ("input", 2): 480}

    def act(self, number: int) -> Sequence[Said]:
        """Frost in a cold room: a value below zero, in tenths."""
        tenths = -180 - number % 100
        self.set("input", 1, tenths & 0xFFFF)
        return [Said("sensor.reading", {"sensor": "unit-1", "kind": "temperature", "value": tenths / 10, "unit": "C"})]
