"""A screen whose player sits behind an MQTT broker.

Under `BASE/SCREEN/schedule` lies the schedule (retained, see `signage.schedule`), with `media` addresses below `media_url` where that is
set. The player says what it played under `BASE/SCREEN/played`, one report a message, with QoS 1, and `online` or, as its last will,
`offline` under `BASE/SCREEN/state`. What this driver finds under the first topic when it starts it takes up again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver, MqttLink
from storeloom.hardware_adapters.signage.schedule import KINDS, BadReport, Schedule

SETTLE_S = 1.0


class MqttSignage(MqttDriver):
    zh, en = "MQTT 数字标牌", "Signage over MQTT"
    purpose_zh = "经 MQTT 以保留消息下发播放计划（优先级、时段），接收播放记录与播放器在线状态；重启后续用原计划。"
    kind = "signage"
    feeds = ("sign.played", "device.status")
    takes = ("sign.play",)
    capabilities = ("image", "video", "text", "priority", "window", "offline")
    twin = "storeloom.hardware_adapters.signage.mqtt_signage_twin:MqttSignageTwin"

    class Config(MqttConfig):
        base: str = setting("signage", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
        media_url: str = setting("", "Address below which pictures and films lie", "媒体文件地址前缀", pattern=r"^(https?://[^@\s?#]+)?$")
        most_entries: int = setting(500, "Entries in the schedule at most", "播放计划条目上限", effect="restart", ge=1, le=10_000)

    def __init__(self, device: str, config: Any) -> None:
        base = f"{config.base}/{device}"
        super().__init__(device, config.model_copy(update={"availability_topic": config.availability_topic or f"{base}/state"}))
        self._plan, self._reports = f"{base}/schedule", f"{base}/played"
        self.schedule = Schedule(device, self._media, config.most_entries)
        self._restored = threading.Event()
        self._sending = threading.Lock()

    def topics(self) -> Mapping[str, int]:
        return {self._reports: 1} if self._restored.is_set() else {self._reports: 1, self._plan: 1}

    def _media(self, asset: str) -> Mapping[str, str] | None:
        kind = next((kind for kind, endings in KINDS.items() if asset.rpartition(".")[2].lower() in endings), None)
        if kind is None or not self.config.media_url:
            return None
        return {"url": f"{self.config.media_url.rstrip('/')}/{quote(asset)}", "hash": asset, "kind": kind}

    def heard(self, message: Message) -> Iterator[Fact]:
        if message.topic == self._plan:
            self._take_up(message)
            return
        try:
            yield self.schedule.played(message.json_object(), self.device, self.now())
        except BadReport as error:
            raise BadMessage(f"{message.topic}: {error.words['en']}", f"{message.topic}：{error.words['zh']}") from error

    def _take_up(self, message: Message) -> None:
        """The schedule as it lay with the broker; what this driver sends itself comes back here, too."""
        if self._restored.is_set() or not message.retained:
            return
        try:
            self.schedule.restore(message.json_object())
        except (KeyError, TypeError, ValueError) as error:
            raise BadMessage(f"{message.topic}: no schedule: {error}", f"{message.topic}：不是播放计划：{error}") from error
        finally:
            self._restored.set()

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        with self._sending, self.linked() as link:
            self._restored.wait(min(SETTLE_S, self.config.timeout_s))
            self._restored.set()
            self.schedule.play(data, self.now())
            self._publish(link)
        return ()

    def arrived(self, link: MqttLink) -> None:
        """A broker that has lost what lay there gets it again."""
        if self._restored.is_set():
            self._publish(link)

    def _publish(self, link: MqttLink) -> None:
        link.publish(self._plan, orjson.dumps(self.schedule.document(self.now())), retain=True)
