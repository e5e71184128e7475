"""Goods on their way over a self-checkout lane, track by track: what each was seen to be, and when it goes from tray to bag or back.

State is JSON: {"CAMERA|TRACK": {"settled", "looks", "candidates", "camera", "track", "t_s", "box"}}, of the last `KEPT_S` seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from .lane import Role
from .votes import best_of

if TYPE_CHECKING:
    from storeloom.workers.vision.places import Place
    from storeloom.workers.vision.things import Seen

State = dict[str, Any]
Move = Literal["transfer", "return"]
KEPT_S = 30.0
TRAY_LOOKS = 3
CANDIDATES = 20


def entered(state: Mapping[str, Any], camera: str, things: Iterable[Seen], t_s: float) -> State:
    """The tracks after one frame of a camera, those long unseen forgotten."""
    known = {name: dict(entry) for name, entry in state.items() if t_s - entry["t_s"] <= KEPT_S}
    for thing in things:
        fresh: State = {"settled": None, "looks": 0, "candidates": [], "camera": camera, "track": thing.track}
        known.setdefault(f"{camera}|{thing.track}", fresh).update(t_s=t_s, box=list(thing.box))
    return known


def worth_a_look(entry: Mapping[str, Any], role: Role | None) -> bool:
    """Goods are looked at as they are moved; what lies in the tray only a few times, what lies in the bag no more."""
    return entry["settled"] == "tray" if role == "bag" else role != "tray" or entry["looks"] < TRAY_LOOKS


def recognised(entry: State, candidates: Sequence[tuple[str, float]]) -> None:
    """Enter what one look found: of each candidate the best score of all looks counts."""
    best = best_of([entry["candidates"], candidates])
    entry["looks"] += 1
    entry["candidates"] = [list(pair) for pair in best[:CANDIDATES]]


def moved(settled: Role | None, seen: Role | None) -> tuple[Role | None, Move | None]:
    """A track's next settled place, tray or bag, and the move that brought it there; on the way between them it stays as it was."""
    if seen not in ("tray", "bag"):
        return settled, None
    if settled == "tray" and seen == "bag":
        return seen, "transfer"
    return seen, "return" if settled == "bag" and seen == "tray" else None


def role_at(places: Iterable[tuple[Role, Place]], thing: Seen) -> Role | None:
    """In which of the lane's zones a thing lies: by its middle in the picture, else as `Place.holds` knows it."""
    return next((role for role, place in places if _over(place, thing)), None)


def _over(place: Place, thing: Seen) -> bool:
    from storeloom.workers.vision.boxes import centre
    from storeloom.workers.vision.zones import contains

    outline = place.picture if thing.floor is None or not place.metres else ()
    return contains(outline, centre(thing.box)) if outline else place.holds(thing)
