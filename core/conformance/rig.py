"""A driver at work as it is in a store: its facts taken in by a thread and stored a moment later, its commands given by another."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from storeloom.core.kernel.adapter import Adapter, next_fact
from storeloom.core.kernel.events import Fact

LOOK_S = 0.01
STORE_S = 0.02


class Stored:
    """A receipt that is durable a moment after it was given."""

    def __init__(self) -> None:
        self._until = time.monotonic() + STORE_S

    def wait(self, timeout_s: float | None = None) -> bool | None:
        left = self._until - time.monotonic()
        if timeout_s is not None and left > timeout_s:
            time.sleep(max(0.0, timeout_s))
            return None
        time.sleep(max(0.0, left))
        return True


class Rig:
    """Runs `adapter.facts` until it is closed, again after it raised, as a store does.

    `facts` grow until they are taken out by `take`; `faults` are what it raised.
    """

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.facts: list[Fact] = []
        self.faults: list[BaseException] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rig-{adapter.device}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._take_in()
                return
            except Exception as error:  # a store starts a driver again, whatever it raises
                self.faults.append(error)
                self._stopping.wait(0.2)

    def _take_in(self) -> None:
        facts, receipt = self.adapter.facts(), None
        while not self._stopping.is_set():
            try:
                fact = next_fact(facts, receipt)
            except StopIteration:
                return
            self.facts.append(fact)
            receipt = Stored()

    def take(self) -> list[Fact]:
        """The facts that are there, which are kept no longer."""
        taken = self.facts[:]
        del self.facts[: len(taken)]
        return taken

    def wait_for(self, look: Callable[[], bool], seconds: float) -> bool:
        """Whether it came true in time."""
        until = time.monotonic() + seconds
        while not look():
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
        return True

    def state(self) -> str | None:
        """What the driver last told of its device, None where it tells nothing."""
        return next((one.data["state"] for one in reversed(self.facts) if one.stream == "device.status"), None)

    def send(self, stream: str, data: Mapping[str, Any], seconds: float) -> BaseException | bool | None:
        """Give a command: None when the driver took it, what it raised, True where it did not come back in time."""
        raised: list[BaseException | None] = []

        def call() -> None:
            try:
                self.facts += list(self.adapter.command(stream, data, datetime.now(UTC)))
                raised.append(None)
            except Exception as error:  # told by the caller
                raised.append(error)

        thread = threading.Thread(target=call, name=f"rig-command-{self.adapter.device}", daemon=True)
        thread.start()
        thread.join(seconds)
        return raised[0] if raised else True

    def close(self, seconds: float) -> bool:
        """Close the driver; whether its thread ended in time."""
        self._stopping.set()
        self.adapter.close()
        self._thread.join(seconds)
        return not self._thread.is_alive()


def threads_and_files() -> tuple[int, int]:
    """How many threads and open descriptors this process has."""
    return threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
