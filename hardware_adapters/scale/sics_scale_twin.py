"""The virtual twin of a scale that speaks MT-SICS."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.hardware_adapters.links.serial_twin import SerialTwin
from storeloom.hardware_adapters.links.twin import Said

STREAM_S = 0.1


class SicsScaleTwin(SerialTwin):
    """`busy`: it answers that it cannot now; `fail`: that the weight is over its range; `odd`: a unit that there is not."""

    faults = (*SerialTwin.faults, "stale", "busy", "fail", "odd")

    def __init__(self) -> None:
        super().__init__()
        self.gross_g, self.tare_g, self.stable, self.unit = 0.0, 0.0, True, "g"
        self.streaming = False
        self._last = b""
        self._stream_at = 0.0
        self._tares: list[Mapping[str, Any]] = []

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "poll_s": 0.05}

    def idle(self) -> None:
        if self.streaming and time.monotonic() - self._stream_at > STREAM_S:
            self._stream_at = time.monotonic()
            self.say(self._weight() + self.end)

    def answer(self, request: bytes) -> bytes:
        text = request.decode("ascii", "replace").strip()
        found = self._answer(text) + self.end
        if self.fault == "stale" and self._last:
            found, self._last = self._last + found, found
        else:
            self._last = found
        return found

    def _answer(self, text: str) -> bytes:
        word, _, rest = text.partition(" ")
        if word in ("S", "SI", "SIR", "@"):
            self.streaming = word == "SIR"
        if word in ("S", "SI", "SIR"):
            return self._weight()
        if word in ("@", "I4"):
            return b'I4 A "B021002593"'
        if word in ("I2", "I3"):
            return {"I2": b'I2 A "BBA231-3BC300 Standard 3000.0 g"', "I3": b'I3 A "2.10 10.28.0.493.142"'}[word]
        if word in ("T", "TA", "TAC", "Z", "ZI"):
            return self._set(word, rest)
        return b"ES"

    def _weight(self) -> bytes:
        if self.fault in ("busy", "fail"):
            return b"S I" if self.fault == "busy" else b"S +"
        net = self.gross_g - self.tare_g
        value = f"{net / 1000:10.4f} kg" if self.unit == "kg" else f"{net:10.1f} g"
        return f"S {'S' if self.stable else 'D'} {value.replace(' g', ' ?') if self.fault == 'odd' else value}".encode()

    def _set(self, word: str, rest: str) -> bytes:
        if self.fault in ("busy", "fail"):
            return word.encode() + (b" I" if self.fault == "busy" else b" L")
        if word.startswith("Z"):
            self.gross_g = 0.0
            return b"Z A" if word == "Z" else b"ZI S"
        if word == "TA" and not rest:
            return f"TA A {self.tare_g:10.1f} g".encode()
        before = self.tare_g
        number, _, unit = rest.partition(" ")
        self.tare_g = {"T": self.gross_g, "TAC": 0.0}.get(word, float(number or 0) * (1000 if unit == "kg" else 1))
        if self.tare_g != before:
            self._tares.append({"tare_g": self.tare_g})
        return b"TAC A" if word == "TAC" else f"{word} {'S' if word == 'T' else 'A'} {self.tare_g:10.1f} g".encode()

    def act(self, number: int) -> Sequence[Said]:
        before, net = self.gross_g - self.tare_g, 250.0 + 10 * (number % 200)
        self.gross_g = (net if net != before else net + 5) + self.tare_g
        return [Said("scale.reading", {"scale": "unit-1", "weight_g": self.gross_g - self.tare_g, "stable": True})]

    def command(self, number: int) -> tuple[str, Mapping[str, Any]]:
        fields = {"tare_g": 12.5 + number % 200}
        return "label.update", {"label": "unit-1", "version": f"v{number}", "template": "tare", "fields": fields, "cmd": f"c{number}"}

    def took(self) -> Sequence[Mapping[str, Any]]:
        return list(self._tares)
