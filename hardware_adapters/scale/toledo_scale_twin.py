"""The virtual twin of a checkout scale that speaks the 8217 protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.serial_twin import SerialTwin
from storeloom.hardware_adapters.links.twin import Said

REQUEST = re.compile(rb"T\d{5}|[WZCABH]|T")
MOTION, OVER, AT_ZERO, NET, ALWAYS = 0x01, 0x02, 0x10, 0x20, 0x40


class ToledoScaleTwin(SerialTwin):
    """`busy`: it is in motion; `fail`: over its capacity; `odd`: a status byte whose bit 6 is not set."""

    faults = (*SerialTwin.faults, "busy", "fail", "odd")

    def __init__(self) -> None:
        super().__init__()
        self.gross_g, self.tare_g = 0.0, 0.0
        self._tares: list[Mapping[str, Any]] = []

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "data_bits": 8, "parity": "none", "poll_s": 0.05}  # a pseudo-terminal has no other

    def requests(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        if re.search(rb"T\d{0,4}$", buffer):
            return [], buffer
        return REQUEST.findall(buffer), b""

    def answer(self, request: bytes) -> bytes:
        if self.fault in ("busy", "fail", "odd"):
            return self._status({"busy": ALWAYS | MOTION, "fail": ALWAYS | OVER, "odd": 0x01}[self.fault])
        if request == b"W":
            net = (self.gross_g - self.tare_g) / 1000
            return self._status(ALWAYS | 0x04) if net < 0 else f"\x02{net:06.3f}{'N' if self.tare_g else ''}\r".encode()
        if request == b"Z":
            self.gross_g = 0.0
        elif request == b"C":
            self._set_tare(0.0)
        elif request[:1] == b"T":
            self._set_tare(float(request[1:]))
        return self._status(ALWAYS | (AT_ZERO if self.gross_g == 0 else 0) | (NET if self.tare_g else 0))

    def _set_tare(self, tare_g: float) -> None:
        if tare_g != self.tare_g:
            self._tares.append({"tare_g": tare_g})
        self.tare_g = tare_g

    @staticmethod
    def _status(bits: int) -> bytes:
        return b"\x02?" + bytes([bits]) + b"\r"

    def act(self, number: int) -> Sequence[Said]:
        before, net = self.gross_g - self.tare_g, 250.0 + 10 * (number % 200)
        self.gross_g = (net if net != before else net + 5) + self.tare_g
        return [Said("scale.reading", {"scale": "unit-1", "weight_g": self.gross_g - self.tare_g, "stable": True})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        fields = {"tare_g": 12 + number % 200}
        return "label.update", {"label": "unit-1", "version": f"v{number}", "template": "tare", "fields": fields, "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self._tares)
