"""The virtual twin of a device on a serial line: a pseudo-terminal in place of the port, which can be unplugged and plugged in again.

A twin gives `answer(request)` and, where requests do not end with `end`, `requests(buffer)`; `say` sends without being asked. The port's
name is a link, as udev makes them by a device's serial number, so that it stays the same over all plugging.
"""

from __future__ import annotations

import os
import select
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.twin import Twin

LOOK_S = 0.02
PAUSE_S = 0.01
GARBAGE = b"\x00\xfe\x13\x37\x80"


class SerialTwin(Twin):
    """`refuse`: the port is not there. `reset`, `reboot`: it goes away in the middle of an answer and is back at once. `vanish`: the cable
    is pulled on the device's side, so that the port stays and nothing comes. The others as in `links.twin.FAULTS`.
    """

    faults: ClassVar[tuple[str, ...]] = (
        "refuse", "silent", "reset", "vanish", "partial", "cut", "garbage", "slow", "late", "duplicate", "flood", "reboot",
    )  # fmt: skip
    end: ClassVar[bytes] = b"\r\n"
    slow_s: ClassVar[float] = 0.1
    late_s: ClassVar[float] = 0.6

    def __init__(self) -> None:
        self._master = self._slave = -1
        self._folder = ""
        self._plugged = threading.RLock()
        self._closed = threading.Event()
        self._buffer = b""

    def answer(self, request: bytes) -> bytes:
        """The answer to a request, empty where there is none."""
        return b""

    def requests(self, buffer: bytes) -> tuple[list[bytes], bytes]:
        """The whole requests in what has come in, and what is left over."""
        *whole, rest = buffer.split(self.end)
        return whole, rest

    def idle(self) -> None:
        """Looked in on every `LOOK_S`."""

    def start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="storeloom-line-")
        self._plug()
        self._thread = threading.Thread(target=self._run, name="serial-twin", daemon=True)
        self._thread.start()

    def settings(self) -> Mapping[str, Any]:
        return {"address": str(self._link), "timeout_s": 0.3}

    @property
    def _link(self) -> Path:
        return Path(self._folder) / "port"

    def _plug(self) -> None:
        with self._plugged:
            if self._master < 0:
                import tty

                self._master, self._slave = os.openpty()
                tty.setraw(self._slave)
                os.set_blocking(self._master, False)
                self._buffer = b""
                self._link.symlink_to(os.ttyname(self._slave))

    def _unplug(self) -> None:
        with self._plugged:
            if self._master >= 0:
                self._link.unlink(missing_ok=True)
                os.close(self._master)
                os.close(self._slave)
                self._master = self._slave = -1

    def _run(self) -> None:
        while not self._closed.is_set():
            if self.fault == "refuse":
                self._unplug()
            else:
                self._plug()
            self.idle()
            for request in self._heard():
                if self.fault not in ("silent", "vanish"):
                    self.say(self.answer(request))

    def _heard(self) -> Sequence[bytes]:
        with self._plugged:
            master = self._master
        if master < 0:
            self._closed.wait(LOOK_S)
            return ()
        if not select.select([master], [], [], LOOK_S)[0]:
            return ()
        with suppress(OSError):
            self._buffer += os.read(master, 4096)
        whole, self._buffer = self.requests(self._buffer)
        return whole

    def say(self, data: bytes) -> None:
        """Send, spoilt as the fault of the moment is."""
        fault = self.fault
        if not data or fault in ("silent", "vanish", "refuse"):
            return
        if fault in ("slow", "late"):
            self._closed.wait(self.slow_s if fault == "slow" else self.late_s)
        if fault in ("cut", "reset", "reboot"):
            self._send(data[: max(1, len(data) // 2)])
            if fault != "cut":
                time.sleep(PAUSE_S)
                self._unplug()
                self._plug()
            return
        if fault == "garbage":
            self._send(GARBAGE)
        if fault == "partial":
            for byte in data:
                self._send(bytes([byte]))
                time.sleep(PAUSE_S / 4)
            return
        self._send(data * {"duplicate": 2, "flood": 100}.get(fault, 1))

    def _send(self, data: bytes) -> None:
        """What the line has no room for is lost, as on a real one."""
        with self._plugged, suppress(BlockingIOError):
            if self._master >= 0:
                os.write(self._master, data)

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            if self._folder:
                self._thread.join()
                self._unplug()
                shutil.rmtree(self._folder, ignore_errors=True)
