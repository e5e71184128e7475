"""The virtual twin of a label gateway behind a broker; `loss` is the share of messages over the air that do not get through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from storeloom.hardware_adapters.esl_gateway.shelf_twin import PCT, Shelf
from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said


class MqttLabelsTwin(MqttTwin):
    faults = (*MqttTwin.faults, "busy", "fail", "odd")

    def __init__(self, loss: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        self.shelf = Shelf(loss, seed)
        self._acts = 0

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "ack_s": 1.0, "currency_sign": ""}

    def listens(self) -> Sequence[str]:
        return ("esl/label/+/set",)

    def told(self, topic: str, payload: bytes) -> None:
        label = topic.split("/")[2]
        with self.lock:
            answer = self.shelf.take(label, orjson.loads(payload), self.fault)
        if answer is not None:
            self.say(f"esl/label/{label}/ack", answer)

    def act(self, number: int) -> Sequence[Said]:
        self._acts += 1
        self.shelf.firmware = f"2.4.{self._acts}"
        report = {**self.shelf.report(), **({"battery_pct": "much"} if self.fault == "odd" else {})}
        self.say("esl/label/L1/state", report, retain=True)
        told = {"device": "L1", "state": "online", "firmware": self.shelf.firmware, "metrics": {"battery_pct": PCT}}
        return [Said("device.status", told)]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        fields = {"name": f"Milk {number}", "price": 990 + number, "unit_price": 1980}
        data = {"label": f"L{number}", "version": str(number), "template": "standard", "fields": fields, "cmd": f"c{number}"}
        return "label.update", data

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.shelf.effects)
