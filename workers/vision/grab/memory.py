"""Pixels between two processes: a ring of buffers in memory that both have mapped, so that frames are never pickled.

The memory has no name in any file system, so nothing stays behind when either process is killed. Each buffer begins with the number of the
frame in it, which is -1 while it is written: a reader that was overtaken sees that, and drops what it copied.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
SLOTS = 4
HEAD = struct.Struct("<q")
WRITING = -1
EMPTY_BYTES = mmap.PAGESIZE


def new_memory() -> int:
    """File descriptor of new shared memory, to be handed to the writing process; its owner closes it."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("frames")
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    os.ftruncate(handle, EMPTY_BYTES)
    return handle


class Writer:
    """The writing side. Where a frame is larger than the buffers, a ring of larger ones is laid out behind them; frames that wait stay."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._map = mmap.mmap(handle, 0)
        self._start, self._slot_bytes = 0, 0

    def put(self, image: Image, seq: int) -> int:
        """Write BGR pixels into buffer `seq` mod 4; the place to tell the reader."""
        if HEAD.size + image.nbytes > self._slot_bytes:
            self._grow(HEAD.size + image.nbytes)
        offset = self._start + seq % SLOTS * self._slot_bytes
        HEAD.pack_into(self._map, offset, WRITING)
        place = np.frombuffer(self._map, np.uint8, image.nbytes, offset + HEAD.size).reshape(image.shape)
        np.copyto(place, image)
        HEAD.pack_into(self._map, offset, seq)
        return offset

    def _grow(self, needed: int) -> None:
        pages = -(-needed // mmap.PAGESIZE)
        self._start += SLOTS * self._slot_bytes
        self._slot_bytes = pages * mmap.PAGESIZE
        end = self._start + SLOTS * self._slot_bytes
        os.ftruncate(self._handle, end)
        self._map = mmap.mmap(self._handle, end)


class Reader:
    """The reading side."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._map = mmap.mmap(handle, 0)

    def take(self, offset: int, seq: int, height: int, width: int) -> Image | None:
        """A copy of frame `seq` (height x width x 3); None where the writer has overtaken it."""
        size = height * width * 3
        if offset + HEAD.size + size > len(self._map):
            self._map = mmap.mmap(self._handle, 0)
        if HEAD.unpack_from(self._map, offset)[0] != seq:
            return None
        image = np.frombuffer(self._map, np.uint8, size, offset + HEAD.size).reshape(height, width, 3).copy()
        return image if HEAD.unpack_from(self._map, offset)[0] == seq else None
