"""A dining table from looks at it: free, seated, dirty, with the moments that each began, dated back to what was seen.

State is JSON (`begin`), times are seconds. An absence that a look shows goes on until the next one, presence is only what looks show.
After more than `lost_s` without a look the state is frozen, and what spans the gap is not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from storeloom.workers.vision.places import Place
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.zones import contains, distance_to_edge

State = dict[str, Any]
FLICKER_S, TINY_S = 3.0, 1e-5
PERSON_M = 1.7


@dataclass(frozen=True)
class TableRule:
    """Presence that seats, absence that ends a sitting, and dishless time that clears, in seconds; dishes that make a table dirty."""

    seat_s: float
    leave_s: float
    clear_s: float
    dirty_min: int
    lost_s: float = 120.0


class Change(NamedTuple):
    """`seated` since `from_s`; `left`: a sitting from `from_s` to `to_s`, the table is then dirty or free; `cleared`: dirty from the end
    of the sitting at `from_s` until `to_s`. `sure`: no gap lies between the two."""

    what: Literal["seated", "left", "cleared"]
    from_s: float
    to_s: float
    sure: bool


def begin() -> State:
    fresh: State = {"state": "free", "look_s": None, "guests": 0, "dishes": 0, "stale": False}
    fresh |= {"arrived_s": None, "guest_s": None, "greeted_s": None, "dishless_s": None, "end_s": None}
    return fresh | {"pending": False, "sitting_sure": True, "end_sure": True, "turn_sure": True}


def look(state: State, rule: TableRule, guests: int, dishes: int, staff_near: bool, t_s: float) -> list[Change]:
    """Take in how many guests and dishes are at the table and whether staff are near, in place."""
    if state["look_s"] is not None and t_s - state["look_s"] > rule.lost_s:
        _resume(state, guests, t_s)
    state |= {"look_s": t_s, "stale": False, "guests": guests, "dishes": dishes}
    if guests:
        if state["arrived_s"] is None:
            state |= {"arrived_s": t_s, "greeted_s": None}
        state["guest_s"] = t_s
    elif state["state"] != "seated" and state["arrived_s"] is not None and t_s - state["guest_s"] > FLICKER_S:
        state["arrived_s"] = None
    if staff_near and state["arrived_s"] is not None and state["greeted_s"] is None:
        state["greeted_s"] = t_s
    state["dishless_s"] = None if dishes else t_s if state["dishless_s"] is None else state["dishless_s"]
    return step(state, rule, t_s)


def step(state: State, rule: TableRule, t_s: float) -> list[Change]:
    """What time alone has brought about by `t_s`, in place; nothing where the camera is lost."""
    changes: list[Change] = []
    if state["look_s"] is None or t_s - state["look_s"] > rule.lost_s:
        return changes
    if state["state"] != "seated" and state["guests"] and state["guest_s"] - state["arrived_s"] >= rule.seat_s - TINY_S:
        state |= {"state": "seated", "sitting_sure": True, "end_sure": True}
        changes.append(Change("seated", state["arrived_s"], t_s, True))
    if state["state"] == "seated" and not state["guests"] and t_s - state["guest_s"] >= rule.leave_s - TINY_S:
        dirty = state["dishes"] >= rule.dirty_min
        changes.append(Change("left", state["arrived_s"], state["guest_s"], state["sitting_sure"]))
        state |= {"state": "dirty" if dirty else "free", "arrived_s": None}
        if dirty and not state["pending"]:
            state |= {"pending": True, "end_s": state["guest_s"], "turn_sure": state["end_sure"]}
    if state["pending"] and state["dishless_s"] is not None and t_s - state["dishless_s"] >= rule.clear_s - TINY_S:
        changes.append(Change("cleared", state["end_s"], state["dishless_s"], state["turn_sure"]))
        state |= {"pending": False, "state": "free" if state["state"] == "dirty" else state["state"]}
    return changes


def next_step(state: State, rule: TableRule) -> float | None:
    """When time alone will bring something about, if the next looks show the same."""
    due = []
    if state["state"] == "seated" and not state["guests"]:
        due.append(state["guest_s"] + rule.leave_s)
    if state["pending"] and state["dishless_s"] is not None:
        due.append(state["dishless_s"] + rule.clear_s)
    return min(due, default=None)


def _resume(state: State, guests: int, t_s: float) -> None:
    """After a gap: nothing that spans it is sure; who sat there before is taken to sit there still until seen gone."""
    state |= {"dishless_s": None, "turn_sure": False}
    if state["state"] == "seated":
        state |= {"guest_s": t_s, "sitting_sure": False, "end_sure": bool(guests) and state["end_sure"]}
    else:
        state["arrived_s"] = None


def is_near(place: Place, person: Seen, reach_m: float, aspect: float) -> bool:
    """Whether someone stands within reach of a place: in floor metres where both are known, else in the picture by the person's height."""
    if place.holds(person):
        return True
    floor = place.floor_of(person) if place.metres else None
    if floor is not None:
        return distance_to_edge(floor, place.metres) <= reach_m + 1e-9
    if not place.picture or person.box[3] <= 0 or contains(place.picture, person.foot):
        return False
    foot = (person.foot[0] * aspect, person.foot[1])
    apart = distance_to_edge(foot, tuple((x * aspect, y) for x, y in place.picture))
    return apart / person.box[3] * PERSON_M <= reach_m + 1e-9
