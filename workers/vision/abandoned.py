"""Left and removed things, from tracks: a thing that stopped moving and whose owner went away; a thing of the place that is gone.

The definition of "left" is that of the PETS 2006 benchmark: the owner is the person nearest when the thing appears, the thing is left
when they are more than a distance away for a time. For things that no detector knows there is `background`, on pixels.
State and results are JSON; `step` takes the old state and returns the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from storeloom.workers.vision.boxes import Box, share_inside
from storeloom.workers.vision.still import Entry, Person, apart_m, follow

State = dict[str, Any]
Kind = Literal["left", "removed"]
HIDDEN = 0.3


@dataclass(frozen=True)
class AbandonRule:
    """Times in seconds, distances in metres.

    `still_s`, `reach_m`: how long within what reach makes a thing at rest; `owner_m`: how near its owner is when it appears; `away_m`,
    `away_s`: how far and long the owner must be away; `settled_s`: rest that makes a thing part of the place; `gone_s`: how long such a
    thing must be missing, with nobody in front of it, to count as removed.
    """

    still_s: float = 5.0
    reach_m: float = 0.3
    owner_m: float = 1.5
    away_m: float = 3.0
    away_s: float = 30.0
    settled_s: float = 60.0
    gone_s: float = 5.0


@dataclass(frozen=True)
class Stray:
    """A left thing told (`ended_s` None) or over, or a removed one; `owner` is the track of whoever brought it, where seen."""

    track: str
    kind: Kind
    from_s: float
    ended_s: float | None
    owner: str | None
    box: Box


def step(
    state: Mapping[str, Any], rule: AbandonRule, things: Mapping[str, Person], people: Mapping[str, Person], t_s: float
) -> tuple[State, list[Stray]]:
    """Advance by one frame; `things` are the tracked objects that can be left. State: {track: entry}."""
    entries: dict[str, Entry] = {track: dict(entry) for track, entry in state.items()}
    news: list[Stray] = []
    for track, thing in things.items():
        fresh = track not in entries
        entry = entries.setdefault(track, {"owner": None, "away_s": None, "left_s": None, "gone_s": None})
        since = follow(entry, thing.place, t_s, rule.reach_m)
        entry["box"], entry["gone_s"] = list(thing.box), None
        if fresh:
            entry["owner"] = _nearest(thing, people, rule.owner_m)
        news += _attend(track, entry, thing, people, rule, since, t_s)
    for track in [track for track in entries if track not in things]:
        news += _miss(track, entries, people, rule, t_s)
    return entries, news


def _nearest(thing: Person, people: Mapping[str, Person], reach_m: float) -> str | None:
    near = [(apart_m(thing.place, person.place), track) for track, person in people.items()]
    distance, track = min(near, default=(float("inf"), None))
    return track if distance <= reach_m else None


def _attend(
    track: str, entry: Entry, thing: Person, people: Mapping[str, Person], rule: AbandonRule, since: float, t_s: float
) -> list[Stray]:
    """A thing in sight: whether its owner is with it. One that appeared with nobody near is watched by anybody near."""
    watchers = people.values() if entry["owner"] is None else [p for name, p in people.items() if name == entry["owner"]]
    attended = any(apart_m(thing.place, person.place) <= rule.away_m for person in watchers)
    entry["away_s"] = None if attended else t_s if entry["away_s"] is None else entry["away_s"]
    at_rest = t_s - since >= rule.still_s
    if entry["left_s"] is not None and (attended or not at_rest):
        begun, entry["left_s"] = entry["left_s"], None
        return [Stray(track, "left", begun, t_s, entry["owner"], thing.box)]
    if entry["left_s"] is None and at_rest and entry["away_s"] is not None and t_s - entry["away_s"] >= rule.away_s:
        entry["left_s"] = entry["away_s"]
        return [Stray(track, "left", entry["away_s"], None, entry["owner"], thing.box)]
    return []


def _miss(track: str, entries: dict[str, Entry], people: Mapping[str, Person], rule: AbandonRule, t_s: float) -> list[Stray]:
    """A thing out of sight: hidden by someone in front of it, or gone."""
    entry = entries[track]
    box: Box = (entry["box"][0], entry["box"][1], entry["box"][2], entry["box"][3])
    if any(share_inside(box, person.box) >= HIDDEN for person in people.values()):
        entry["gone_s"] = None
        return []
    entry["gone_s"] = t_s if entry["gone_s"] is None else entry["gone_s"]
    if t_s - entry["gone_s"] < rule.gone_s:
        return []
    del entries[track]
    if entry["left_s"] is not None:
        return [Stray(track, "left", entry["left_s"], entry["last_s"], entry["owner"], box)]
    settled = entry["last_s"] - entry["still_s"] >= rule.settled_s
    return [Stray(track, "removed", entry["last_s"], None, entry["owner"], box)] if settled else []
