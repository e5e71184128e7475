"""From a library's own threads into a driver's facts: a bounded queue, each entry with what is to be done once it is stored."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event as Flag

from storeloom.core.kernel.adapter import Receipt
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Facts

LIMIT = 1000
LOOK_S, SETTLE_S = 0.2, 0.005
Stored = Callable[[bool], None]


@dataclass(frozen=True)
class Entry:
    """A fact; `stored(True)` is called once it is durable, `stored(False)` when it was refused. An exception in its place ends the flow."""

    fact: Fact | None
    stored: Stored | None = None
    error: Exception | None = None


class Inbox:
    """`put` from any thread; `flow` yields in the driver's thread. It holds at most `limit` entries: who puts more waits.

    Acknowledgements go out in the order of arrival, as the store decides; where no store is live, at once.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._entries: queue.Queue[Entry] = queue.Queue(limit)
        self._open: deque[tuple[Receipt, Stored]] = deque()
        self._left: deque[Fact] = deque()
        self._telling = threading.Lock()

    def put(self, fact: Fact, stored: Stored | None = None, wait_s: float | None = None) -> bool:
        """False when there was no room within `wait_s`."""
        try:
            self._entries.put(Entry(fact, stored), timeout=wait_s)
        except queue.Full:
            return False
        return True

    def tell(self, facts: Iterable[Fact]) -> None:
        """What the driver has to say itself, from any thread, without waiting: what finds no room goes in first at the next call.

        The facts of a generator are made in turn with those of other calls, so that changes of state stay in their order.
        """
        with self._telling:
            self._left.extend(facts)
            while self._left and self.put(self._left[0], None, 0.0):
                self._left.popleft()

    def fail(self, error: Exception) -> None:
        """Let `flow` raise this after what is before it; where there is no room, in place of the newest."""
        while True:
            try:
                self._entries.put_nowait(Entry(None, None, error))
                return
            except queue.Full:
                self._entries.get_nowait()

    def flow(self, stopping: Flag, idle: Callable[[], None] = lambda: None) -> Facts:
        """Entries as they come, until `stopping`; `idle` is called between them at least every `LOOK_S`, and may raise."""
        while not stopping.is_set():
            self._settle(SETTLE_S if self._entries.empty() else 0.0)
            idle()
            try:
                entry = self._entries.get(timeout=0.0 if self._open else LOOK_S)
            except queue.Empty:
                continue
            if entry.error is not None:
                raise entry.error
            if entry.fact is None:
                continue
            receipt = yield entry.fact
            if entry.stored is None:
                continue
            if receipt is None:
                entry.stored(True)
            else:
                self._open.append((receipt, entry.stored))

    def _settle(self, wait_s: float) -> None:
        """Acknowledge what is decided, oldest first; waits for the first of them alone."""
        while self._open:
            receipt, stored = self._open[0]
            outcome = receipt.wait(wait_s)
            if outcome is None:
                return
            self._open.popleft()
            stored(outcome)
            wait_s = 0.0
