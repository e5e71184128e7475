"""A gateway of electronic shelf labels behind an MQTT broker.

Under `BASE/label/LABEL/set` the gateway gets a JSON object: `id` (of the command), `version`, and where there is a picture `width`,
`height`, `colours`, `planes` (ink to base64, see `render`) and `hash`; `flash`, `from` and `full` as in `label.update`. Under
`BASE/label/LABEL/ack` it answers with `id`, `version`, `state` (`shown`, `failed`, `offline`), and where it knows them `hash`, `code`,
`battery_pct`, `rssi_dbm` and `firmware`; these three it may also tell under `BASE/label/LABEL/state`. Gateways with other topics and
words take a bridge that speaks these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.esl_gateway.labels import STATES, LabelBook, LabelSettings, Update
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver


class MqttLabels(MqttDriver):
    zh, en = "MQTT 价签网关", "Shelf-label gateway over MQTT"
    purpose_zh = "把价签画面按尺寸与墨色绘制后经 MQTT 下发，接收逐签确认、电量、信号与固件；只重发失败的价签，新画面取代旧画面。"
    kind = "esl_gateway"
    feeds = ("label.ack", "device.status")
    takes = ("label.update",)
    capabilities = ("bw", "bwr", "bwry", "flash")
    twin = "storeloom.hardware_adapters.esl_gateway.mqtt_labels_twin:MqttLabelsTwin"

    class Config(LabelSettings, MqttConfig):
        base: str = setting("esl", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.book = LabelBook(device, config, self._send)

    def topics(self) -> Mapping[str, int]:
        return {self._answers: 1, f"{self.config.base}/label/+/state": 1}

    @property
    def _answers(self) -> str:
        return f"{self.config.base}/label/+/ack"

    def heard(self, message: Message) -> Iterator[Fact]:
        told, label = message.json_object(), message.part(self._answers)
        self.book.language = self.context.language
        if message.topic.endswith("/state"):
            yield from self.book.condition(label, told, self.now())
            return
        if told.get("state") not in STATES:
            raise BadMessage(f"{message.topic}: no such state: {told.get('state')}", f"{message.topic}：未知状态 {told.get('state')}")
        yield from self.book.answer({**told, "label": label}, self.now())

    def idle(self) -> Iterator[Fact]:
        return self.book.overdue(self.now())

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        return True if data["label"] == self.device else self.book.serves(data)

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        return self.book.command(data, self.now(), self.config.timeout_s)

    def _send(self, update: Update) -> None:
        self.publish(f"{self.config.base}/label/{update.label}/set", orjson.dumps(update.body))
