"""The virtual twin of a barrier's controller on Modbus: a coil lifts it, one contact tells its position, one the vehicle on the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.gate.modbus_gate_twin import OPEN, ModbusGateTwin
from storeloom.hardware_adapters.links.twin import Said

LOOP = 1


class ModbusBarrierTwin(ModbusGateTwin):
    def settings(self) -> Mapping[str, Any]:
        inputs = [{"address": OPEN, "means": "open"}, {"address": LOOP, "means": "passing", "direction": "out"}]
        return {**super().settings(), "inputs": inputs}

    def act(self, number: int) -> Sequence[Said]:
        """The barrier goes up or down; that it goes up the car park hears."""
        said = list(super().act(number))
        return [*said, Said("parking.event", {"kind": "barrier_up", "lane": "unit-1"})] if self._open else said
