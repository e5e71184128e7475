"""Scanners on a serial line: RS-232, USB as a virtual port, a cradle's base station, or behind a device server.

They send a code and its end, and answer nothing. What comes without its end is given up after a pause, so that it is never joined to the
next code; what cannot be read in the set charset makes the device `degraded` until a good code comes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from storeloom.core.kernel.contract import setting
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts
from storeloom.hardware_adapters.links.serial_line import SerialConfig, SerialDriver, SerialLine
from storeloom.hardware_adapters.scanner.codes import LONGEST, CodeConfig, CodeReader

ENDS = {"line": b"\r\n", "tab": b"\t", "etx": b"\x03", "pause": b""}
STX = b"\x02"
LOOK_S = 0.05
UNREADABLE = {
    "en": "it sends what is no code in the set charset; look at its speed, parity and charset",
    "zh": "收到的数据不是所设字符集的条码，请检查波特率、校验与字符集",
}


class SerialScanner(SerialDriver):
    zh, en = "串口扫码器", "Serial scanner"
    purpose_zh = "接入串口、USB 虚拟串口或网络串口的扫码器，解析 GS1 条码、二维码与店内称重码。"
    kind = "scanner"
    feeds = ("scanner.code", "device.status")
    twin = "storeloom.hardware_adapters.scanner.serial_scanner_twin:SerialScannerTwin"
    first_wait_s: ClassVar[float] = 0.2
    longest_wait_s: ClassVar[float] = 5.0

    class Config(CodeConfig, SerialConfig):
        end: Literal["line", "tab", "etx", "pause"] = setting(
            "line",
            "What ends a code: CR or LF, TAB, ETX (after STX), or a pause",
            "条码结束方式：回车或换行、TAB、ETX（前有 STX）或停顿",
            effect="restart",
        )
        pause_s: float = setting(
            0.3, "Pause after which nothing more of a code comes", "视为条码结束的停顿", unit="s", effect="restart", ge=0.02, le=5
        )
        charset: Literal["utf-8", "gb18030", "big5", "shift_jis", "latin-1"] = setting("utf-8", "Charset", "字符集", effect="restart")

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._reader = CodeReader(device, config)

    def session(self, link: SerialLine) -> Facts:
        buffer, heard = b"", time.monotonic()
        while not self.stopping.is_set():
            with self.exchange:
                data = link.read(LOOK_S)
            if data:
                buffer, heard = buffer + data, time.monotonic()
                *whole, buffer = self._split(buffer)
                for code in whole:
                    yield from self._told(code)
            if buffer and (time.monotonic() - heard >= self.config.pause_s or len(buffer) > 2 * LONGEST):
                left, buffer = buffer, b""
                yield from self._told(left) if self.config.end == "pause" else self._unreadable()

    def _split(self, buffer: bytes) -> list[bytes]:
        """Whole codes, then what is left over."""
        end = ENDS[self.config.end]
        if self.config.end == "line":
            return buffer.replace(b"\r", b"\n").split(b"\n")
        return buffer.split(end) if end else [buffer]

    def _told(self, code: bytes) -> Iterator[Fact]:
        code = code.removeprefix(STX)
        if not code:
            return  # the LF after a CR
        try:
            fact = self._reader.fact(code.decode(self.config.charset), self.now())
        except ValueError:  # UnicodeDecodeError is one
            yield from self._unreadable()
            return
        yield from self.tell("online")
        if fact is not None:
            yield fact

    def _unreadable(self) -> Iterator[Fact]:
        yield from self.tell("degraded", code="bad_code", words=UNREADABLE)
