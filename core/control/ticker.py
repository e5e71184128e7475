"""What a server does by itself, again and again: each task in its own time, a fault in one never in the way of the others.

Several servers over one database may run the same tasks: each task takes the rows that it decides on under lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storeloom.core.control.services import Services

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """Something to be done every `every_s` seconds."""

    name: str
    every_s: float
    call: Callable[[Services], None]


class Ticker:
    """Runs tasks in a thread of its own until it is stopped."""

    def __init__(self, services: Services, tasks: Sequence[Task]) -> None:
        self._services, self._tasks = services, tasks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
        self.failed: dict[str, str] = {}

    def start(self) -> None:
        """Begin, every task at once."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End after the task that runs."""
        self._stop.set()
        self._thread.join(seconds)

    def once(self) -> None:
        """Every task once, now."""
        for task in self._tasks:
            self._do(task)

    def _run(self) -> None:
        due = {task.name: time.monotonic() for task in self._tasks}
        while not self._stop.is_set():
            for task in self._tasks:
                if due[task.name] <= time.monotonic() and not self._stop.is_set():
                    self._do(task)
                    due[task.name] = time.monotonic() + task.every_s
            self._stop.wait(max(0.05, min(due.values(), default=1.0) - time.monotonic()))

    def _do(self, task: Task) -> None:
        try:
            task.call(self._services)
            self.failed.pop(task.name, None)
        except Exception as error:  # one task that fails is told, tried again in its time, and holds up no other
            self.failed[task.name] = f"{type(error).__name__}: {error}"
            LOG.error("task %s failed", task.name, exc_info=error)
