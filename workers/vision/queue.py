"""Queues: who waits, who is served, how long each waited.

State and results are JSON; `step` takes the old state and returns the new one. A person joins by standing in the zone, not by passing
through it, and waits from the moment they came to stand. Who crosses the line of service (to its right-hand side, seen along it, y down)
is being served; who leaves without is lost. The expected wait is the number waiting times the mean service time of the last customers,
as for one server: it says nothing of a second till that is about to open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.lines import Line, offset
from storeloom.workers.vision.still import Entry, Person, follow, inherit
from storeloom.workers.vision.zones import contains

State = dict[str, Any]
REMEMBERED = 20


@dataclass(frozen=True)
class QueueRule:
    """A queue's zone (picture shares) and line of service.

    `join_s`: standing time that makes a waiting customer; `reach_m`: movement that still counts as standing; `vanish_s`: how long someone
    may be out of sight or outside the zone before they count as gone.
    """

    polygon: Sequence[Point]
    service: Line | None = None
    join_s: float = 4.0
    reach_m: float = 0.7
    vanish_s: float = 3.0


@dataclass(frozen=True)
class Wait:
    """A wait that ended, in seconds: `served_s` is None for one who gave up."""

    track: str
    joined_s: float
    served_s: float | None
    left_s: float

    @property
    def wait_s(self) -> float:
        return (self.left_s if self.served_s is None else self.served_s) - self.joined_s


@dataclass(frozen=True)
class QueueStep:
    """A queue after one frame: seconds waited so far by track, tracks being served, waits that ended, expected wait of a newcomer."""

    waiting: Mapping[str, float]
    serving: tuple[str, ...]
    staff: int
    ended: tuple[Wait, ...]
    expected_s: float | None

    @property
    def length(self) -> int:
        return len(self.waiting)


def step(state: Mapping[str, Any], rule: QueueRule, people: Mapping[str, Person], t_s: float) -> tuple[State, QueueStep]:
    """Advance by one frame. State: {"people": {track: entry}, "service_s": [last service times]}.

    Staff never wait; someone once seen as staff stays staff while in sight.
    """
    entries: dict[str, Entry] = {track: dict(entry) for track, entry in state.get("people", {}).items()}
    inside = {track: person for track, person in people.items() if contains(rule.polygon, person.foot)}
    inherit(entries, {track: p.place for track, p in inside.items() if track not in entries}, people.keys(), t_s, rule.reach_m)
    for track, person in inside.items():
        _advance(entries.setdefault(track, {"joined": None, "served": None, "staff": False}), rule, person, t_s)
    ended = []
    for track, entry in list(entries.items()):
        if track not in inside and t_s - entry["last_s"] > rule.vanish_s:
            del entries[track]
            if entry["joined"] is not None and not entry["staff"]:
                ended.append(Wait(track, entry["joined"], entry["served"], entry["last_s"]))
    times = [*state.get("service_s", ()), *(w.left_s - w.served_s for w in ended if w.served_s is not None)][-REMEMBERED:]
    customers = {track: entry for track, entry in entries.items() if not entry["staff"]}
    waiting = {track: t_s - e["joined"] for track, e in customers.items() if e["joined"] is not None and e["served"] is None}
    serving = tuple(track for track, e in customers.items() if e["served"] is not None)
    expected = len(waiting) * sum(times) / len(times) if times else None
    result = QueueStep(waiting, serving, len(entries) - len(customers), tuple(ended), expected)
    return {"people": entries, "service_s": times}, result


def _advance(entry: Entry, rule: QueueRule, person: Person, t_s: float) -> None:
    """One sight of someone in the zone."""
    since = follow(entry, person.place, t_s, rule.reach_m)
    entry["staff"] = entry["staff"] or person.staff
    joins = entry["joined"] is None and t_s - since >= rule.join_s
    if joins:
        entry["joined"] = since
    at_service = rule.service is not None and offset(rule.service, person.foot) > rule.service.margin
    if at_service and entry["served"] is None and entry["joined"] is not None:
        entry["served"] = since if joins else t_s
