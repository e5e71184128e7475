"""Reads an ESC/POS byte stream from the device's side: commands one by one, and what they put on paper or on a display."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Parameter bytes after a command's own bytes, where their number is fixed.
FIXED: Mapping[bytes, int] = {
    **dict.fromkeys((b"\x1b@", b"\x1c&", b"\x1c.", b"\x1b2", b"\x1f\x01", b"\x1f\x02", b"\x1f\x03"), 0),
    **{b"\x1b" + bytes([one]): 1 for one in b"t!EaM-{dJ3r=R"},
    **{b"\x1d" + bytes([one]): 1 for one in b"B!bhwfHraI"},
    b"\x1bp": 3,
    b"\x1f$": 2, b"\x10\x04": 1, b"\x10\x05": 1, b"\x1c!": 1, b"\x1c-": 1, b"\x1dL": 2, b"\x1dW": 2, b"\x1bc5": 1, b"\x1bc0": 1,
}  # fmt: skip
BARS = {65: "UPC-A", 66: "UPC-E", 67: "EAN13", 68: "EAN8", 69: "CODE39", 70: "ITF", 71: "NW7", 72: "CODE93", 73: "CODE128", 74: "GS1-128"}
CODE_PAGES = {0: "cp437", 2: "cp850", 16: "cp1252", 17: "cp866", 19: "cp858"}
LONGEST_TEXT = re.compile(rb"[^\x00-\x1f]+")
STARTS = b"\x10\x1b\x1c\x1d\x1f"


def command_length(buffer: bytes) -> int:
    """Length of the command that a buffer begins with, 0 where more of it is to come, -1 where it begins with none."""
    if buffer[0] not in STARTS:
        return -1
    if len(buffer) < 2:
        return 0
    for size in (2, 3):
        if buffer[:size] in FIXED and len(buffer) >= size:
            return _whole(buffer, size + FIXED[buffer[:size]])
    head = buffer[:2]
    if head == b"\x1dV":
        return 0 if len(buffer) < 3 else _whole(buffer, 4 if buffer[2] >= 65 else 3)
    if head == b"\x1d(":
        return 0 if len(buffer) < 5 else _whole(buffer, 5 + buffer[3] + 256 * buffer[4])
    if head == b"\x1dk":
        return 0 if len(buffer) < 4 else _whole(buffer, 4 + buffer[3] if buffer[2] >= 65 else 1 + buffer.find(b"\x00", 3))
    if head == b"\x1dv":
        return 0 if len(buffer) < 8 else _whole(buffer, 8 + (buffer[4] + 256 * buffer[5]) * (buffer[6] + 256 * buffer[7]))
    return 2


def _whole(buffer: bytes, size: int) -> int:
    return size if 0 < size <= len(buffer) else 0


@dataclass
class Paper:
    """What has been printed or shown since the last cut or clearing: text as it reads, codes as (kind, data)."""

    text: str = ""
    codes: list[tuple[str, str]] = field(default_factory=list)


class Reader:
    """Takes bytes as they come; `feed` calls back for status requests, pulses, cuts. A display's clearing begins a new `paper`."""

    def __init__(self, answer: Callable[[bytes], None], pulse: Callable[[int], None], cut: Callable[[Paper], None]) -> None:
        self._answer, self._pulse, self._cut = answer, pulse, cut
        self._buffer = b""
        self._raw = b""
        self._charset, self._page = "cp437", "cp437"
        self._qr = ""
        self.paper = Paper()
        self.kanji = "gb18030"

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer:
            size = command_length(self._buffer)
            if size == 0:
                return
            if size < 0:
                found = LONGEST_TEXT.match(self._buffer)
                size = found.end() if found else 1
                self._raw += self._buffer[:size]
            else:
                self._flush()
                self._do(self._buffer[:size])
            self._buffer = self._buffer[size:]

    def _flush(self) -> None:
        """Text read so far in the charset of its place."""
        *cleared, last = self._raw.split(b"\x0c")
        if cleared:
            self.paper = Paper()
        self.paper.text += last.decode(self._charset, "replace")
        self._raw = b""

    def _do(self, command: bytes) -> None:
        head, rest = command[:2], command[2:]
        if head in (b"\x10\x04", b"\x1dr", b"\x1dI"):
            self._answer(command)
        elif head == b"\x1bp":
            self._pulse(rest[0])
        elif head == b"\x1dV":
            paper, self.paper = self.paper, Paper()
            self._cut(paper)
        elif head == b"\x1c&":
            self._charset = self.kanji
        elif head == b"\x1c.":
            self._charset = self._page
        elif head == b"\x1bt":
            self._charset = self._page = CODE_PAGES.get(rest[0], "cp437")
        elif head == b"\x1b@":
            self._charset = self._page = "cp437"
        elif head == b"\x1bd":
            self.paper.text += "\n" * rest[0]
        elif head == b"\x1f$" and rest[1] > 1:
            self.paper.text += "\n"
        elif head == b"\x1dk":
            self.paper.codes.append((BARS.get(rest[0], str(rest[0])), rest[2:].decode("ascii", "replace")))
        elif head == b"\x1d(" and command[5:7] == b"1P":
            self._qr = command[8:].decode("utf-8", "replace")
        elif head == b"\x1d(" and command[5:7] == b"1Q":
            self.paper.codes.append(("QR", self._qr))

    def shown(self) -> str:
        """The text now on a display."""
        self._flush()
        return self.paper.text
