"""Loudspeakers behind an MQTT broker: announcements by address, by the id of one that lies in the device, or as text to be spoken.

Under `BASE/play` the controller gets a JSON object: `id` (of the command), `zone`, `kind`, one of `url`, `stored` and `text` (none: the
volume alone), and where given `speaker`, `asset`, `volume_db`, `duck_db`, `repeat`, `until`. Under `BASE/answer` it answers at once with
`id`, `ok` and where it refuses `code` and `text`; under `BASE/played`, when it has ended, with `id`, `zone`, `kind`, `started` (RFC 3339),
`duration_s`, `complete`, and where known `speaker`, `asset`, `noise_db`. `BASE/state` gives `error`, `firmware` and `volume_db`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact, parse_time, rfc3339
from storeloom.hardware_adapters.links.answers import Answers
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.mqtt import BadMessage, Message, MqttConfig, MqttDriver

PASSED_ON = ("speaker", "asset", "duck_db", "repeat", "until")
CODES = {"busy": Code.BUSY, "no_asset": Code.NO_EXIST, "no_zone": Code.NO_EXIST}


class MqttSpeaker(MqttDriver):
    zh, en = "MQTT 广播音响", "Loudspeakers over MQTT"
    purpose_zh = "经 MQTT 按区域播放广播（音频地址、设备内存储的编号或文本朗读），设置音量，接收播放结果。"
    kind = "audio"
    feeds = ("audio.played", "device.status")
    takes = ("audio.play",)
    capabilities = ("url", "stored", "speech", "volume", "zones")
    twin = "storeloom.hardware_adapters.audio.mqtt_speaker_twin:MqttSpeakerTwin"

    class Config(MqttConfig):
        base: str = setting("audio", "Topics begin with", "主题前缀", effect="restart", pattern=r"^[^+#\s]+$")
        zones: list[str] = setting(list, "Zones that it reaches; empty: all", "可播放的区域，留空即全部")
        asset_url: str = setting("", "Address of a recording, with {asset} in it", "音频文件地址，含 {asset}")
        stored: dict[str, str] = setting(
            dict, "Recordings that lie in the device: asset to its id there", "设备内的录音：素材编号对应设备内编号"
        )
        loudest_db: float = setting(6.0, "Loudest volume that is passed on", "允许的最大音量", unit="dB", ge=-60, le=120)
        answer_s: float = setting(5.0, "Time to accept a command", "接受指令的时限", unit="s", gt=0, le=60)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._answers = Answers()

    def topics(self) -> Mapping[str, int]:
        return {f"{self.config.base}/{name}": 1 for name in ("answer", "played", "state")}

    def heard(self, message: Message) -> Iterator[Fact]:
        what, told = message.topic.rpartition("/")[2], message.json_object()
        if what == "answer":
            self._answers.came(str(told.get("id", "")), told, told.get("ok") is True)
        elif what == "played":
            yield self._played(told, message.topic)
        else:
            yield from self._state(told, message.topic)

    def _played(self, told: Mapping[str, Any], topic: str) -> Fact:
        try:
            started = parse_time(told["started"])
            data = {
                "zone": str(told["zone"]),
                "kind": str(told["kind"]),
                "started": rfc3339(started),
                "duration_s": _number(told["duration_s"], topic),
                "complete": bool(told["complete"]),
            }
        except (KeyError, TypeError, ValueError) as error:
            raise BadMessage(f"{topic}: what was played is not told ({error})", f"{topic}：播放结果不完整（{error}）") from error
        data |= {name: str(told[name]) for name in ("speaker", "asset") if told.get(name)}
        data |= {"noise_db": _number(told["noise_db"], topic)} if told.get("noise_db") is not None else {}
        data |= {"cmd": str(told["id"])} if told.get("id") else {}
        return Fact(self.now(), "audio.played", self.device, data, None, f"{told.get('id', '')}|{data['started']}|{data['zone']}")

    def _state(self, told: Mapping[str, Any], topic: str) -> Iterator[Fact]:
        figures: dict[str, float | str] = {"volume_db": _number(told["volume_db"], topic)} if told.get("volume_db") is not None else {}
        error = str(told.get("error") or "")
        words = {"en": f"the loudspeaker reports {error}", "zh": f"音响报告 {error}"} if error else {"en": "", "zh": ""}
        yield from self.tell(
            "fault" if error else "online", code=error, words=words, figures=figures, firmware=str(told.get("firmware", ""))
        )

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        return data["zone"] in self.config.zones if self.config.zones else None

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        zone = str(data["zone"])
        if self.config.zones and zone not in self.config.zones:
            raise DeviceError(Code.NO_EXIST, f"it does not reach zone {zone}", f"无法播放到区域 {zone}")
        body: dict[str, Any] = {
            "id": str(data.get("cmd") or f"{zone}|{rfc3339(at)}"),
            "zone": zone,
            "kind": data["kind"],
            **self._what(data),
        }
        body |= {name: data[name] for name in PASSED_ON if name in data}
        if "volume_db" in data:
            body["volume_db"] = min(float(data["volume_db"]), self.config.loudest_db)
        with self.linked() as link:
            answer = self._answers.ask(
                body["id"], lambda: link.publish(f"{self.config.base}/play", orjson.dumps(body)), self.config.answer_s
            )
        if answer is None:
            raise of_os(TimeoutError(), self.place())
        if answer.get("ok") is not True:
            code, why = str(answer.get("code", "")), str(answer.get("text") or answer.get("code") or "")
            raise DeviceError(CODES.get(code, Code.FAILURE), f"it does not play: {why}", f"未播放：{why}")
        return ()

    def _what(self, data: Mapping[str, Any]) -> dict[str, str]:
        """What is to be heard; nothing where only the volume changes. DeviceError for a recording without an address."""
        asset = str(data.get("asset", ""))
        if asset in self.config.stored:
            return {"stored": self.config.stored[asset]}
        if asset.startswith(("http://", "https://")):
            return {"url": asset}
        if asset and self.config.asset_url:
            return {"url": self.config.asset_url.replace("{asset}", quote(asset, safe=""))}
        if asset:
            raise DeviceError(
                Code.NO_EXIST, f"no address for '{asset}': set asset_url or stored", f"“{asset}”没有地址：请设置 asset_url 或 stored"
            )
        return {"text": str(data["text"])} if data.get("text") else {}


def _number(value: Any, topic: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadMessage(f"{topic}: no number: {value}", f"{topic}：不是数值 {value}")
    return float(value)
