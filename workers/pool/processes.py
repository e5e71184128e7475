"""Work in local processes: each a fresh interpreter with one thread for its arithmetic, replaced when it is lost."""

from __future__ import annotations

import mmap
import os
import pickle
import queue
import sys
import threading
from collections import OrderedDict
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, TypeVar

from storeloom.workers.pool.base import Backend, Chunk, Done, Shared, failure, work

T = TypeVar("T")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
KEPT = 4
_MAIN = threading.Lock()
_KNOWN: OrderedDict[str, Any] = OrderedDict()


@dataclass(frozen=True)
class InMemory(Shared[T]):
    """A value in anonymous memory of the process that shared it; the arrays in it are read in place, read-only.

    `parts` are the lengths of its pickle (protocol 5) and of the buffers that lie beside it. It goes with that process.
    """

    path: str
    parts: tuple[int, ...]

    def value(self) -> T:
        """Read once a worker, and kept while it is among the last four."""
        if self.path not in _KNOWN:
            _KNOWN[self.path] = self._read()
            if len(_KNOWN) > KEPT:
                _KNOWN.popitem(last=False)
        _KNOWN.move_to_end(self.path)
        found: T = _KNOWN[self.path]
        return found

    def _read(self) -> Any:
        with open(self.path, "rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        views, start = [], 0
        for length in self.parts:
            views.append(view[start : start + length])
            start += length
        return pickle.loads(views[0], buffers=views[1:])


class _MainlessProcess(SpawnProcess):
    """A fresh interpreter that does not run the program's main module again, as spawning does: a Streamlit page is one, and has effects."""

    def start(self) -> None:
        with _MAIN:
            main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main


class _Mainless(SpawnContext):
    Process = _MainlessProcess


class Processes(Backend):
    """Local processes. What is called must be importable by name, and items and results picklable: what is not is a `Failed`."""

    def __init__(self, cores: int | None = None) -> None:
        self.cores = cores or len(os.sched_getaffinity(0))
        self._memory: list[int] = []
        self._done: queue.SimpleQueue[tuple[int, Future[tuple[Any, ...]]]] = queue.SimpleQueue()
        self._chunks: dict[int, tuple[Chunk, Future[tuple[Any, ...]]]] = {}
        self._executor = self._new()

    def share(self, value: T) -> Shared[T]:
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(body), *(one.raw() for one in buffers)]
        memory = os.memfd_create("storeloom-shared")
        self._memory.append(memory)
        with open(memory, "wb", closefd=False) as file:
            for part in parts:
                file.write(part)
        return InMemory(f"/proc/{os.getpid()}/fd/{memory}", tuple(part.nbytes for part in parts))

    def start(self, ticket: int, chunk: Chunk) -> None:
        try:
            future = self._executor.submit(work, chunk)
        except BrokenProcessPool:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = self._new()
            future = self._executor.submit(work, chunk)
        self._chunks[ticket] = chunk, future
        future.add_done_callback(lambda one: self._done.put((ticket, one)))

    def finished(self) -> Done:
        while True:
            ticket, future = self._done.get()
            chunk, current = self._chunks.get(ticket, (None, None))
            if chunk is None or current is not future or future.cancelled():
                continue
            del self._chunks[ticket]
            try:
                return Done(ticket, future.result())
            except BrokenProcessPool:
                return Done(ticket, None)
            except Exception as error:  # what could not be pickled on its way there or back
                return Done(ticket, tuple(failure(number, item, error) for number, item in enumerate(chunk.items, chunk.first)))

    def drop(self, ticket: int) -> None:
        chunk = self._chunks.pop(ticket, None)
        if chunk is not None:
            chunk[1].cancel()

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
        for memory in self._memory:
            os.close(memory)
        self._memory.clear()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.cores, _Mainless(), initializer=_one_thread)


def _one_thread() -> None:
    """Leave a worker one core: there are as many workers as cores."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
