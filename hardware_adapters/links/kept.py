"""A memory that outlives a restart: ids of commands carried out, payments that are open, messages under way.

What a driver keeps here lies in its `AdapterContext.memory`. It is kept once the assignment returns: so note what is to be undone or asked
after before the device is told, and that a command was carried out as soon as the device has done it. A kill between the two leaves the
one doubt that no memory resolves; there the protocol has to tell (an idempotency key, a switch that says the drawer is open).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any, TypeVar

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.events import Fact, fact_of, fact_row
from storeloom.hardware_adapters.links.recent import Recent

V = TypeVar("V")
ONCE = frozenset({"cabinet.open", "drawer.open", "gate.open", "message.send", "payment.request", "print.job", "relay.set"})
"""Commands that do harm when they are carried out twice."""


class Kept(MutableMapping[str, V]):
    """The `most` JSON values that were put in last, under a name of the driver's memory; one whose value changes keeps its place.

    Where the memory cannot be written the assignment raises, and holds for this run all the same. May be used from several threads.
    """

    def __init__(self, adapter: Adapter, name: str, most: int) -> None:
        self._adapter, self._name = adapter, name
        self._rows: Recent[str, V] = Recent(most)
        self._read = False
        self._lock = threading.RLock()

    def _known(self) -> Recent[str, V]:
        """What the memory holds; a driver gets its memory after it was made, so it is looked at with the first use."""
        with self._lock:
            if not self._read:
                self._read = True
                self._rows.update(self._adapter.context.memory.get(self._name, {}))
            return self._rows

    def _write(self) -> None:
        self._adapter.context.memory[self._name] = dict(self._rows)

    def __getitem__(self, key: str) -> V:
        return self._known()[key]

    def __setitem__(self, key: str, value: V) -> None:
        with self._lock:
            self._known()[key] = value
            self._write()

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._known()[key]
            self._write()

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._known()))

    def __len__(self) -> int:
        return len(self._known())


class Done:
    """The last commands that a driver carried out, by `cmd`, with their answers; over a restart too where doing one twice does harm."""

    def __init__(self, adapter: Adapter, most: int) -> None:
        self._answers: MutableMapping[str, list[dict[str, Any]]]
        self._answers = Kept(adapter, "done", most) if ONCE.intersection(adapter.takes) else Recent(most)

    def __contains__(self, cmd: object) -> bool:
        return cmd in self._answers

    def __getitem__(self, cmd: str) -> list[Fact]:
        return [fact_of(row) for row in self._answers[cmd]]

    def __setitem__(self, cmd: str, answers: Iterable[Fact]) -> None:
        self._answers[cmd] = [fact_row(fact) for fact in answers]
