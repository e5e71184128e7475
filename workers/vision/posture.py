"""Falls, lying and stillness of people, from their boxes alone.

A fall shows as a box that was upright, loses much of its height within a moment, becomes wider than high, and stays so: the aspect ratio
and height rules of Vishwakarma, Mandal and Sural (2007, Automatic detection of human fall in video). What boxes cannot tell: a fall
towards or away from the camera, or seen from the ceiling, keeps the box upright and is missed; someone who falls behind a shelf is not
seen at all; lying down on purpose differs from a fall only by its speed; kneeling, sitting and bending keep the box higher than wide and
are not reported. So this rule calls a person to look; it is no medical alarm.

State and results are JSON; `step` takes the old state and returns the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from storeloom.workers.vision.still import Entry, Person, follow, inherit

State = dict[str, Any]
Kind = Literal["fall", "lying", "still"]
TALL_S = 3.0


@dataclass(frozen=True)
class PostureRule:
    """Ratios are width to height in pixels.

    `upright`: up to it someone stands; `lying`: from it they lie, if the height is also at most `drop` of their standing height. A fall
    goes from upright to lying within `drop_s` and is told after `down_s`; lying otherwise is told after `lying_s`, standing still after
    `still_s` (0: never). `recover_s`: how long someone must no longer lie; `lost_s`: out of sight before they are forgotten.
    """

    upright: float = 0.75
    lying: float = 1.1
    drop: float = 0.65
    drop_s: float = 2.0
    down_s: float = 4.0
    lying_s: float = 30.0
    still_s: float = 0.0
    reach_m: float = 0.4
    recover_s: float = 2.0
    lost_s: float = 5.0


@dataclass(frozen=True)
class Posture:
    """A fall, lying or stillness told (`ended_s` None) or over; `from_s` is when it began."""

    track: str
    kind: Kind
    from_s: float
    ended_s: float | None


def step(
    state: Mapping[str, Any], rule: PostureRule, people: Mapping[str, Person], aspect: float, t_s: float
) -> tuple[State, list[Posture]]:
    """Advance by one frame; `aspect` is the picture's width over height. State: {track: entry}.

    A detector often loses a person who falls: a new track that appears near one just lost goes on with its entry.
    """
    entries: dict[str, Entry] = {track: {**entry, "open": dict(entry["open"])} for track, entry in state.items()}
    inherit(entries, {track: person.place for track, person in people.items() if track not in entries}, people.keys(), t_s, 1.5)
    news: list[Posture] = []
    for track, person in people.items():
        entry = entries.setdefault(track, {"tall": [], "stood_s": None, "down_s": None, "fell": False, "up_s": None, "open": {}})
        _advance(entry, rule, person, aspect, t_s)
        news += _judge(track, entry, rule, t_s)
    for track, entry in list(entries.items()):
        if track not in people and t_s - entry["last_s"] > rule.lost_s:
            news += [Posture(track, kind, from_s, entry["last_s"]) for kind, from_s in entry["open"].items()]
            del entries[track]
    return entries, news


def _advance(entry: Entry, rule: PostureRule, person: Person, aspect: float, t_s: float) -> None:
    """One sight: how tall the person stands, and since when they lie."""
    follow(entry, person.place, t_s, rule.reach_m)
    height = person.box[3]
    ratio = person.box[2] * aspect / height if height > 0 else 0.0
    standing = max((tall for _, tall in entry["tall"]), default=None)
    if ratio >= rule.lying and (standing is None or height <= rule.drop * standing):
        if entry["down_s"] is None:
            entry["down_s"] = t_s
            entry["fell"] = entry["stood_s"] is not None and t_s - entry["stood_s"] <= rule.drop_s
        entry["up_s"] = None
        return
    if ratio <= rule.upright and entry["down_s"] is None:
        entry["tall"] = [[at, tall] for at, tall in entry["tall"] if t_s - at <= TALL_S] + [[t_s, height]]
        entry["stood_s"] = t_s
    if entry["down_s"] is not None:
        entry["up_s"] = t_s if entry["up_s"] is None else entry["up_s"]
        if t_s - entry["up_s"] >= rule.recover_s:
            entry["down_s"], entry["up_s"], entry["tall"], entry["fell"] = None, None, [], False


def _judge(track: str, entry: Entry, rule: PostureRule, t_s: float) -> list[Posture]:
    """What an entry begins or ceases to tell."""
    holds: dict[Kind, float] = {}
    down_s = entry["down_s"]
    if down_s is not None and t_s - down_s >= (rule.down_s if entry["fell"] else rule.lying_s):
        holds["fall" if entry["fell"] else "lying"] = down_s
    if rule.still_s > 0 and t_s - entry["still_s"] >= rule.still_s:
        holds["still"] = entry["still_s"]
    over = [Posture(track, kind, from_s, t_s) for kind, from_s in entry["open"].items() if kind not in holds]
    fresh = [Posture(track, kind, from_s, None) for kind, from_s in holds.items() if kind not in entry["open"]]
    entry["open"] = dict(holds)
    return over + fresh
