"""What runs in the store process right now, in memory that its keeper can see: a thread that loops cannot say so itself."""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Mapping
from typing import NamedTuple

BEAT_ENV = "STORELOOM_BEAT"
SIZE = 4096
_HEAD = struct.Struct("=QQQH")  # turn (odd while it is written), alive (monotonic ns), entered (ns, 0: nothing runs), words' length
_TURN = struct.Struct("=Q")
_ALIVE = struct.Struct("=Q")
_BODY = struct.Struct("=QH")
_MOST = SIZE - _HEAD.size
_READS = 50


class Running(NamedTuple):
    """What the store process said last: its loop's last sign of life and, where something runs, since when (monotonic nanoseconds)."""

    alive: int
    entered: int
    instance: str
    ref: str
    load: str


class Beat:
    """Both ends of the shared memory. The engine writes (`enter`, `leave`, `alive`); the keeper reads (`running`)."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, SIZE)
        self._turn = 0

    @classmethod
    def make(cls) -> Beat:
        """New shared memory, for a process to inherit."""
        fd = os.memfd_create("storeloom-beat")
        os.ftruncate(fd, SIZE)
        return cls(fd)

    @classmethod
    def inherited(cls, environ: Mapping[str, str]) -> Beat | None:
        """The keeper's shared memory; None where this process has no keeper."""
        fd = environ.get(BEAT_ENV)
        return cls(int(fd)) if fd else None

    def enter(self, instance: str, ref: str, load: str) -> None:
        """An instance begins to handle something."""
        words = f"{instance}\n{ref}\n{load}".encode()[:_MOST]
        now = time.monotonic_ns()
        turn = self._turn = self._turn + 2
        memory = self._memory
        _TURN.pack_into(memory, 0, turn - 1)
        _HEAD.pack_into(memory, 0, turn - 1, now, now, len(words))
        memory[_HEAD.size : _HEAD.size + len(words)] = words
        _TURN.pack_into(memory, 0, turn)

    def leave(self) -> None:
        """It is done with it."""
        _BODY.pack_into(self._memory, _TURN.size + _ALIVE.size, 0, 0)

    def alive(self) -> None:
        """The loop comes round."""
        _ALIVE.pack_into(self._memory, _TURN.size, time.monotonic_ns())

    def clear(self) -> None:
        """Forget what the last process said."""
        self._turn = 0
        _HEAD.pack_into(self._memory, 0, 0, 0, 0, 0)

    def running(self) -> Running:
        """What was said last. It is read whole, words of one turn never mixed with another's, unless the writer died while it wrote."""
        for _ in range(_READS):
            turn, alive, entered, length = _HEAD.unpack_from(self._memory, 0)
            words = self._memory[_HEAD.size : _HEAD.size + length]
            if turn % 2 == 0 and _TURN.unpack_from(self._memory, 0)[0] == turn:
                break
            time.sleep(0.0001)
        parts = bytes(words).decode(errors="replace").split("\n")
        instance, ref, load = (*parts, "", "", "")[:3]
        return Running(alive, entered, instance, ref, load)

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)
