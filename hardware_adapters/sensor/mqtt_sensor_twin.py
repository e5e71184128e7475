"""The virtual twin of a Zigbee2MQTT gateway with two sensors: `fridge` (temperature, humidity) and `door` (contact)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said


class MqttSensorTwin(MqttTwin):
    faults = (*MqttTwin.faults, "odd")

    def listens(self) -> Sequence[str]:
        return ()

    def told(self, topic: str, payload: bytes) -> None:
        """It takes no commands."""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "availability_topic": "zigbee2mqtt/bridge/state"}

    def act(self, number: int) -> Sequence[Said]:
        if number % 2:
            closed = number % 4 == 1
            self.say(
                "zigbee2mqtt/door", {"contact": "ajar" if self.fault == "odd" else closed, "battery": 87, "linkquality": 120}, retain=True
            )
            return [Said("sensor.reading", {"sensor": "door", "kind": "door", "value": 0.0 if closed else 1.0, "unit": "state"})]
        celsius, percent = 3.5 + number % 32 / 4, 61.0 + number % 32
        self.say(
            "zigbee2mqtt/fridge",
            {"temperature": None if self.fault == "odd" else celsius, "humidity": "wet" if self.fault == "odd" else percent},
            retain=True,
        )
        return [
            Said("sensor.reading", {"sensor": "fridge", "kind": "temperature", "value": celsius, "unit": "C"}),
            Said("sensor.reading", {"sensor": "fridge", "kind": "humidity", "value": percent, "unit": "%"}),
        ]
