"""Who wins when several solutions command one target: a lamp group, a relay, an air unit, a label.

By priority (`light.set`, `relay.set`, `hvac.set`, `refrigeration.set`): safety over food over energy over comfort. Exclusive commands
that the bundle lets several send: the earlier in its [arbitrate] list. The winner holds the target until its command's `until` (or for
`seconds`), else for HOLD; a weaker command in that time is kept in the log but not sent, and the loser is named by an alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Event, Out, out, parse_time
from storeloom.core.kernel.plan import Plan
from storeloom.core.runtime.log import StoreLog, instant, micros
from storeloom.core.runtime.state import State

PRIORITIES = ("safety", "food", "energy", "comfort")
HOLD = timedelta(minutes=15)
NAME = "#arbiter"


class Arbiter:
    """Keeps who holds which target; what it keeps is saved with the log."""

    def __init__(self, plan: Plan, log: StoreLog, kinds: Mapping[str, Mapping[str, Any]]) -> None:
        self._order = plan.arbitrate
        self._held = State(log.load_state(NAME))
        takes: list[Mapping[str, str]] = [facts["takes"] for facts in kinds.values()]
        self._by_priority = {stream for kind in takes for stream, rule in kind.items() if rule == "priority"}

    def loses_to(self, event: Event) -> str | None:
        """The instance that holds the command's target against it; None when the command goes through, and then holds it itself."""
        rank = self._rank(event)
        if rank is None:
            return None
        key = f"{event.stream}|{event.data[schemas.target_field(event.stream)]}"
        held = self._held.get(key)
        if held and held["by"] != event.source and held["rank"] < rank and event.time < instant(held["until"]):
            return str(held["by"])
        self._held[key] = {"by": event.source, "rank": rank, "until": micros(self._until(event))}
        self._held.keep()
        return None

    def _rank(self, event: Event) -> int | None:
        """The command's rank, 0 the strongest; None where nobody can stand against it."""
        if event.stream in self._by_priority:
            priority = event.get("priority", PRIORITIES[-1])
            return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)
        order = self._order.get(event.stream, ())
        return order.index(event.source) if event.source in order else None

    def _until(self, event: Event) -> datetime:
        if "until" in event:
            return parse_time(event["until"])
        return event.time + (timedelta(seconds=float(event["seconds"])) if event.get("seconds") else HOLD)

    def notice(self, event: Event, winner: str, language: str) -> Out:
        """The alert that names a command which a stronger one kept from being sent."""
        en = f"{winner} holds it: {event.stream} of {event.source} was not sent"
        zh = f"{winner} 优先，{event.source} 的 {event.stream} 未下发"
        text = zh if language.startswith("zh") else en
        alert = f"overruled-{event.source}-{event.stream}"
        facts = {"kind": "overruled", "severity": "info", "state": "open", "subject": event.source, "text": text, "ref": event.ref}
        return out("alert.raise", facts, alert=alert)

    def save(self, log: StoreLog) -> None:
        log.save_state(NAME, self._held.changes())
