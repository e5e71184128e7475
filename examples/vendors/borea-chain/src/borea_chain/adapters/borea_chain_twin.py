"""The virtual twin of a Borea BX-L chain: three load cells on a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links import Said, SerialTwin

from .borea_chain import FRAME, crc8, framed

CELLS = 3
ABOUT = "BX-L,004217,2.1,03"


class BoreaChainTwin(SerialTwin):
    """`checksum`: each CRC is wrong; `stale`: the answer before comes first; `busy`: cells
    answer E2; `fail`: they are overloaded; `odd`: a weight that is no number.
    """

    faults = (*SerialTwin.faults, "checksum", "stale", "busy", "fail", "odd")
    end = b"\r"
    at_once = CELLS

    def __init__(self) -> None:
        super().__init__()
        self._gross = dict.fromkeys(range(1, CELLS + 1), 0.0)
        self._tare = dict.fromkeys(range(1, CELLS + 1), 0.0)
        self._tares: list[Mapping[str, Any]] = []
        self._before = b""

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "poll_s": 0.02}

    def answer(self, request: bytes) -> bytes:
        frame = FRAME.fullmatch(request + self.end)
        if frame is None or crc8(frame[0][:-4]) != int(frame[5], 16):
            return b""  # as a real one: it cannot know that it was meant
        cell, said = int(frame[1]), frame[4].decode("ascii")
        body = self._answer(cell, frame[3].decode("ascii"), said)
        line = framed(f"{cell:02d}{frame[2].decode()}{body}")
        if self.fault == "checksum":
            line = line[:-3] + (b"00" if line[-3:-1] != b"00" else b"01") + self.end
        before, self._before = self._before, line
        return (before if self.fault == "stale" else b"") + line

    def _answer(self, cell: int, letter: str, values: str) -> str:
        if self.fault == "busy":
            return "E2"
        if letter == "I" and cell == 0:
            return f"I{ABOUT}"
        if cell not in self._gross or letter not in ("W", "T"):
            return "E1"
        if letter == "T":
            return self._preset(cell, values)
        net = self._gross[cell] - self._tare[cell]
        weight = "?" if self.fault == "odd" else f"{net:+08.1f}"
        return f"W{'O' if self.fault == 'fail' else 'S'},{weight}"

    def _preset(self, cell: int, values: str) -> str:
        tare = float(values)
        if not 0 <= tare <= 10_000 or self.fault == "fail":
            return "E3"
        if tare != self._tare[cell]:
            self._tare[cell] = tare
            self._tares.append({"cell": cell, "tare_g": tare})
        return f"T{tare:+08.1f}"

    def act(self, number: int) -> Sequence[Said]:
        cell, net = 1 + number % CELLS, 250.0 + 5 * (number % 2000)
        before = self._gross[cell] - self._tare[cell]
        net += 5 if net == before else 0
        self._gross[cell] = net + self._tare[cell]
        data = {"fixture": "unit-1", "slot": str(cell), "weight_g": net, "stable": True}
        return [Said("shelf.weight", data)]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        return "label.update", {
            "label": "unit-1/2",
            "version": f"v{number}",
            "template": "tare",
            "fields": {"tare_g": 12.5 + number % 200},
            "cmd": f"c{number}",
        }

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self._tares)
