"""Screens behind an MQTT broker; messages as `links.screens` has them.

Under `BASE/SCREEN/show` a screen gets what it is to show, under `BASE/SCREEN/ack` it answers, under `BASE/SCREEN/event` it says what
happened (QoS 1: the broker has it again until it is stored here, so no `got` is sent). Under `BASE/SCREEN/state` it says, retained,
`{"state": "online", "series": id, "last": number}`, the last message that it has shown and of which series of the store's, and leaves
`{"state": "offline"}` as its last will. `series` stands in each message for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import orjson

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver, MqttLink
from storeloom.hardware_adapters.links.screens import BadEvent, ScreenBook, Shown
from storeloom.hardware_adapters.links.watch import DeviceWatch

HERE = {"en": "", "zh": ""}
LOST = {"en": "the screen is not connected", "zh": "屏幕未连接"}


class MqttScreenConfig(MqttConfig):
    """The broker, and where screens speak."""

    base: str = setting("screens", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
    ack_s: float = setting(5.0, "Time for a screen's answer", "屏幕应答时限", unit="s", gt=0, le=25)


class MqttScreens(MqttDriver):
    """Base of drivers of screens. A subclass gives its streams and `name_key`, the field that names the screen in both."""

    event_stream: ClassVar[str]
    name_key: ClassVar[str]

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.book = ScreenBook(device, self.name_key, self.event_stream)
        self._here: set[str] = set()
        self._watches: dict[str, DeviceWatch] = {}
        self._resume: deque[tuple[str, Shown]] = deque()

    def topics(self) -> Mapping[str, int]:
        return {f"{self.config.base}/+/{word}": 1 for word in ("ack", "event", "state")}

    def heard(self, message: Message) -> Iterator[Fact]:
        word, told = message.topic.rpartition("/")[2], message.json_object()
        screen = message.part(f"{self.config.base}/+/{word}")
        if word == "ack":
            self.book.acknowledged(screen, told)
        elif word == "state":
            yield from self._came_or_went(screen, told, message.topic)
        else:
            try:
                yield self.book.event(screen, told, self.now())
            except BadEvent as error:
                raise BadMessage(f"{message.topic}: {error.words['en']}", f"{message.topic}：{error.words['zh']}") from error

    def _came_or_went(self, screen: str, told: Mapping[str, Any], topic: str) -> Iterator[Fact]:
        state, last = told.get("state"), told.get("last", 0)
        if state not in ("online", "offline") or not isinstance(last, int):
            raise BadMessage(f"{topic}: neither here nor away: {str(state)[:40]}", f"{topic}：无法识别的在线状态 {str(state)[:40]}")
        there = state == "online"
        self._here = self._here | {screen} if there else self._here - {screen}
        newest = self.book.resumed(screen, str(told.get("series", "")), last) if there else None
        if newest is not None:
            self._resume.append((screen, newest))
        if screen == self.device:
            self._away = not there
            yield from self.tell("online")
            return
        watch = self._watches.setdefault(screen, DeviceWatch(screen, self.kind, self.context.language))
        fact = watch.note("online" if there else "offline", self.now(), code="" if there else "offline", words=HERE if there else LOST)
        if fact is not None:
            yield Fact(fact.received, fact.stream, self.device, fact.data)

    def idle(self) -> Iterator[Fact]:
        while self._resume:
            screen, shown = self._resume[0]
            with self.linked() as link:
                self._send(link, screen, shown, again=True)
            self._resume.popleft()
        return iter(())

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        """Those that are connected are its own."""
        return True if str(data[self.name_key]) in self._here else None

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        screen = str(data[self.name_key])
        with self.linked() as link:
            if screen not in self._here:
                raise DeviceError(Code.OFFLINE, f"screen {screen} is not connected", f"屏幕 {screen} 未连接")
            shown = self.book.show(screen, data)
            if shown.state != "shown":
                self._send(link, screen, shown, again=False)
                self.book.wait(shown, screen, self.config.ack_s)
        return ()

    def _send(self, link: MqttLink, screen: str, shown: Shown, *, again: bool) -> None:
        message = {**shown.message(again), "series": self.book.series}
        link.publish(f"{self.config.base}/{screen}/show", orjson.dumps(message))
