"""A wire for datagrams that goes wrong: passes UDP on to a server on this machine and spoils it in the ways of `links.twin.FAULTS`.

`DatagramTwin` is the base of twins behind one.
"""

from __future__ import annotations

import select
import socket
import threading
from abc import abstractmethod
from contextlib import suppress
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.loop import LoopThread
from storeloom.hardware_adapters.links.twin import Twin

DATAGRAM_FAULTS = ("refuse", "silent", "vanish", "cut", "garbage", "slow", "late", "duplicate", "stale", "flood")
AWAY = ("refuse", "silent", "vanish")
LOOK_S, SLOW_S, LATE_S = 0.02, 0.1, 0.6
FLOOD = 100
CALL_S = 5.0
GARBAGE = b"\x30\x82\xff\xff\x00"


def free_udp_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class DatagramWire:
    """Listens on `port` of the loopback and passes on to `server_port`, for one client at a time. `fault` may be set at any time."""

    def __init__(self, server_port: int) -> None:
        self.server_port, self.fault = server_port, ""
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(("127.0.0.1", 0))
        self.port = int(self._near.getsockname()[1])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="datagram-wire", daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        near, last = self._near, b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.connect(("127.0.0.1", self.server_port))
            client: Any = None
            while not self._ended.is_set():
                for side in select.select([near, far], [], [], LOOK_S)[0]:
                    with suppress(OSError):  # either side went away
                        if side is near:
                            asked, client = near.recvfrom(65535)
                            if self.fault not in AWAY:
                                far.send(asked)
                            continue
                        answer = far.recv(65535)
                        for one in self._spoilt(answer, last):
                            near.sendto(one, client)
                        last = answer

    def _spoilt(self, answer: bytes, last: bytes) -> list[bytes]:
        fault = self.fault
        if fault in AWAY:
            return []
        if fault in ("slow", "late"):
            self._ended.wait(SLOW_S if fault == "slow" else LATE_S)
        first = {"garbage": [GARBAGE], "stale": [last] if last else []}.get(fault, [])
        return [*first, *[answer[: len(answer) // 2] if fault == "cut" else answer] * {"duplicate": 2, "flood": FLOOD}.get(fault, 1)]

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._near.close()


class DatagramTwin(Twin):
    """Base of twins behind such a wire, on libraries for asyncio. A subclass gives `boot` and `stop`, which run in a loop of its own."""

    faults: ClassVar[tuple[str, ...]] = DATAGRAM_FAULTS

    def __init__(self) -> None:
        self.served = 0
        self.loop: LoopThread | None = None
        self._wire: DatagramWire | None = None

    @abstractmethod
    async def boot(self) -> None:
        """Begin to answer on the port `served` of the loopback."""

    @abstractmethod
    async def stop(self) -> None:
        """End what `boot` has begun."""

    def reboot(self) -> None:
        """Play `reboot`."""

    @property
    def port(self) -> int:
        """Where the driver reaches it."""
        assert self._wire is not None, "the twin has not been started"
        return self._wire.port

    def start(self) -> None:
        self.served = free_udp_port()
        self.loop = LoopThread()
        self.loop.call(self.boot(), CALL_S)
        self._wire = DatagramWire(self.served)

    def play(self, fault: str) -> None:
        super().play(fault)
        if self._wire is not None:
            self._wire.fault = fault
            if fault == "reboot":
                self.reboot()

    def mend(self) -> None:
        super().mend()
        if self._wire is not None:
            self._wire.fault = ""

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        loop, self.loop = self.loop, None
        if loop is not None:
            loop.call(self.stop(), CALL_S)
            loop.close()
