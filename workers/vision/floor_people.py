"""People followed over all cameras of a floor: tracks are one person where they continue or overlap one another, and only one can be meant.

A person is plain JSON: {"tracks": {"CAMERA|TRACK": last sight in s}, "path": [[s, x, y], ...] in metres, "staff"}. A track that could be
of two people is neither's: it begins a person of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

Person = dict[str, Any]
SAME_S, SAME_M = 1.0, 0.7
LOST_S, LOST_M = 8.0, 3.0
STEP_S = 0.5


class Sight(NamedTuple):
    """A track in a frame: where it stands in metres, and whether it is staff."""

    track: str
    x: float
    y: float
    staff: bool = False


def follow(
    people: MutableMapping[str, Person], camera: str, sights: Iterable[Sight], t_s: float, keep_s: float, expected: Callable[[Sight], bool]
) -> dict[str, bool]:
    """Take in a frame; the names of the people that are new, and whether each may be somebody who was lost nearby.

    `expected`: whether a new track may be somebody who has just come in; it then is nobody who was lost.
    """
    now = {f"{camera}|{sight.track}": sight for sight in sights}
    owners = {track: name for name, person in people.items() for track in person["tracks"]}
    fresh = [track for track in now if track not in owners]
    present = {owners[track] for track in now if track in owners}
    meant = {track: _meant(people, camera, now[track], t_s, present, expected(now[track])) for track in fresh}
    new = {}
    for track in fresh:
        same, lost = meant[track]
        rivals = [other for other in fresh if other != track and set(meant[other][0]) & set(same)]
        if len(same) == 1 and not rivals:
            owners[track] = same[0]
        else:
            owners[track] = track
            people[track] = {"tracks": {}, "path": [], "staff": False}
            new[track] = bool(same or lost)
    for track, sight in now.items():
        _enter(people[owners[track]], track, sight, t_s, keep_s)
    return new


def seen_at(person: Mapping[str, Any], t_s: float, within_s: float) -> tuple[float, float] | None:
    """Where a person was: the sight nearest in time, the earlier of two; None without one so near."""
    near = min(person["path"], key=lambda point: (abs(point[0] - t_s), point[0]), default=None)
    return None if near is None or abs(near[0] - t_s) > within_s + 1e-6 else (near[1], near[2])


def last_seen(person: Mapping[str, Any]) -> float:
    return float(max(person["tracks"].values()))


def _meant(
    people: Mapping[str, Person], camera: str, sight: Sight, t_s: float, present: set[str], expected: bool
) -> tuple[list[str], list[str]]:
    """Whom a new track goes on for: one whom another camera sees right there now, else all who were lost not far from there, unless
    somebody new is expected; and those who were lost."""
    away = {name: _away(person, sight) for name, person in people.items() if name not in present}
    same = []
    for name, distance in away.items():
        others = [at for track, at in people[name]["tracks"].items() if not track.startswith(f"{camera}|")]
        if distance <= SAME_M and others and abs(t_s - max(others)) <= SAME_S:
            same.append(name)
    lost = [name for name, distance in away.items() if distance <= LOST_M and 0 < t_s - last_seen(people[name]) <= LOST_S]
    return same or ([] if expected else lost), lost


def _away(person: Mapping[str, Any], sight: Sight) -> float:
    _, x, y = person["path"][-1]
    return math.hypot(x - sight.x, y - sight.y)


def _enter(person: Person, track: str, sight: Sight, t_s: float, keep_s: float) -> None:
    person["tracks"][track] = t_s
    person["staff"] = person["staff"] or sight.staff
    path = person["path"]
    if len(path) > 1 and 0 <= t_s - path[-2][0] < STEP_S:
        path.pop()
    path.append([t_s, sight.x, sight.y])
    person["path"] = [point for point in path if t_s - point[0] <= keep_s]
