"""Standing still, and taking over from a track that was lost: what the rules about people share.

A thing stands still while it stays within a reach of one anchor; on leaving it, a new anchor begins. This is stay point detection (Li et
al. 2008, Mining user similarity based on location history), frame by frame; unlike a speed it does not tremble with the boxes.

A place is [x_m, y_m] on the floor or, where that is unknown, `entries.picture_place`'s, whose distances are scaled by the person's height.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision.boxes import Box, Point
from storeloom.workers.vision.entries import metres

Entry = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """One tracked person in one frame: `foot` in shares of the picture, `place` for distances, `box` in shares."""

    foot: Point
    place: tuple[float, ...]
    box: Box
    staff: bool = False


def apart_m(one: Sequence[float], other: Sequence[float]) -> float:
    """Metres between two places; infinite where they cannot be compared."""
    distance = metres(one, other)
    return float("inf") if distance is None else distance


def follow(entry: Entry, place: Sequence[float], t_s: float, reach_m: float) -> float:
    """Advance an entry's anchor by one sight; returns since when (s) the thing stands still.

    Keys of the entry: {"anchor": place, "still_s": since when, "place": last place, "last_s": last sight}.
    """
    if "anchor" not in entry or apart_m(entry["anchor"], place) > reach_m:
        entry["anchor"], entry["still_s"] = list(place), t_s
    entry["place"], entry["last_s"] = list(place), t_s
    return float(entry["still_s"])


def inherit(entries: dict[str, Entry], newcomers: Mapping[str, Sequence[float]], seen: Collection[str], t_s: float, reach_m: float) -> None:
    """Give each new track the entry of a track that is out of sight and was last seen within reach of it, the nearest one.

    Trackers lose people who stand close together; without this a queue would begin anew at every such loss.
    """
    for track in sorted(newcomers):
        lost = [name for name in entries if name not in seen and apart_m(entries[name]["place"], newcomers[track]) <= reach_m]
        if track not in entries and lost:
            nearest = min(lost, key=lambda name: (apart_m(entries[name]["place"], newcomers[track]), name))
            entries[track] = entries.pop(nearest)
