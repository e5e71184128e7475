"""A robot's round of stops, as plain JSON: what is left of it, stops that were blocked, stops to come back to.

A round is {order, update, stops: [all that were sent], left: [stop], began, seen (RFC 3339), blocked: {stop: times}, metres}. As VDA 5050
has it, an order is updated by going on from its end; stops in another order are a new order, after the old one is cancelled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from storeloom.workers.optimise import tours

Round = dict[str, Any]
Point = tuple[float, float]
BLOCKS = 2
THERE_M = 0.3
LOST = timedelta(hours=2)


def plan(places: Mapping[str, Point], robots: Sequence[str], here: Point | None = None) -> dict[str, list[str]]:
    """Each robot's stops: one short walk along all places, cut into parts of nearly equal number."""

    def metres(one: str, other: str) -> float:
        return math.dist(places[one], places[other])

    stops = sorted(places)
    if here is not None:
        stops.sort(key=lambda stop: (math.dist(here, places[stop]), stop))
    walk = tours.two_opt(tours.nearest(stops, metres, stops[0]), metres, stops[0]) if stops else []
    size = -(-len(walk) // max(1, len(robots)))
    return {robot: walk[n * size : (n + 1) * size] for n, robot in enumerate(robots)}


def begin(order: str, stops: Sequence[str], at: datetime) -> Round:
    return {
        "order": order,
        "update": 0,
        "stops": list(stops),
        "left": list(stops),
        "began": at.isoformat(),
        "seen": at.isoformat(),
        "blocked": {},
        "metres": 0.0,
    }


def running(one: Round | None, now: datetime) -> bool:
    """Whether there are stops left and the robot gave a sign of it within two hours."""
    return bool(one and one["left"] and now - datetime.fromisoformat(one["seen"]) < LOST)


def stop_at(one: Round, places: Mapping[str, Point], here: Point | None) -> str | None:
    """The stop that is left at which the robot stands."""
    if here is None:
        return None
    near = [(math.dist(here, places[stop]), n, stop) for n, stop in enumerate(one["left"]) if stop in places]
    return min(near)[2] if near and min(near)[0] <= THERE_M else None


def block(one: Round, stop: str) -> str:
    """Enter that the way to a stop was blocked: `wait`, `moved` to the end at the second time, `dropped` at the second time there."""
    times = one["blocked"].get(stop, 0) + 1
    one["blocked"][stop] = times
    if times == BLOCKS and one["left"][-1] != stop:
        one["left"] = [*(other for other in one["left"] if other != stop), stop]
        one["stops"], one["update"] = list(one["left"]), 0
        base, _, number = one["order"].partition("#")
        one["order"] = f"{base}#{int(number or 1) + 1}"
        return "moved"
    if times >= BLOCKS * (1 if one["left"] == [stop] else 2):
        one["left"].remove(stop)
        return "dropped"
    return "wait"


def add(one: Round, stop: str) -> None:
    """Come back to a stop when all others are done."""
    one["left"] = [*(other for other in one["left"] if other != stop), stop]
    one["stops"].append(stop)
    one["update"] += 1
