"""Pictures for hosts, through memory that they share with the store process: each is written once, however many are to see it.

Every camera has a ring of its own, so that a host can read no pictures but those that it is given. The memory has no name, and is sealed
against everybody but the store process before it is handed out (memfd_create(2), fcntl(2): F_SEAL_FUTURE_WRITE, Linux 5.1): a host can
neither change nor resize it, and what is left of it goes with the last process that has it. A slot bears the generation of the picture in
it, and none while one is written; a reader that was overtaken sees that, and drops what it copied.
"""

from __future__ import annotations

import fcntl
import logging
import math
import mmap
import os
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOTS = 4
_SEALS = 0x1 | 0x2 | 0x4 | 0x10  # F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE (linux/fcntl.h)
_ADD_SEALS = 1033
_GENERATION = struct.Struct("=q")
_WRITING = -1
_HEAD = mmap.PAGESIZE

LOG = logging.getLogger("storeloom.hosts")


class Place(NamedTuple):
    """Where a picture lies, in place of its pixels on the wire."""

    ring: int
    slot: int
    generation: int
    offset: int
    shape: tuple[int, ...]
    dtype: str


@dataclass
class Slot:
    """What lies in a slot, and how many hosts have yet to be done with it."""

    event: str | None = None
    generation: int = _WRITING
    readers: int = 0


@dataclass
class Ring:
    """The pictures of one camera, all of up to `slot_bytes`; memory is taken by those slots alone that were ever used."""

    number: int
    handle: int
    memory: mmap.mmap
    slot_bytes: int
    slots: list[Slot] = field(default_factory=lambda: [Slot() for _ in range(SLOTS)])

    def next_slot(self) -> int:
        """The first slot that nobody waits for, else the one that was written longest ago."""
        free = [number for number, slot in enumerate(self.slots) if slot.readers == 0]
        return free[0] if free else min(range(SLOTS), key=lambda number: self.slots[number].generation)

    def offset(self, slot: int) -> int:
        return _HEAD + slot * self.slot_bytes

    def write(self, slot: int, pixels: NDArray[Any], generation: int, between: threading.Lock) -> None:
        """Put pixels into a slot. The lock's release keeps the order of the three writes on any processor."""
        import numpy as np

        with between:
            _GENERATION.pack_into(self.memory, slot * _GENERATION.size, _WRITING)
        np.copyto(np.frombuffer(self.memory, pixels.dtype, pixels.size, self.offset(slot)).reshape(pixels.shape), pixels)
        with between:
            _GENERATION.pack_into(self.memory, slot * _GENERATION.size, generation)

    def close(self) -> None:
        self.memory.close()
        os.close(self.handle)


class Frames:
    """The store process's side. `trouble` is why pictures go through sockets, where they do. For one thread."""

    def __init__(self) -> None:
        self.trouble: Finding | None = None
        self._rings: dict[str, Ring] = {}
        self._made = self._written = 0
        self._lock = threading.Lock()

    def lend(self, event: Event) -> tuple[Ring, Place] | None:
        """Write an event's picture where it does not lie already, for one more host; None where there is none, or no shared memory."""
        import numpy as np

        pixels = event.data.get("pixels")
        if not isinstance(pixels, np.ndarray) or pixels.dtype.hasobject or not pixels.size:
            return None
        ring = self._ring(event.source, pixels.nbytes)
        if ring is None:
            return None
        number = next((n for n, slot in enumerate(ring.slots) if slot.event == event.id), None)
        if number is None:
            number = ring.next_slot()
            self._written += 1
            ring.slots[number] = Slot(event.id, self._written)
            ring.write(number, pixels, self._written, self._lock)
        slot = ring.slots[number]
        slot.readers += 1
        return ring, Place(ring.number, number, slot.generation, ring.offset(number), pixels.shape, pixels.dtype.str)

    @property
    def written(self) -> int:
        """How many pictures were written."""
        return self._written

    def done(self, ring: Ring, place: Place) -> None:
        """One host is done with a picture; where that was overwritten, nothing waits for it any more."""
        slot = ring.slots[place.slot]
        if slot.generation == place.generation:
            slot.readers -= 1

    def _ring(self, camera: str, size: int) -> Ring | None:
        """The camera's ring, a new one where its pictures have grown."""
        ring = self._rings.get(camera)
        if ring is not None and size <= ring.slot_bytes:
            return ring
        if self.trouble is not None:
            return None
        try:
            made = self._make(size)
        except (OSError, AttributeError) as error:  # a system without memfd_create has no such attribute
            self.trouble = Finding("SL-HST-11", {"reason": str(error)})
            LOG.warning("%s", self.trouble.text())
            return None
        if ring is not None:
            ring.close()
        self._rings[camera] = made
        return made

    def _make(self, size: int) -> Ring:
        slot_bytes = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        handle = os.memfd_create("storeloom-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(handle, _HEAD + SLOTS * slot_bytes)
            memory = mmap.mmap(handle, 0)
            fcntl.fcntl(handle, _ADD_SEALS, _SEALS)
        except OSError:
            os.close(handle)
            raise
        for slot in range(SLOTS):
            _GENERATION.pack_into(memory, slot * _GENERATION.size, _WRITING)
        self._made += 1
        return Ring(self._made, handle, memory, slot_bytes)

    def close(self) -> None:
        """Let go of all memory; hosts that still have it keep it until they end."""
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()


class Lent:
    """A host's side: the rings that it was handed, mapped for reading."""

    def __init__(self) -> None:
        self._rings: dict[int, mmap.mmap] = {}

    def add(self, ring: int, handle: int, *, instead_of: int | None = None) -> None:
        """Take a ring, in place of an earlier one of its camera."""
        self._rings[ring] = mmap.mmap(handle, 0, prot=mmap.PROT_READ)
        os.close(handle)
        if instead_of is not None and (old := self._rings.pop(instead_of, None)) is not None:
            old.close()

    def take(self, place: Place) -> NDArray[Any] | None:
        """A copy of the picture; None where it was overwritten, be it while it was copied."""
        import numpy as np

        memory = self._rings[place.ring]
        if not _holds(memory, place):
            return None
        count = math.prod(place.shape)
        pixels = np.frombuffer(memory, np.dtype(place.dtype), count, place.offset).reshape(place.shape).copy()
        return pixels if _holds(memory, place) else None


def _holds(memory: mmap.mmap, place: Place) -> bool:
    found: int = _GENERATION.unpack_from(memory, place.slot * _GENERATION.size)[0]
    return found == place.generation
