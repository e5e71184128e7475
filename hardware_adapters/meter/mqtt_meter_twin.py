"""The virtual twin of a Tasmota plug: `tele/plug1/SENSOR` with register (kWh) and power (W)."""

from __future__ import annotations

from collections.abc import Sequence

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said


class MqttMeterTwin(MqttTwin):
    faults = (*MqttTwin.faults, "odd")

    def listens(self) -> Sequence[str]:
        return ()

    def told(self, topic: str, payload: bytes) -> None:
        """It takes no commands."""

    def act(self, number: int) -> Sequence[Said]:
        total, watts = 1042.5 + number / 8, 1500 + 250 * (number % 40)
        self.say(
            "tele/plug1/SENSOR",
            {"Time": "2026-03-02T10:00:00", "ENERGY": {"Total": -1 if self.fault == "odd" else total, "Power": watts}},
            retain=True,
        )
        return [Said("meter.reading", {"meter": "plug1", "kind": "electricity", "total": total, "unit": "kWh", "power_kw": watts / 1000})]
