"""The virtual twin of a label gateway behind a broker; `loss` is the share of messages over the air that do not get through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from storeloom.hardware_adapters.esl_gateway.shelf_twin import ShelfTwin
from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said


class MqttLabelsTwin(ShelfTwin, MqttTwin):
    faults = (*MqttTwin.faults, "busy", "fail", "odd")

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
        report, said = self.news()
        self.say("esl/label/L1/state", report, retain=True)
        return [said]
