"""The virtual twin of a gate's controller on Modbus: a coil opens it, a contact tells how it stands, a register counts who goes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.modbus import Kind
from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin, Store
from storeloom.hardware_adapters.links.twin import Said

OPEN, COUNTED = 0, 0


class ModbusGateTwin(ModbusTwin):
    def __init__(self) -> None:
        super().__init__()
        self._open = True

    def start_values(self) -> Store:
        return {("discrete", OPEN): int(self._open)}

    def settings(self) -> Mapping[str, Any]:
        inputs = [
            {"address": OPEN, "means": "open"},
            {"kind": "input", "address": COUNTED, "type": "uint16", "means": "count", "direction": "in"},
        ]
        return {**super().settings(), "pulse_s": 0.1, "inputs": inputs}

    def wrote(self, kind: Kind, address: int, values: Sequence[int]) -> None:
        """The gate opens at the beginning of a pulse; its end is no command."""
        if values[0]:
            super().wrote(kind, address, values)

    def act(self, number: int) -> Sequence[Said]:
        """Somebody pushes the gate open, or closed."""
        self._open = not self._open
        self.set("discrete", OPEN, self._open)
        return [Said("gate.state", {"gate": "unit-1", "kind": "opened" if self._open else "closed"})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "gate.open", {"gate": "unit-1", "reason": "visit", "cmd": f"c{number}"}
