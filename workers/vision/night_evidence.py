"""How likely a small moving track is a rodent: independent pieces of evidence added up as log odds (naive Bayes; Good 1950).

Each kind of evidence counts once. A track is plain JSON: {"first_s", "last_s", "points": [[t_s, x, y]], "class_frames", "run_m", "edge",
"sensor"}; points are floor metres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.zones import distance_to_edge

Track = dict[str, Any]
LEAST_FRAMES, LEAST_SCORE = 3, 0.5
NEAR_M, ALONG_M = 0.3, 0.5
MOST_POINTS = 60
TINY = 1e-9


def new_track(t_s: float) -> Track:
    return {"first_s": t_s, "last_s": t_s, "points": [], "class_frames": 0, "run_m": 0.0, "edge": False, "sensor": False}


def see(track: Track, t_s: float, floor: Point | None, edges: Iterable[Sequence[Point]], class_score: float | None) -> None:
    """Take in a sight, in place: where it is (metres, None where unknown), the polygons whose sides are walls, and how surely the detector
    says that it is one (None: it does not)."""
    track["last_s"] = t_s
    track["class_frames"] += class_score is not None and class_score >= LEAST_SCORE
    if floor is None:
        return
    near = any(distance_to_edge(floor, polygon) <= NEAR_M + TINY for polygon in edges)
    last = track["points"][-1] if track["points"] else None
    along = last is not None and track.get("near", False) and near
    track["run_m"] = track["run_m"] + math.dist(last[1:], floor) if along and last is not None else 0.0
    track["near"] = near
    track["edge"] = track["edge"] or track["run_m"] >= ALONG_M - TINY
    track["points"].append([t_s, *floor])
    if len(track["points"]) > MOST_POINTS:
        track["points"] = [*track["points"][0:-1:2], track["points"][-1]]


def posterior(track: Mapping[str, Any], prior: float, detector: float, edge: float, sensor: float) -> float:
    """The chance that a track is a rodent: prior 0..1, and the log odds that each kind of evidence adds."""
    odds = math.log(prior / (1 - prior))
    odds += detector * (track["class_frames"] >= LEAST_FRAMES) + edge * track["edge"] + sensor * track["sensor"]
    return 1 / (1 + math.exp(-odds))
