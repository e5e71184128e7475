"""A wire that goes wrong: passes TCP connections on to a server on this machine and spoils them in the ways of `links.twin.FAULTS`.

`WireTwin` is the base of twins behind one: of devices that are servers; `CallingTwin` of devices that connect to the driver.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from abc import abstractmethod
from contextlib import suppress
from typing import ClassVar

from storeloom.hardware_adapters.links.twin import Twin

WIRE_FAULTS = ("refuse", "silent", "reset", "vanish", "partial", "cut", "garbage", "slow", "late")
AWAY = ("refuse", "vanish")
GARBAGE = b"\xff\xff\xff\xff\xff\x00\x13\x37"
LOOK_S = 0.02
PAUSE_S = 0.01
BOOT_S = 0.1


class Wire:
    """Listens on `port` of the loopback and passes on to `server_port`. `fault` is one of WIRE_FAULTS, or empty.

    What a fault has swallowed is gone: such a connection stays mute until its client gives it up, as with a half-open one.
    """

    def __init__(self, server_port: int, late_s: float = 0.8, slow_s: float = 0.15) -> None:
        self.server_port, self.late_s, self.slow_s = server_port, late_s, slow_s
        self.fault = ""
        self._closed = False
        self._ended = 0
        self._listening = True
        self._threads: list[threading.Thread] = []
        self._socket = self._bound(0)
        self.port = int(self._socket.getsockname()[1])
        self._socket.listen()
        self._acceptor = threading.Thread(target=self._accept, name="wire", daemon=True)
        self._acceptor.start()

    @staticmethod
    def _bound(port: int) -> socket.socket:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))
        return one

    def play(self, fault: str) -> None:
        """Go wrong in this way, or work again; in effect once this returns."""
        self.fault = fault
        while self._listening is (fault in AWAY) and self._acceptor.is_alive():
            time.sleep(LOOK_S / 4)

    def drop(self) -> None:
        """End the connections that there are, as a server does that restarts."""
        self._ended += 1

    def _accept(self) -> None:
        """Accept while the server is to be there; a bound port on which nobody listens refuses."""
        while not self._closed:
            away = self.fault in AWAY
            if away and self._listening:
                self._socket.close()
                self._socket, self._listening = self._bound(self.port), False
            elif not away and not self._listening:
                self._socket.listen()
                self._listening = True
            if not self._listening:
                time.sleep(LOOK_S)
                continue
            if select.select([self._socket], [], [], LOOK_S)[0] and self.fault not in AWAY:
                near, _ = self._socket.accept()
                self._threads = [one for one in self._threads if one.is_alive()]
                thread = threading.Thread(target=self._carry, args=(near,), name="wire-line", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, near: socket.socket) -> None:
        with near:
            try:
                far = socket.create_connection(("127.0.0.1", self.server_port), 2.0)
            except OSError:
                return
            with far, suppress(OSError):  # either side went away
                self._pass_on(near, far)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        mute, began = False, self._ended
        near.settimeout(2.0)
        while not self._closed:
            if self.fault == "refuse" or self._ended != began:
                _reset(near)
                return
            mute = mute or self.fault in ("silent", "vanish")
            for side in select.select([near] if mute else [near, far], [], [], LOOK_S)[0]:
                data = side.recv(65536)
                if not data:
                    return
                if mute or self.fault in ("silent", "vanish"):
                    mute = True
                elif side is near:
                    far.sendall(data)
                elif self.fault == "reset":
                    near.sendall(data[: len(data) // 2])
                    _reset(near)
                    return
                else:
                    mute = self._answer(near, data)

    def _answer(self, near: socket.socket, data: bytes) -> bool:
        """Send what the server says; True where nothing is to follow."""
        fault = self.fault
        if fault in ("slow", "late"):
            time.sleep(self.slow_s if fault == "slow" else self.late_s)
        if fault == "cut":
            near.sendall(data[: len(data) // 2])
            return True
        if fault == "garbage":
            near.sendall(GARBAGE)
        size = max(1, len(data) // 4) if fault == "partial" else len(data)
        for start in range(0, len(data), size):
            near.sendall(data[start : start + size])
            if fault == "partial":
                time.sleep(PAUSE_S)
        return False

    def close(self) -> None:
        """End, and leave nothing behind. May be called twice."""
        self._closed = True
        self._acceptor.join()
        self._socket.close()
        for thread in self._threads:
            thread.join()


def _reset(line: socket.socket) -> None:
    """Have the connection end with a reset in place of a good-bye."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def held_port() -> socket.socket:
    """A port of the loopback that is kept free for a server which is to listen there: nobody else is given it while this is open."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return one


class WireTwin(Twin):
    """Base of twins behind a wire, which plays `WIRE_FAULTS`. A subclass gives `serve`, `shut` and, where it plays it, `reboot`."""

    faults: ClassVar[tuple[str, ...]] = WIRE_FAULTS
    late_s: ClassVar[float] = 0.8
    slow_s: ClassVar[float] = 0.15
    _wire: Wire | None = None

    @abstractmethod
    def serve(self) -> int:
        """Begin to listen, on a free port of the loopback; the port."""

    @abstractmethod
    def shut(self) -> None:
        """End what `serve` has begun. Called again by each further `close`."""

    def reboot(self) -> None:
        """Play `reboot`."""

    @property
    def wire(self) -> Wire:
        assert self._wire is not None, "the twin has not been started"
        return self._wire

    @property
    def port(self) -> int:
        """Where the driver reaches it."""
        return self.wire.port

    def blink(self) -> None:
        """End all connections, and refuse new ones for a moment."""
        self.wire.play("refuse")
        time.sleep(BOOT_S)
        self.wire.play("")

    def start(self) -> None:
        self._wire = Wire(self.serve(), self.late_s, self.slow_s)

    def play(self, fault: str) -> None:
        super().play(fault)
        if self._wire is not None:
            self._wire.play(fault if fault in WIRE_FAULTS else "")
            if fault == "reboot":
                self.reboot()

    def mend(self) -> None:
        super().mend()
        if self._wire is not None:
            self._wire.play("")

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        self.shut()


class CallingTwin(WireTwin):
    """Base of twins of devices that connect to the driver: it listens at `listen`, the twin's calls go over the wire to there.

    A subclass gives `run`, which calls until `ending` is set, in a thread of its own.
    """

    def __init__(self) -> None:
        self.ending = threading.Event()
        self._held: socket.socket | None = None
        self._caller: threading.Thread | None = None

    @abstractmethod
    def run(self) -> None:
        """Play the device."""

    @property
    def listen(self) -> str:
        """Where the driver is to listen."""
        return f"127.0.0.1:{self.wire.server_port}"

    def serve(self) -> int:
        self._held = held_port()
        return int(self._held.getsockname()[1])

    def shut(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def start(self) -> None:
        super().start()
        self.ending.clear()
        self._caller = threading.Thread(target=self.run, name="calling-twin", daemon=True)
        self._caller.start()

    def close(self) -> None:
        self.ending.set()
        caller, self._caller = self._caller, None
        if caller is not None:
            caller.join()
        super().close()
