"""A gate, turnstile or door controller over HTTP: it is opened by a request, its state is read or comes in by signed webhook.

`gate.open` is `POST OPEN_PATH` with a JSON body of `gate`, `direction`, `seconds`, `hold` and the command's id, which is also the
idempotency key. Where the controller has a `state_path`, it is read every `look_s`; the word at `state_field` (JSONPath, RFC 9535) says
whether the gate is open, and each change becomes `gate.state`. Webhooks of type `gate.state` bring passages, alarms and faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError
from storeloom.hardware_adapters.links.json_points import value_at
from storeloom.hardware_adapters.links.signed import SignedConfig, SignedDriver


class HttpGate(SignedDriver):
    zh, en = "闸机（HTTP）", "Gate over HTTP"
    purpose_zh = "通过 HTTP 控制闸机、门禁控制器开门，轮询或以签名 Webhook 接收开关状态、通行与告警。"
    kind = "gate"
    feeds = ("gate.state", "device.status")
    takes = ("gate.open",)
    twin = "storeloom.hardware_adapters.gate.http_gate_twin:HttpGateTwin"

    class Config(SignedConfig):
        command_path: str = setting("/open", "Path that opens it", "开门接口路径", effect="restart", pattern=r"^(/[^\s?#]*)?$")
        state_path: str = setting(
            "", "Path of its state; empty: none", "状态接口路径，留空则不轮询", effect="restart", pattern=r"^(/[^\s?#]*)?$"
        )
        state_field: str = setting("$.state", "JSONPath of the state", "状态的 JSONPath", effect="restart", min_length=1)
        open_words: list[str] = setting(lambda: ["open", "opened", "true", "1", "on"], "Words for open", "表示开启的词", effect="restart")
        closed_words: list[str] = setting(
            lambda: ["closed", "close", "false", "0", "off"], "Words for closed", "表示关闭的词", effect="restart"
        )
        look_s: float = setting(2.0, "Time between looks at its state", "状态轮询间隔", unit="s", effect="restart", gt=0, le=3600)
        gate: str = setting("", "Gate's id; empty: the device's", "闸机编号，留空则取设备号", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._before: str | None = None

    def look(self) -> Iterator[Fact]:
        config = self.config
        if not config.state_path:
            yield from super().look()
            return
        found = self.client.call("GET", config.state_path, what="state", at=self.now()).json()
        word = str(value_at(found, config.state_field)).lower()
        kind = "opened" if word in config.open_words else "closed" if word in config.closed_words else None
        if kind is None:
            raise DeviceError(Code.FAILURE, f"its state is no word that is known: {word[:40]}", f"无法识别的状态：{word[:40]}")
        if kind != self._before:
            yield Fact(self.now(), "gate.state", self.device, {"gate": config.gate or self.device, "kind": kind})
            self._before = kind

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool:
        return bool(data["gate"] == (self.config.gate or self.device))

    def do(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        body = {key: data[key] for key in ("direction", "seconds", "hold", "reason") if key in data}
        command = str(data.get("cmd", ""))
        content = {"gate": data["gate"], **body, "cmd": command}
        self.client.call("POST", self.config.command_path, what="gate.open", content=content, key=command, at=self.now())
        return ()
