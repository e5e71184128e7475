"""Borea BX-L: up to 31 shelf load cells in a chain on one serial line (RS-485, or TCP).

The host asks, one answers, in lines of ASCII that end with CR:

    @ CELL SEQ LETTER VALUES * CRC      cell 00 is the head of the chain, 01.. the cells

CELL has two digits, SEQ one, which the answer repeats; CRC is the CRC-8 of all before the
`*` (polynomial 0x07, start 0, as SMBus has it) in two hexadecimal digits. `I` asks the head
for model, serial number, firmware and the count of cells; `W` a cell for its weight: `S`
stable, `M` in motion or `O` overloaded, and grams; `T` with grams presets its tare, which
it repeats. `E1` is an unknown command, `E2` busy, `E3` a value out of range.

A weight is told as `shelf.weight` when it is stable and has changed. `label.update` for
DEVICE/SLOT with `tare_g` among its fields presets the tare of the cell in that slot: a
tray or a price rail is not weighed then.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from storeloom.core import Code, DeviceError, Fact, SolutionConfig, setting
from storeloom.hardware_adapters.links import (
    Facts,
    SerialConfig,
    SerialDriver,
    SerialLine,
)

END = b"\r"
HEAD = 0
FRAME = re.compile(rb"@(\d\d)(\d)([A-Z])([^*\r]*)\*([0-9A-F]{2})\r$")
WEIGHT = re.compile(r"([SMO]),([+-]\d{1,7}\.\d)")
REFUSED = {
    "1": (Code.ILLEGAL, "it does not know the command", "不识别该指令"),
    "2": (Code.BUSY, "it is busy", "正忙"),
    "3": (Code.ILLEGAL, "the value is out of range", "数值超出范围"),
}
OVERLOAD = {"en": "more weight than the cell can take", "zh": "超出最大称量"}


class Cell(SolutionConfig):
    """What stands on a cell of the chain."""

    cell: int = setting(1, "Cell", "传感器编号", ge=1, le=31)
    slot: str = setting("", "Slot", "货位")
    gtin: str = setting("", "Goods", "商品条码")
    piece_g: float = setting(
        0.0, "Weight of a piece; 0: not counted", "单件重量，0 为不计数", unit="g", ge=0
    )


class BoreaChain(SerialDriver):
    zh, en = "Borea BX-L 货架称重链", "Borea BX-L shelf chain"
    purpose_zh = (
        "通过一条串口或 TCP 读取 Borea BX-L 称重链上各货位的重量，并可预置皮重。"
    )
    version = "1.0.0"
    kind = "scale"
    feeds = ("shelf.weight", "label.ack", "device.status")
    takes = ("label.update",)
    capabilities = ("tare", "stable", "overload")
    twin = f"{__name__}_twin:BoreaChainTwin"
    known = ("Borea BX-L",)
    first_wait_s, longest_wait_s = 0.2, 5.0

    class Config(SerialConfig):
        baud: int = setting(
            19_200,
            "Speed",
            "波特率",
            unit="bit/s",
            effect="restart",
            ge=50,
            le=4_000_000,
        )
        fixture: str = setting(
            "",
            "Fixture; empty: the device's id",
            "货架编号，空为设备编号",
            effect="restart",
        )
        cells: list[Cell] = setting(
            [],
            "Cells; empty: all, by their numbers",
            "传感器，空为全部（以编号为货位）",
            effect="restart",
            max_length=31,
        )
        poll_s: float = setting(
            0.2,
            "Weights are asked for every",
            "取数间隔",
            unit="s",
            effect="restart",
            ge=0.01,
            le=60,
        )
        change_g: float = setting(
            2.0,
            "Smallest change that is told",
            "最小上报变化",
            unit="g",
            effect="restart",
            ge=0,
            le=10_000,
        )

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._sequence = 0
        self._told: dict[int, float] = {}
        self._cells = {one.cell: one for one in config.cells}

    def session(self, link: SerialLine) -> Facts:
        about = self.identity(link)
        yield from self.tell("online", firmware=str(about["firmware"]))
        if not self.config.cells:
            numbers = range(1, int(about["cells"]) + 1)
            self._cells = {one: Cell(cell=one, slot=str(one)) for one in numbers}
        while not self.stopping.is_set():
            over = False
            for cell in self._cells.values():
                with self.exchange:
                    state, grams = self.weigh(link, cell.cell)
                over = over or state == "O"
                if state == "S":
                    yield from self._weighed(cell, grams)
            if over:
                yield from self.tell("degraded", code="overload", words=OVERLOAD)
            else:
                yield from self.tell("online")
            self.stopping.wait(self.config.poll_s)

    def _weighed(self, cell: Cell, grams: float) -> Facts:
        """The fact of a stable weight, where it has changed."""
        before = self._told.get(cell.cell)
        if before is not None and abs(grams - before) < max(self.config.change_g, 0.1):
            return
        self._told[cell.cell] = grams
        data: dict[str, Any] = {
            "fixture": self.config.fixture or self.device,
            "slot": cell.slot,
            "weight_g": grams,
            "delta_g": 0.0 if before is None else round(grams - before, 1),
            "stable": True,
        }
        if cell.gtin:
            data["gtin"] = cell.gtin
        if cell.piece_g:
            data["qty"] = max(0, round(grams / cell.piece_g))
        yield Fact(self.now(), "shelf.weight", self.device, data)

    def weigh(self, line: SerialLine, cell: int) -> tuple[str, float]:
        """A cell's state (`S`, `M`, `O`) and its weight in grams."""
        found = WEIGHT.fullmatch(self.ask(line, cell, "W"))
        if found is None:
            raise unreadable(b"W")
        return found[1], float(found[2])

    def identity(self, link: SerialLine) -> Mapping[str, str | float | bool]:
        with self.exchange:
            parts = self.ask(link, HEAD, "I").split(",")
        if len(parts) != 4 or not parts[3].isdigit():
            raise unreadable(",".join(parts).encode())
        model, serial, firmware, cells = parts
        about = {"model": model, "serial": serial, "firmware": firmware}
        return {**about, "cells": float(cells)}

    def serves(self, stream: str, data: Mapping[str, Any]) -> bool | None:
        return str(data["label"]).startswith(f"{self.device}/")

    def command(
        self, stream: str, data: Mapping[str, Any], at: datetime
    ) -> Iterable[Fact]:
        """Preset a tare. To set it again to the same changes nothing."""
        slot, tare = str(data["label"]).partition("/")[2], data["fields"].get("tare_g")
        known = isinstance(tare, (int, float)) and not isinstance(tare, bool)
        with self.lined() as line:
            cells = [one for one in self._cells.values() if one.slot == slot]
            if not cells or not known:
                en = f"it takes tare_g in grams for the slots {self._slots()}"
                zh = f"仅支持为货位 {self._slots()} 设置 tare_g（克）"
                raise DeviceError(Code.ILLEGAL, en, zh)
            self.ask(line, cells[0].cell, "T", f"{tare:+.1f}")
        answer = {"label": data["label"], "version": data["version"], "state": "shown"}
        if data.get("cmd"):
            answer["cmd"] = data["cmd"]
        return [Fact(self.now(), "label.ack", self.device, answer)]

    def _slots(self) -> str:
        return ", ".join(one.slot for one in self._cells.values()) or "?"

    def ask(self, line: SerialLine, cell: int, letter: str, values: str = "") -> str:
        """The values of the answer; what belongs to another question is passed over.

        DeviceError: TIMEOUT where none comes, FAILURE where what comes is no answer, and
        what `REFUSED` says where the cell refuses.
        """
        self._sequence = (self._sequence + 1) % 10
        line.drop_input()
        line.write(framed(f"{cell:02d}{self._sequence}{letter}{values}"))
        until, garbled = time.monotonic() + line.timeout_s, b""
        while True:
            try:
                text = line.read_until(END, max(0.0, until - time.monotonic()))
            except DeviceError as error:
                if garbled and error.code is Code.TIMEOUT:
                    raise unreadable(garbled) from error
                raise
            frame = FRAME.search(text)
            if frame is None or crc8(frame[0][:-4]) != int(frame[5], 16):
                garbled = text
            elif (int(frame[1]), int(frame[2])) == (cell, self._sequence):
                said = frame[4].decode("ascii", "replace")
                if frame[3] == b"E":
                    raise refused(cell, said)
                if frame[3] == letter.encode():
                    return said


def framed(body: str) -> bytes:
    """A line: what is said, its CRC, its end."""
    text = f"@{body}".encode("ascii")
    return text + f"*{crc8(text):02X}".encode() + END


def crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07 and start 0; that of `123456789` is 0xF4."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x07 if crc & 0x80 else crc << 1
        crc &= 0xFF
    return crc


def refused(cell: int, number: str) -> DeviceError:
    code, en, zh = REFUSED.get(
        number, (Code.FAILURE, f"error {number}", f"错误 {number}")
    )
    return DeviceError(code, f"cell {cell} refuses: {en}", f"{cell} 号传感器拒绝：{zh}")


def unreadable(said: bytes) -> DeviceError:
    en = f"the chain says what cannot be read: {said[:40]!r}"
    return DeviceError(Code.FAILURE, en, f"称重链报文无法识别：{said[:40]!r}")
