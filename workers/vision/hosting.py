"""Who stands in a zone that one or several cameras see, since when, and with which colleagues: when a story and a greeting are due.

State is JSON: {"guests": {"camera|track": [first_s, last_s, seen_s]}, "staff_s": {camera: last sight of a colleague},
"helped": {"camera|track": when somebody was asked to greet, None once greeted}, "frames": {camera: [its last frame, time since the one
before]}}. Times are seconds; `last_s` is a guest's last sight in the zone and `seen_s` the last frame of the camera, so that a guest stands
there as long as both are one. Between two frames guests are taken to stay; from when the next should be there, it alone tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision.zones import Stay

if TYPE_CHECKING:
    from storeloom.workers.vision.places import Place
    from storeloom.workers.vision.things import Seen

State = dict[str, Any]
SIGHT_S = 60.0  # the longest time between two frames
ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Sight:
    """What one frame changed: stays that `left` (their track is "camera|track"), how many guests stand in the camera's view of the zone,
    whether one does or did until this frame (`alive`), and how long the guests that were `greeted` had waited for it."""

    left: tuple[Stay, ...]
    occupancy: int
    alive: bool
    greeted_s: tuple[float, ...]


@dataclass(frozen=True)
class Due:
    """What is due: the story since the last sight of a guest (None: no story), guests to greet with the begin of their stay, and when to
    ask again (None: not before the next frame)."""

    story_s: float | None
    greet: tuple[tuple[str, float], ...]
    next_s: float | None


def begin() -> State:
    """A zone in which nobody has been seen."""
    return {"guests": {}, "staff_s": {}, "helped": {}, "frames": {}}


def advance(state: State, camera: str, place: Place, guests: Mapping[str, Seen], colleagues: int, t_s: float) -> Sight:
    """Enter one frame of one camera into the state: its `guests` by track, and how many `colleagues` stand in the place."""
    from storeloom.workers.vision.places import stays

    prefix = f"{camera}|"
    earlier = state["frames"].get(camera)
    state["frames"][camera] = [t_s, None if earlier is None else t_s - earlier[0]]
    before = {key: stay for key, stay in state["guests"].items() if key.startswith(prefix)}
    occupied = any(last_s == seen_s for _, last_s, seen_s in before.values())
    things = {prefix + track: thing for track, thing in guests.items()}
    after, now = stays({key: stay[:2] for key, stay in before.items()}, place, things, t_s)
    others = {key: stay for key, stay in state["guests"].items() if key not in before}
    state["guests"] = others | {key: [first_s, last_s, t_s] for key, (first_s, last_s) in after.items()}
    greeted_s = []
    if colleagues:
        state["staff_s"][camera] = t_s
        for key, asked_s in state["helped"].items():
            if asked_s is not None and key in after:
                greeted_s.append(t_s - asked_s)
                state["helped"][key] = None
    for stay in now.left:
        state["helped"].pop(stay.track, None)
    inside = any(last_s == t_s for _, last_s in after.values())
    return Sight(now.left, now.occupancy, inside or occupied, tuple(greeted_s))


def unseen(state: State, t_s: float, idle_s: float) -> list[Stay]:
    """End the stays of guests that no camera has shown for `idle_s`."""
    gone = [Stay(key, first_s, last_s) for key, (first_s, last_s, _) in state["guests"].items() if t_s - last_s >= idle_s - ROUNDING_S]
    for stay in gone:
        del state["guests"][stay.track]
        state["helped"].pop(stay.track, None)
    return gone


def end_all(state: State) -> list[Stay]:
    """End every stay, and forget the colleagues and greetings."""
    ended = [Stay(key, first_s, last_s) for key, (first_s, last_s, _) in state["guests"].items()]
    state |= begin()
    return ended


def due(state: State, now_s: float, *, engage_after_s: float | None, help_after_s: float) -> Due:
    """What is due by `now_s`: a story once a guest has stood `engage_after_s` (None: none is wanted), a greeting once one has stood
    `help_after_s` without a colleague in the zone, once a stay."""
    story_s, greet, waits = None, [], []
    watching = {camera for camera, (last_s, pace_s) in state["frames"].items() if now_s <= last_s + _holds_s(pace_s)}
    present = [(key, stay) for key, stay in state["guests"].items() if stay[1] == stay[2] and key.partition("|")[0] in watching]
    for key, (first_s, last_s, _) in present:
        if engage_after_s is not None and story_s is None:
            if now_s >= first_s + engage_after_s - ROUNDING_S:
                story_s = last_s
            else:
                waits.append(first_s + engage_after_s)
        alone_s = max(first_s, *state["staff_s"].values()) + help_after_s if state["staff_s"] else first_s + help_after_s
        if key in state["helped"]:
            continue
        if now_s >= alone_s - ROUNDING_S:
            state["helped"][key] = now_s
            greet.append((key, first_s))
        else:
            waits.append(alone_s)
    return Due(story_s, tuple(greet), min(waits, default=None))


def _holds_s(pace_s: float | None) -> float:
    """How long a frame tells who is there: just until the next should come."""
    return SIGHT_S if pace_s is None else min(SIGHT_S, pace_s - ROUNDING_S)
