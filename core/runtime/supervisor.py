"""Who may run: counts failures by instance, pauses one that keeps failing, lets it try again with back-off, and says why."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from storeloom.core.kernel.errors import Finding

LIMIT, WINDOW = 3, timedelta(minutes=5)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)


@dataclass
class Circuit:
    """One instance's record: recent failures, and until when it rests."""

    recent: deque[datetime] = field(default_factory=deque)
    until: datetime | None = None
    pause: timedelta = FIRST_PAUSE
    trial: bool = False
    reason: Finding | None = None


class Supervisor:
    """Opens an instance's circuit after LIMIT failures in WINDOW; while it is open its events wait in the log."""

    def __init__(self) -> None:
        self._circuits: dict[str, Circuit] = {}

    def failed(self, name: str, at: datetime, reason: Finding) -> None:
        """Note a failure; opens the circuit when it is one too many, or the first after a pause."""
        circuit = self._circuits.setdefault(name, Circuit())
        circuit.recent.append(at)
        circuit.reason = reason
        while circuit.recent and at - circuit.recent[0] > WINDOW:
            circuit.recent.popleft()
        if circuit.trial or len(circuit.recent) >= LIMIT:
            circuit.until = at + circuit.pause
            circuit.pause = min(circuit.pause * 2, LONGEST_PAUSE)
            circuit.trial = False
            circuit.recent.clear()

    def succeeded(self, name: str) -> None:
        """Note a handled event; one after a pause closes the circuit for good."""
        circuit = self._circuits.get(name)
        if circuit is not None and circuit.trial:
            self._circuits[name] = Circuit()

    def forget(self, name: str) -> None:
        """Start anew with an instance that was replaced."""
        self._circuits.pop(name, None)

    def paused(self, name: str, now: datetime) -> bool:
        circuit = self._circuits.get(name)
        return circuit is not None and circuit.until is not None and now < circuit.until

    def next_end(self) -> datetime | None:
        """When the next pause ends."""
        return min((circuit.until for circuit in self._circuits.values() if circuit.until is not None), default=None)

    def resumed(self, now: datetime) -> list[str]:
        """Instances whose pause has just ended; each is named once and is on trial from then."""
        ended = [name for name, circuit in self._circuits.items() if circuit.until is not None and now >= circuit.until]
        for name in ended:
            self._circuits[name].until = None
            self._circuits[name].trial = True
        return ended

    def why(self, lang: str = "en") -> dict[str, str]:
        """In words, why an instance rests and until when."""
        rest = "，暂停至 {} UTC" if lang == "zh" else "; rests until {} UTC"
        return {
            name: circuit.reason.text(lang).rstrip(".。") + rest.format(f"{circuit.until:%H:%M:%S}")
            for name, circuit in self._circuits.items()
            if circuit.until and circuit.reason
        }
