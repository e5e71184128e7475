"""The virtual twin of an ESC/POS device on the network: reads what is printed, answers for its state, has paper, a cover and a drawer."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.escpos_stream import Paper, Reader
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin

LOOK_S = 0.02
ABOUT = {65: b"1.00 ESC/POS", 67: b"TM-T88V", 68: b"J3KF000001"}


class EscposTwin(WireTwin):
    """`busy`: off line, somebody feeds paper. `fail`: the cover is open. `odd`: status bytes whose fixed bits are wrong."""

    faults: ClassVar[tuple[str, ...]] = (*WIRE_FAULTS, "duplicate", "flood", "busy", "fail", "odd", "reboot")
    slow_s = 0.05

    def __init__(self) -> None:
        self.paper_low = self.paper_out = self.cover_open = False
        self.pin_high = False
        self.jobs: list[Mapping[str, Any]] = []
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lines: list[threading.Thread] = []

    def serve(self) -> int:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, name="escpos-twin", daemon=True)
        self._thread.start()
        return int(self._server.getsockname()[1])

    def settings(self) -> Mapping[str, Any]:
        return {"address": f"tcp://127.0.0.1:{self.port}", "timeout_s": 0.5, "poll_s": 0.1}

    def _accept(self) -> None:
        while not self._closed.is_set():
            if select.select([self._server], [], [], LOOK_S)[0]:
                line, _ = self._server.accept()
                self._lines = [one for one in self._lines if one.is_alive()]
                thread = threading.Thread(target=self._serve, args=(line,), name="escpos-line", daemon=True)
                self._lines.append(thread)
                thread.start()

    def _serve(self, line: socket.socket) -> None:
        reader = Reader(lambda request: self._answer(line, request), self.pulsed, self.printed)
        with line, suppress(OSError):  # the driver went away; that is its right
            while not self._closed.is_set() and self.fault != "reboot":
                if select.select([line], [], [], LOOK_S)[0]:
                    data = line.recv(4096)
                    if not data:
                        return
                    if self.fault != "reboot":
                        reader.feed(data)
                        self.read(reader)

    def read(self, reader: Reader) -> None:
        """Looked in on after each piece that has come."""

    def pulsed(self, pin: int) -> None:
        """The drawer's pulse has come."""

    def printed(self, paper: Paper) -> None:
        """A job was cut off."""
        self.jobs.append({"text": paper.text, "codes": [list(one) for one in paper.codes]})

    def _answer(self, line: socket.socket, request: bytes) -> None:
        if request[:2] == b"\x1dI":
            line.sendall(b"_" + ABOUT.get(request[2], b"") + b"\x00")
            return
        offline = self.paper_out or self.cover_open or self.fault in ("busy", "fail")
        if request[:2] == b"\x1dr":
            if offline:
                return  # it is answered in its turn, which does not come
            byte = 0x03 if self.paper_low else 0x00
        else:
            byte = self._status(request[2], offline)
        if self.fault == "odd":
            byte |= 0x81
        line.sendall(bytes([byte]) * {"duplicate": 2, "flood": 100}.get(self.fault, 1))

    def _status(self, number: int, offline: bool) -> int:
        if number == 1:
            return 0x12 | (0x08 if offline else 0) | (0x04 if self.pin_high else 0)
        if number == 2:
            cover = self.cover_open or self.fault == "fail"
            return 0x12 | (0x04 if cover else 0) | (0x08 if self.fault == "busy" else 0) | (0x20 if self.paper_out else 0)
        if number == 4:
            return 0x12 | (0x0C if self.paper_low else 0) | (0x60 if self.paper_out else 0)
        return 0x12

    def shut(self) -> None:
        self._closed.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            for one in (thread, *self._lines):
                one.join()
            self._server.close()
