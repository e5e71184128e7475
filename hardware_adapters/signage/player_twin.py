"""What the twins of players share: reports that wait until they are taken, and the entries that a schedule brought."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

PLAYER, BATCH = "player-twin", 100


class Player:
    """`queue` holds reports by number until `taken`; `faulty` gives what is to be sent, as a fault has it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.queue: dict[int, dict[str, Any]] = {}
        self.entries: dict[str, Mapping[str, Any]] = {}
        self._number = 0
        self._last: dict[str, Any] | None = None

    def show(self, asset: str) -> dict[str, Any]:
        """Put a report of an asset shown for 8 s into the queue."""
        started = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self.lock:
            self._number += 1
            report = {"player": PLAYER, "number": self._number, "asset": asset, "started": started, "duration_s": 8.0, "complete": True}
            self.queue[self._number] = report
        return report

    def waiting(self, fault: str) -> list[dict[str, Any]]:
        with self.lock:
            some = list(self.queue.values())[:BATCH]
            before, self._last = self._last, some[-1] if some else self._last
        if fault == "odd":
            return [{**one, "duration_s": "long", "number": -1} for one in some]
        if fault in ("duplicate", "stale", "flood") and some:
            return [*([before] if before is not None else some), *some * (BATCH if fault == "flood" else 2)][:400]
        return some

    def taken(self, numbers: Sequence[Any]) -> None:
        with self.lock:
            for number in numbers:
                self.queue.pop(number, None)

    def got(self, schedule: Mapping[str, Any]) -> None:
        """A schedule came in; what is not as it should be raises KeyError or TypeError."""
        with self.lock:
            for one in schedule["entries"]:
                self.entries.setdefault(one["id"], {"id": one["id"], "assets": [item["asset"] for item in one["items"]]})

    def forget(self) -> None:
        """It restarts: what is not in its storage is gone."""
        with self.lock:
            self._last = None


def wanted(number: int) -> Mapping[str, Any]:
    """A `sign.play`, another for each number."""
    items = [{"asset": f"poster-{number}", "duration_s": 8, "campaign": "spring", "text": f"第 {number} 张"}]
    return {"screen": "unit-1", "items": items, "priority": 1, "cmd": f"c{number}"}
