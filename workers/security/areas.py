"""Where a guard's devices and people are, and whether enough of the last frames show somebody."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storeloom.workers.vision.places import Place
    from storeloom.workers.vision.things import Seen

Row = Mapping[str, Any]
OUTDOORS = frozenset({"parking", "grid"})
DOOR_KINDS = frozenset({"kitchen", "backroom", "restricted", "entrance", "exit"})


def zones_of(name: str, rows: Iterable[Row], home: str | None) -> list[str]:
    """The zones that name a device as a door or camera of theirs, else the one where it stands."""
    named = [row["zone"] for row in rows if name in (row.get("doors") or ()) or name in cameras(row)]
    return named or ([home] if home else [])


def cameras(row: Row) -> list[Any]:
    """The cameras that see a zone."""
    return [entry.get("camera") for entry in row.get("cameras") or ()]


def has_door(place: Place, restricted: Collection[str]) -> bool:
    """Whether people enter a zone by a door of its own."""
    return bool(place.doors) or place.kind in DOOR_KINDS or place.zone in restricted


def standing(places: Sequence[Place], people: Iterable[Seen], home: str | None) -> list[tuple[str | None, Seen]]:
    """Everyone indoors with the zone in which they stand; the camera's `home` for those of whom no table says where they are."""
    from storeloom.workers.vision.places import place_at

    found: list[tuple[str | None, Seen]] = []
    for person in people:
        place = place_at(places, person)
        if place is not None and place.kind not in OUTDOORS:
            found.append((place.zone, person))
        elif place is None and not any(one.certain for one in places):
            found.append((home, person))
    return found


def last_frames(kept: Mapping[str, Sequence[int]], found: Mapping[str, Collection[Any]], last: int) -> dict[str, list[int]]:
    """Of each area the `last` frames, 1 for one with somebody; areas that are watched no more are left out."""
    return {area: [*kept.get(area, ()), int(bool(people))][-last:] for area, people in found.items()}
