"""The virtual twin of a player behind a broker: it sends each report again until the broker has it, and remembers the entries it got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.signage.player_twin import Player, wanted

BASE = "signage/unit-1"


class MqttSignageTwin(MqttTwin):
    faults = (*MqttTwin.faults, "odd")

    def __init__(self) -> None:
        super().__init__()
        self.player = Player()

    def listens(self) -> Sequence[str]:
        return (f"{BASE}/schedule",)

    def will(self) -> tuple[str, bytes]:
        return f"{BASE}/state", b"offline"

    def booted(self) -> None:
        self.say(f"{BASE}/state", "online", retain=True)

    def told(self, topic: str, payload: bytes) -> None:
        self.player.got(orjson.loads(payload))

    def forget(self) -> None:
        self.player.forget()

    def act(self, number: int) -> Sequence[Said]:
        asset = f"poster-{number}"
        report = self.player.show(asset)
        self.say(f"{BASE}/played", {**report, "duration_s": "long"} if self.fault == "odd" else report)
        return [Said("sign.played", {"screen": "unit-1", "asset": asset, "duration_s": 8.0, "complete": True})]

    def command(self, number: int) -> tuple[str, Mapping[str, object]]:
        return "sign.play", wanted(number)

    def took(self) -> Sequence[Mapping[str, object]]:
        return list(self.player.entries.values())
