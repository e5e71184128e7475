"""Things left or taken that no detector knows, by two backgrounds of different patience.

Porikli, Ivanov and Haga (2008, Robust abandoned-object detection using dual foregrounds): a slow and a fast background are learnt; what
differs from the slow one but no longer from the fast one came and stayed. Whether something was left or taken away is told by where the
edges are (Spagnolo et al. 2006): a left thing brings edges along its outline into the picture, a taken one had them in the background.
The picture is first brought to the slow background's light, because cameras open and close their iris when someone dark walks in; what
then still differs without any change of edges along its outline is light too, and never told. Pixels behind people are learnt by neither
background. Where most of the zone differs all the same, the camera was moved, and all begins anew.
State is JSON; `step` takes the old state and returns the new one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, Floats, Point, iou
from storeloom.workers.vision.floorplan import bounds
from storeloom.workers.vision.pictures import Mask, cover_mask, farthest, pack, polygon_mask, regions, relit, shrink, unpack

State = dict[str, Any]
Kind = Literal["left", "removed"]
LONGEST = 112
SAME = 0.3
FLOOD = 0.5
CLEARLY = 0.25


@dataclass(frozen=True)
class BackgroundRule:
    """`polygon` in shares; `level`: grey levels that differ; `least_area`: smallest region, as a share of the polygon; `fast_s`,
    `slow_s`: time constants of the two backgrounds; `still_s`: how long a region must stand out before it is told."""

    polygon: Sequence[Point]
    level: float = 25.0
    least_area: float = 0.004
    fast_s: float = 4.0
    slow_s: float = 600.0
    still_s: float = 20.0


@dataclass(frozen=True)
class Change:
    """A region that came and stayed, told (`ended_s` None) or gone again."""

    name: str
    kind: Kind
    box: Box
    from_s: float
    ended_s: float | None


def step(
    state: Mapping[str, Any], rule: BackgroundRule, picture: NDArray[np.uint8], covers: Iterable[Box], t_s: float
) -> tuple[State, list[Change]]:
    """Advance by one BGR picture; `covers` are the boxes of people in it.

    State: {"fast", "slow": packed backgrounds, "t_s", "known": [{name, kind, box, from_s, told, seen_s}], "next"}.
    """
    box = bounds(rule.polygon)
    now = cv2.GaussianBlur(shrink(picture, box, LONGEST), (3, 3), 0).astype(np.float32)
    inside = polygon_mask(rule.polygon, box, now.shape)
    seen = inside & ~cover_mask(covers, box, now.shape)
    begun = "slow" in state and state["slow"]["shape"] == list(now.shape)
    slow = unpack(state["slow"]).astype(np.float32) if begun else now
    now = relit(slow, now, seen)
    if not begun or _differs(slow, now, rule.level)[seen].mean(dtype=float) > FLOOD:
        ended = [_change(entry, t_s) for entry in state.get("known", ()) if entry["told"]]
        return {"fast": pack(now.astype(np.float16)), "slow": pack(now.astype(np.float16)), "t_s": t_s, "known": [], "next": 0}, ended
    fast, passed_s = unpack(state["fast"]).astype(np.float32), max(t_s - state["t_s"], 0.0)
    fast[seen] += (1 - math.exp(-passed_s / rule.fast_s)) * (now - fast)[seen]
    standing = seen & _differs(slow, now, rule.level) & ~_differs(fast, now, rule.level)
    standing = np.asarray(cv2.morphologyEx(standing.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), bool)
    found = regions(standing, box, max(1, round(rule.least_area * int(inside.sum()))))
    slow[seen] += (1 - math.exp(-passed_s / rule.slow_s)) * (now - slow)[seen]
    after = {"fast": pack(fast.astype(np.float16)), "slow": pack(slow.astype(np.float16)), "t_s": t_s, "next": state["next"]}
    after["known"] = [dict(entry) for entry in state["known"]]
    news = _follow(after, rule, [place for place, _ in found], (slow, now, seen, box), t_s)
    return after, news


def _differs(one: Floats, other: Floats, level: float) -> Mask:
    apart: Mask = farthest(one, other) > level
    return apart


def _follow(state: State, rule: BackgroundRule, found: list[Box], scene: tuple[Floats, Floats, Mask, Box], t_s: float) -> list[Change]:
    """Join regions to the known ones; tell those that stood long enough, end those that are gone (not those hidden by people)."""
    slow, now, seen, box = scene
    news: list[Change] = []
    for place in found:
        known = max(state["known"], key=lambda entry: iou(entry["box"], place), default=None)
        if known is None or iou(known["box"], place) < SAME:
            known = {"name": str(state["next"]), "kind": None, "from_s": t_s, "told": False}
            state["known"].append(known)
            state["next"] += 1
        known["box"], known["seen_s"] = list(place), t_s
        if not known["told"] and t_s - known["from_s"] >= rule.still_s:
            known["kind"] = told_kind(slow, now, place, box)
            known["told"] = known["kind"] is not None
            news += [_change(known, None)] if known["told"] else []
    for entry in list(state["known"]):
        if not (cover_mask([tuple(entry["box"])], box, seen.shape, 0.0) & ~seen).any() and t_s - entry["seen_s"] > rule.fast_s:
            state["known"].remove(entry)
            news += [_change(entry, t_s)] if entry["told"] else []
    return news


def told_kind(slow: Floats, now: Floats, place: Box, box: Box) -> Kind | None:
    """Left where the picture has clearly more edges along the region's outline than the background, removed where it has clearly fewer,
    else None: only the light has changed."""
    region = cover_mask([place], box, now.shape, 0.0).astype(np.uint8)
    kernel = np.ones((5, 5), np.uint8)
    outline = (cv2.dilate(region, kernel) - cv2.erode(region, kernel)).astype(bool)
    after, before = float(_edges(now)[outline].sum()), float(_edges(slow)[outline].sum())
    if abs(after - before) <= CLEARLY * max(after, before):
        return None
    return "left" if after > before else "removed"


def _edges(picture: Floats) -> Floats:
    grey = picture.mean(axis=2)
    strength: Floats = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return strength


def _change(entry: Mapping[str, Any], ended_s: float | None) -> Change:
    x, y, width, height = entry["box"]
    return Change(entry["name"], entry["kind"], (x, y, width, height), entry["from_s"], ended_s)
