"""Loitering: staying in a zone longer than shopping explains.

The rule knows only how long someone stays; why they do it knows nobody here. A stay interrupted for no more than `away_s` goes on.
State and results are JSON; `step` takes the old state and returns the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision import zones
from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.still import Person

State = dict[str, Any]


@dataclass(frozen=True)
class Loitering:
    """A stay that passed the limit (`ended_s` None) or that had passed it and is over."""

    track: str
    from_s: float
    ended_s: float | None


def step(
    state: Mapping[str, Any], polygon: Sequence[Point], people: Mapping[str, Person], t_s: float, *, limit_s: float, away_s: float = 10.0
) -> tuple[State, list[Loitering]]:
    """Advance by one frame; staff are left out. State: {"zone": of `zones.step`, "open": {track: from_s}, "staff": [tracks]}."""
    staff = sorted({track for track in state.get("staff", ()) if track in people} | {t for t, person in people.items() if person.staff})
    points = {track: person.foot for track, person in people.items() if track not in staff}
    before = {track: stay for track, stay in state.get("zone", {}).items() if track not in staff}
    zone, now = zones.step(before, polygon, points, t_s, vanish_s=away_s, leave_s=away_s)
    opened: dict[str, float] = dict(state.get("open", {}))
    news = []
    for stay in now.left:
        if stay.track in opened:
            news.append(Loitering(stay.track, opened.pop(stay.track), stay.to_s))
    for track in [track for track in opened if track in staff]:
        news.append(Loitering(track, opened.pop(track), t_s))
    for track, dwell_s in now.present.items():
        if dwell_s >= limit_s and track not in opened:
            opened[track] = zone[track][0]
            news.append(Loitering(track, zone[track][0], None))
    return {"zone": zone, "open": opened, "staff": staff}, news
