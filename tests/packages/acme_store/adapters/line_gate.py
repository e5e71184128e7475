"""A gate controller of Acme: lines over TCP, `OPEN n` and `STATE n open`, each line answered by `OK` or `ERR`."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any, BinaryIO

from storeloom.core.kernel.contract import SolutionConfig, setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError

STATES = {"open": "opened", "closed": "closed"}


class LineGate(LinkDriver[BinaryIO]):
    zh, en = "Acme 闸机控制器", "Acme gate controller"
    purpose_zh = "通过 TCP 行协议连接 Acme 闸机控制器。"
    kind = "gate"
    feeds = ("gate.state", "device.status")
    takes = ("gate.open",)
    twin = "acme_store.adapters.line_gate_twin:LineGateTwin"
    first_wait_s, longest_wait_s = 0.1, 1.0

    class Config(SolutionConfig):
        host: str = setting("127.0.0.1", "Host", "主机")
        port: int = setting(4001, "Port", "端口", ge=1, le=65535)
        timeout_s: float = setting(0.5, "Time for an answer", "应答时限", unit="s", gt=0, le=60)

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._asking = Lock()
        self._count = 0

    @contextmanager
    def connect(self) -> Iterator[BinaryIO]:
        with socket.create_connection((self.config.host, self.config.port), self.config.timeout_s) as line, line.makefile("rwb") as file:
            ask(file, "STATE")
            yield file

    def session(self, link: BinaryIO) -> Facts:
        before = None
        while not self.stopping.wait(0.05):
            state = STATES.get(ask(link, "STATE"))
            if state is None:
                raise DeviceError(Code.FAILURE, "it answers with no state", "应答不含状态")
            if state != before:
                self._count += 1
                yield Fact(self.now(), "gate.state", self.device, {"gate": self.device, "kind": state}, key=self._count)
                before = state

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        with self._asking, self.connect() as link:
            if ask(link, f"OPEN {data.get('cmd', '')}") != "done":
                raise DeviceError(Code.FAILURE, "the gate did not open", "闸机未开启")
        return ()


def ask(file: BinaryIO, line: str) -> str:
    """The answer to a line. DeviceError where it is none, or the controller refuses."""
    file.write(f"{line}\n".encode())
    file.flush()
    answer = file.readline(80)
    if not answer.endswith(b"\n"):
        raise DeviceError(Code.OFFLINE, "the controller broke off", "控制器中断了连接")
    word, _, rest = answer.decode("ascii", "replace").strip().partition(" ")
    if word != "OK":
        raise DeviceError(Code.FAILURE, f"the controller says {word}", f"控制器应答 {word}")
    return rest
