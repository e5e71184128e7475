"""A wire that goes wrong: passes TCP connections on to a server on this machine and spoils them in the ways of `links.twin.FAULTS`."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress

WIRE_FAULTS = ("refuse", "silent", "reset", "vanish", "partial", "cut", "garbage", "slow", "late")
AWAY = ("refuse", "vanish")
GARBAGE = b"\xff\xff\xff\xff\xff\x00\x13\x37"
LOOK_S = 0.02
PAUSE_S = 0.01


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
