"""A line to a server that fails as lines do."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress


class Line:
    """A TCP relay to the server. `open` lets all pass; `held` nothing, and no connection ends; `cut` ends what stands and takes nothing.

    `cut_after` bytes more towards the agent the line goes to `then`; `rate` bounds bytes a second.
    """

    def __init__(self, port: int) -> None:
        self._to, self.state = port, "open"
        self.cut_after: int | None = None
        self.then = "cut"
        self.rate = 0.0
        self.down = 0
        self._heard = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._heard.getsockname()[1]}"
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.state = "cut"
        for pair in list(self._pairs):
            _end(*pair)

    def mend(self) -> None:
        self.state, self.cut_after = "open", None

    def close(self) -> None:
        self.cut()
        _end(self._heard)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._heard.accept()
            except OSError:
                return
            try:
                if self.state == "cut":
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self._to), 5)
            except OSError:
                _end(near)
                continue
            threading.Thread(target=self._relay, args=(near, far), daemon=True).start()

    def _relay(self, near: socket.socket, far: socket.socket) -> None:
        pair = near, far
        self._pairs.add(pair)
        try:
            while self.state != "cut":
                if self.state == "held":
                    time.sleep(0.02)
                    continue
                ready, _, _ = select.select(pair, (), (), 0.1)
                for one in ready:
                    data = one.recv(1 << 14)
                    if not data:
                        return
                    self._pass(data, near if one is far else far, down=one is far)
        except OSError:
            return
        finally:
            self._pairs.discard(pair)
            _end(near, far)

    def _pass(self, data: bytes, into: socket.socket, *, down: bool) -> None:
        if down:
            self.down += len(data)
            if self.cut_after is not None:
                self.cut_after -= len(data)
                if self.cut_after <= 0:
                    self.state, self.cut_after = self.then, None
            while self.state == "held":
                time.sleep(0.02)
            if self.state == "cut":
                return
            if self.rate:
                time.sleep(len(data) / self.rate)
        into.sendall(data)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
