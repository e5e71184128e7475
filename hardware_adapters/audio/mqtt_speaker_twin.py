"""The virtual twin of loudspeakers behind a broker. A recording that it is given takes 4 s of its own time, and ends at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.twin import Said

STARTED = "2026-03-02T10:00:00Z"


class MqttSpeakerTwin(MqttTwin):
    faults = (*MqttTwin.faults, "busy", "fail", "odd")

    def __init__(self) -> None:
        super().__init__()
        self._played: list[Mapping[str, Any]] = []
        self._ids: set[str] = set()

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "answer_s": 0.5, "asset_url": "http://media.example/{asset}.mp3", "stored": {"closing": "7"}}

    def listens(self) -> Sequence[str]:
        return ("audio/play",)

    def told(self, topic: str, payload: bytes) -> None:
        told = orjson.loads(payload)
        answer: dict[str, Any] = {"id": told["id"], "ok": True}
        if self.fault in ("busy", "fail"):
            answer |= {"ok": False, "code": "busy" if self.fault == "busy" else "amplifier"}
        elif self.fault == "odd":
            answer |= {"ok": None}
        elif told["id"] not in self._ids:
            with self.lock:
                self._ids.add(told["id"])
                self._played.append({key: value for key, value in told.items() if key != "id"})
            self._tell({"id": told["id"], "zone": told["zone"], "kind": told["kind"], "complete": True, "asset": told.get("asset", "")})
        self.say("audio/answer", answer)

    def _tell(self, told: Mapping[str, Any]) -> None:
        self.say("audio/played", {"started": "now" if self.fault == "odd" else STARTED, "duration_s": 4.0, **told})

    def act(self, number: int) -> Sequence[Said]:
        """Music that it plays by itself ends."""
        self.await_driver()
        told = {"zone": f"z{number}", "kind": "music", "complete": number % 2 == 0, "noise_db": 52.0 + number % 30}
        self._tell(told)
        return [Said("audio.played", {**told, "started": STARTED, "duration_s": 4.0})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        what = ({"text": "本店将于十分钟后打烊"}, {"asset": "closing"}, {"asset": "jingle"})[number % 3]
        return "audio.play", {"zone": "sales", "kind": "closing", "volume_db": -6.0, "cmd": f"c{number}", **what}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self._played)
