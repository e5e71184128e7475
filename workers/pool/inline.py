"""Work in this process, one chunk after the other: the default of a store box."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from storeloom.workers.pool.base import Backend, Chunk, Done, Shared, work

T = TypeVar("T")


@dataclass(frozen=True)
class Here(Shared[T]):
    """The value itself."""

    held: T

    def value(self) -> T:
        return self.held


class Inline(Backend):
    """Works a chunk off when its result is waited for."""

    cores = 1

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, Chunk] = OrderedDict()

    def share(self, value: T) -> Shared[T]:
        return Here(value)

    def start(self, ticket: int, chunk: Chunk) -> None:
        self._waiting[ticket] = chunk

    def finished(self) -> Done:
        ticket, chunk = self._waiting.popitem(last=False)
        return Done(ticket, work(chunk))

    def drop(self, ticket: int) -> None:
        self._waiting.pop(ticket, None)

    def close(self) -> None:
        self._waiting.clear()
