"""Waiting until the store holds what was given: receipts of facts, settled before their source is told to forget them."""

from __future__ import annotations

from collections import deque
from threading import Event as Flag

from storeloom.core.kernel.adapter import Receipt

LOOK_S = 0.2
OPEN = 512


class Settled:
    """Receipts of one unit (a file, a message, a poll). `refused` counts those that the store does not want."""

    def __init__(self) -> None:
        self._open: deque[Receipt] = deque()
        self.refused = 0

    def note(self, receipt: Receipt | None, stopping: Flag) -> None:
        """Keep a receipt; where no store is live there is none. Waits while very many are open."""
        if receipt is not None:
            self._open.append(receipt)
        while len(self._open) > OPEN and self._first(stopping):
            pass

    def all_stored(self, stopping: Flag) -> bool:
        """Wait for all; False when the driver is to end first: then what they were for must come again."""
        while self._open:
            if not self._first(stopping):
                return False
        return True

    def _first(self, stopping: Flag) -> bool:
        while True:
            outcome = self._open[0].wait(LOOK_S)
            if outcome is not None:
                self._open.popleft()
                self.refused += not outcome
                return True
            if stopping.wait(0.01):
                return False
