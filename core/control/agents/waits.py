"""Agents that wait for news: each holds a thread of the server, and nothing of the database.

One watcher a process asks for all who wait here, twice a second and in one query, whether their desired state changed; which server changed
it does not matter. There are `places` to wait and no more, so that the other threads stay free for those who do not wait: who finds none
is told to come back later, at a time drawn between half and the whole of the wait that it asked for.
"""

from __future__ import annotations

import logging
import random
import threading

from sqlalchemy import Engine, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from storeloom.core.control.database import reading
from storeloom.core.control.models.agents import Agent

LOG = logging.getLogger(__name__)
EVERY_S = 0.4
PLACES = 8
Key = tuple[str, str]


class Waits:
    """The waiting agents of one server process. `places`: how many may wait at once, at most half of the server's threads."""

    def __init__(self, engine: Engine, places: int = PLACES, every_s: float = EVERY_S) -> None:
        self.engine, self.places, self.every_s = engine, places, every_s
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Key, int, threading.Event]] = {}
        self._taken = 0
        self._next = 0
        self._watcher: threading.Thread | None = None
        self._end = threading.Event()
        self._chance = random.Random()

    def take(self) -> bool:
        """Take a place to wait, to be given back by `until`; False where all are taken."""
        with self._lock:
            free = self._taken < self.places
            self._taken += free
        return free

    def until(self, key: Key, known: int, seconds: float) -> bool:
        """Wait, on a place that was taken, until the desired state of an agent is no longer number `known`; False when the time is over."""
        bell = threading.Event()
        with self._lock:
            mine, self._next = self._next, self._next + 1
            self._waiting[mine] = key, known, bell
            self._watch()
        try:
            return bell.wait(0 if self._end.is_set() else seconds)
        finally:
            with self._lock:
                del self._waiting[mine]
                self._taken -= 1

    def later(self, seconds: float) -> int:
        """When one that found no place comes back, in seconds."""
        return max(1, round(seconds * self._chance.uniform(0.5, 1.0)))

    def close(self) -> None:
        """Let all who wait go, and end the watcher."""
        self._end.set()
        with self._lock:
            for _, _, bell in self._waiting.values():
                bell.set()
            watcher = self._watcher
        if watcher is not None:
            watcher.join()

    def _watch(self) -> None:
        """Have a watcher while somebody waits; the lock is held."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._run, name="storeloom-waits", daemon=True)
            self._watcher.start()

    def _run(self) -> None:
        while not self._end.wait(self.every_s):
            with self._lock:
                waiting = dict(self._waiting)
                if not waiting:
                    self._watcher = None
                    return
            try:
                numbers = self._numbers({key for key, _, _ in waiting.values()})
            except SQLAlchemyError as error:
                LOG.warning("cannot look for news of waiting agents: %s", error)
                continue
            for key, known, bell in waiting.values():
                if numbers.get(key) != known:
                    bell.set()

    def _numbers(self, keys: set[Key]) -> dict[Key, int]:
        which = tuple_(col(Agent.chain), col(Agent.store)).in_(sorted(keys))
        with reading(self.engine) as session:
            rows = session.exec(select(Agent.chain, Agent.store, Agent.desired_number).where(which))
            return {(chain, store): number for chain, store, number in rows}
