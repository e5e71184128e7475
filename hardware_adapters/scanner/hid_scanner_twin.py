"""The virtual twin of a keyboard scanner: types codes as input events into a named pipe, as another host would pass them on."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from storeloom.hardware_adapters.links.twin import Said, Twin
from storeloom.hardware_adapters.scanner.hid_scanner import PLAIN
from storeloom.hardware_adapters.scanner.serial_scanner_twin import scans

EVENT = "llHHi"
KEYS = {shifted: (name, at) for name, signs in PLAIN.items() if not name.startswith("KEY_KP") for at, shifted in enumerate(signs)}
UNKNOWN_KEY = 0x2FE


class HidScannerTwin(Twin):
    """`refuse`: it is not plugged in. `reset`, `reboot`: unplugged in the middle of a code and plugged in again. `odd`: keys unheard of."""

    faults = ("refuse", "silent", "reset", "vanish", "partial", "cut", "slow", "duplicate", "flood", "odd", "garbage", "reboot")
    at_once = 4

    def __init__(self) -> None:
        self._folder = ""
        self._pipe = -1

    def start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="storeloom-keys-")
        self._plug()

    @property
    def _path(self) -> Path:
        return Path(self._folder) / "event0"

    def _plug(self) -> None:
        if self._pipe < 0:
            os.mkfifo(self._path)
            self._pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)

    def _unplug(self) -> None:
        if self._pipe >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._pipe)
            self._pipe = -1

    def settings(self) -> Mapping[str, Any]:
        return {"address": str(self._path), "repeat_s": 0.1, "pause_s": 0.2, "till": "till-1"}

    def play(self, fault: str) -> None:
        super().play(fault)
        if fault == "refuse":
            self._unplug()

    def mend(self) -> None:
        super().mend()
        self._plug()

    def act(self, number: int) -> Sequence[Said]:
        text, said = scans(number)
        fault = self.fault
        events = list(keystrokes(text))
        if fault in ("slow", "duplicate", "flood"):
            time.sleep(0.05 if fault == "slow" else 0.0)
            events *= {"duplicate": 2, "flood": 20}.get(fault, 1)
        elif fault in ("cut", "reset", "reboot"):
            events = events[: len(events) // 2]
        elif fault in ("odd", "garbage"):
            events = [(1, UNKNOWN_KEY, 1), (3, 0, -5), *events] if fault == "odd" else [(1, 2 + n % 10, 2) for n in range(50)]
        if fault not in ("silent", "vanish", "refuse"):
            self._send(events)
        if fault in ("reset", "reboot"):
            self._unplug()
            self._plug()
        return [Said("scanner.code", {"scanner": "unit-1", "till": "till-1", **said})]

    def _send(self, events: Sequence[tuple[int, int, int]]) -> None:
        for start in range(0, len(events), 40):
            with suppress(BlockingIOError):
                os.write(self._pipe, b"".join(struct.pack(EVENT, 0, 0, *one) for one in events[start : start + 40]))
            if self.fault == "partial":
                time.sleep(0.02)

    def close(self) -> None:
        if self._folder:
            self._unplug()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""


def keystrokes(text: str) -> Iterator[tuple[int, int, int]]:
    """The events (type, code, value) of typing a text and Enter on a US keyboard."""
    from evdev import ecodes

    def press(name: str, *held: str) -> Iterator[tuple[int, int, int]]:
        for key in (*held, name):
            yield ecodes.EV_KEY, ecodes.ecodes[key], 1
        for key in (name, *held):
            yield ecodes.EV_KEY, ecodes.ecodes[key], 0
        yield ecodes.EV_SYN, 0, 0

    for sign in text:
        if sign == "\x1d":
            yield from press("KEY_RIGHTBRACE", "KEY_LEFTCTRL")
        else:
            name, shifted = KEYS[sign]
            yield from press(name, *(["KEY_LEFTSHIFT"] if shifted else []))
    yield from press("KEY_ENTER")
