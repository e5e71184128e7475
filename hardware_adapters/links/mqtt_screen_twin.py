"""For twins of screens behind a broker."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from storeloom.hardware_adapters.links.mqtt_twin import MqttTwin
from storeloom.hardware_adapters.links.screen_twin import SCREEN, ScreenTwin
from storeloom.hardware_adapters.links.twin import Said


class MqttScreenTwin(MqttTwin):
    """A screen under `BASE/unit-1`. A subclass gives `happens` and `wanted`: an event and a command, another for each number."""

    faults = (*MqttTwin.faults, "odd", "fail")
    base: ClassVar[str]
    event_stream: ClassVar[str]
    show_stream: ClassVar[str]
    name_key: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.screen = ScreenTwin()

    @abstractmethod
    def happens(self, number: int) -> Mapping[str, Any]: ...

    @abstractmethod
    def wanted(self, number: int) -> Mapping[str, Any]: ...

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "ack_s": 1.0}

    def topic(self, word: str) -> str:
        return f"{self.base}/{SCREEN}/{word}"

    def listens(self) -> Sequence[str]:
        return (self.topic("show"),)

    def will(self) -> tuple[str, bytes]:
        return self.topic("state"), b'{"state":"offline"}'

    def booted(self) -> None:
        self.say(self.topic("state"), {"state": "online", "series": self.screen.store, "last": self.screen.last}, retain=True)

    def told(self, topic: str, payload: bytes) -> None:
        told = orjson.loads(payload)
        if told["series"] != self.screen.store:
            self.screen.store, self.screen.last = told["series"], 0
        for answer in self.screen.heard(told, self.fault):
            self.say(self.topic("ack"), answer)

    def forget(self) -> None:
        self.screen.forget()

    def act(self, number: int) -> Sequence[Said]:
        event = self.happens(number)
        self.screen.event(event)
        for told in list(self.screen.queue.values()):
            self.say(self.topic("event"), {**told, "event": {"kind": 7}} if self.fault == "odd" else told)
        self.screen.queue.clear()
        return [Said(self.event_stream, {**event, self.name_key: SCREEN})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return self.show_stream, {self.name_key: SCREEN, **self.wanted(number), "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self.screen.effects)
