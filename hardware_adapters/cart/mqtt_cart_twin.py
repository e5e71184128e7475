"""The virtual twin of a cart's screen behind a broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.screen_twin import SCREEN, ScreenTwin
from storeloom.hardware_adapters.links.twin import Said

BASE = f"carts/{SCREEN}"


class MqttCartTwin(MqttTwin):
    faults = (*MqttTwin.faults, "odd", "fail")

    def __init__(self) -> None:
        super().__init__()
        self.screen = ScreenTwin()

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "ack_s": 1.0}

    def listens(self) -> Sequence[str]:
        return (f"{BASE}/show",)

    def will(self) -> tuple[str, bytes]:
        return f"{BASE}/state", b'{"state":"offline"}'

    def booted(self) -> None:
        self.say(f"{BASE}/state", {"state": "online", "series": self.screen.store, "last": self.screen.last}, retain=True)

    def told(self, topic: str, payload: bytes) -> None:
        told = orjson.loads(payload)
        if told["series"] != self.screen.store:
            self.screen.store, self.screen.last = told["series"], 0
        for answer in self.screen.heard(told, self.fault):
            self.say(f"{BASE}/ack", answer)

    def forget(self) -> None:
        self.screen.forget()

    def act(self, number: int) -> Sequence[Said]:
        event = {"session": "s1", "seq": number, "kind": "add", "gtin": "6901234567892", "qty": 1, "weight_g": 250.0 + number}
        self.screen.event(event)
        for told in list(self.screen.queue.values()):
            self.say(f"{BASE}/event", {**told, "event": {"kind": 7}} if self.fault == "odd" else told)
        self.screen.queue.clear()
        return [Said("cart.event", {**event, "cart": SCREEN})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "cart.show", {"cart": SCREEN, "session": "s1", "screen": f"offer-{number}", "seconds": 30, "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.screen.effects)
