"""Doors that open on a grant: one grant admits one person for a while; whoever slips through behind is a follower (tailgating).

Times are seconds on one clock; state is JSON, each function takes the old one and returns the new one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

State = dict[str, Any]
EDGE_S = 1e-6
DOOR_KEPT_S = 180.0
FORGET_S = 60.0
HANDOVER_S = 3.0
HANDOVER_SHARE = 0.15


class Follower(NamedTuple):
    """A crossing at `t_s` for which no grant was left, in the window of the grant at `grant_s`."""

    grant_s: float
    t_s: float


def followers(grants: Sequence[float], crossings: Sequence[float], window_s: float) -> list[Follower]:
    """Who crossed behind others: each crossing takes the oldest grant that is at most `window_s` old and still unused.

    A crossing with no grant in its window follows nobody and is left out.
    """
    left, found = sorted(grants), []
    for t_s in sorted(crossings):
        valid = [g for g in sorted(grants) if _covers(g, t_s, window_s)]
        own = next((g for g in left if _covers(g, t_s, window_s)), None)
        if own is not None:
            left.remove(own)
        elif valid:
            found.append(Follower(valid[-1], t_s))
    return found


def door_now(door: Mapping[str, Any] | None, t_s: float) -> State:
    """A door's record, what is older than three minutes forgotten.

    State: {"grants": [t, ...], "crossings": {way: {who: t}}, "told": {grant: followers}}.
    """
    kept, since = door or {"grants": [], "crossings": {}, "told": {}}, t_s - DOOR_KEPT_S
    recent = {way: {who: at for who, at in by.items() if at >= since} for way, by in kept["crossings"].items()}
    return {
        "grants": [grant for grant in kept["grants"] if grant >= since],
        "crossings": {way: by for way, by in recent.items() if by},
        "told": {grant: count for grant, count in kept["told"].items() if float(grant) >= since},
    }


def granted(grants: Sequence[float], t_s: float, window_s: float) -> bool:
    """Whether a door may be open at an instant."""
    return any(_covers(grant, t_s, window_s) for grant in grants)


def untold(door: Mapping[str, Any], window_s: float) -> dict[float, list[float]]:
    """The followers of each grant, where there are more than were told: their times.

    Each way of counting (a gate, a camera's line) stands by itself; the one that saw most counts.
    """
    followed: dict[float, list[float]] = {}
    for crossings in door["crossings"].values():
        found = followers(door["grants"], list(crossings.values()), window_s)
        for grant in {one.grant_s for one in found}:
            times = [one.t_s for one in found if one.grant_s == grant]
            followed[grant] = max(followed.get(grant, []), times, key=len)
    return {grant: times for grant, times in sorted(followed.items()) if len(times) > door["told"].get(str(grant), 0)}


def admit(
    state: Mapping[str, Any], grants: Sequence[float], feet: Mapping[str, tuple[float, float]], t_s: float, window_s: float
) -> tuple[State, set[str]]:
    """Advance by one frame of a zone behind a door: `feet` (picture shares) by track; the tracks in it that no grant admitted.

    A track takes the oldest unused grant of the `window_s` before its first sight. An admitted track that breaks off and goes on under
    another name close by, within three seconds, stays admitted. State: {"used": [grant, ...], "tracks": {track: [first, last, x, y, in]}}.
    """
    tracks = {track: list(entry) for track, entry in state.get("tracks", {}).items() if t_s - entry[1] <= FORGET_S}
    used = [g for g in state.get("used", ()) if t_s - g <= FORGET_S + window_s]
    for track, (x, y) in feet.items():
        first, admitted = (tracks[track][0], tracks[track][4]) if track in tracks else (t_s, False)
        if track not in tracks:
            broken = _broken_off(tracks, feet, (x, y), t_s)
            if broken is not None:
                first, _, _, _, admitted = tracks.pop(broken)
        if not admitted:
            own = next((g for g in _unused(grants, used) if _covers(g, first, window_s)), None)
            if own is not None:
                used.append(own)
                admitted = True
        tracks[track] = [first, t_s, x, y, admitted]
    return {"used": used, "tracks": tracks}, {track for track in feet if not tracks[track][4]}


def _covers(grant: float, t_s: float, window_s: float) -> bool:
    return -EDGE_S <= t_s - grant <= window_s + EDGE_S


def _unused(grants: Sequence[float], used: Sequence[float]) -> list[float]:
    left = sorted(grants)
    for grant in used:
        if grant in left:
            left.remove(grant)
    return left


def _broken_off(tracks: Mapping[str, Sequence[Any]], feet: Mapping[str, Any], foot: tuple[float, float], t_s: float) -> str | None:
    """The admitted track that was last seen close to a place a moment ago, and is not seen now."""
    near = {
        track: math.dist(foot, (x, y))
        for track, (_, last, x, y, admitted) in tracks.items()
        if admitted and track not in feet and t_s - last <= HANDOVER_S
    }
    best = min(near, key=lambda track: near[track], default=None)
    return best if best is not None and near[best] <= HANDOVER_SHARE else None
