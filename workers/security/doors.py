"""Who goes through a door that a camera sees: crossings of its line, and entries into the zones behind it.

State is JSON, each function takes the old one and returns the new one. Points are picture shares, y down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.workers.vision import lines
from storeloom.workers.vision.boxes import Point

State = dict[str, Any]
MIDDLES = {"across": lines.Line((0.0, 0.5), (1.0, 0.5)), "down": lines.Line((0.5, 0.0), (0.5, 1.0))}
FORGET_S = 10.0


def crossings(
    state: Mapping[str, Any], line: lines.Line | None, feet: Mapping[str, Point], zones: Mapping[str, str | None], t_s: float
) -> tuple[State, dict[str, list[str]]]:
    """Advance by one frame: the tracks that crossed, by way. `zones` says in which zone each track stands.

    Ways are `into ZONE`, for who was seen outside it before, and a line's directions. A drawn line counts its way in alone. Where none is
    drawn the way in is not known: the middle lines of the picture count, each way by itself, so that one who leaves is not added to one
    who comes.
    """
    after, found = State(), dict[str, list[str]]()
    for name, one in ({"line": line} if line is not None else MIDDLES).items():
        after[name], crossed = lines.step(state.get(name, {}), one, feet, t_s, forget_s=FORGET_S)
        for crossing in crossed:
            if line is None or crossing.direction == "in":
                found.setdefault(f"{name} {crossing.direction}", []).append(crossing.track)
    before = {track: entry for track, entry in state.get("zones", {}).items() if t_s - entry[1] <= FORGET_S}
    for track in feet:
        zone = zones.get(track)
        if zone is not None and track in before and before[track][0] != zone:
            found.setdefault(f"into {zone}", []).append(track)
    after["zones"] = before | {track: [zones.get(track), t_s] for track in feet}
    return after, found
