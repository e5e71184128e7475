"""The virtual twin of a module of eight relays on Modbus (coils 0 to 7), with switches of its own for the hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.modbus_twin import ModbusTwin
from storeloom.hardware_adapters.links.twin import Said

RELAYS, BY_HAND = 8, 7


class ModbusRelayTwin(ModbusTwin):
    def __init__(self) -> None:
        super().__init__()
        self._on = False

    def settings(self) -> Mapping[str, Any]:
        relays = [{"relay": f"relay-{number}", "address": number} for number in range(RELAYS)]
        return {**super().settings(), "relays": relays}

    def act(self, number: int) -> Sequence[Said]:
        """Somebody switches the last relay by hand."""
        self._on = not self._on
        self.set("coil", BY_HAND, self._on)
        return [Said("device.status", {"device": "unit-1", "metrics": {f"on relay-{BY_HAND}": float(self._on)}})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "relay.set", {
            "relay": f"relay-{number % BY_HAND}",
            "on": number // BY_HAND % 2 == 0,
            "priority": "safety",
            "cmd": f"c{number}",
        }
