"""Plates in a picture: which things are sold, which lie in the zone where trays are paid and on which tray, and whether all can be seen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storeloom.workers.checkout.tray import entangled
from storeloom.workers.vision.boxes import centre, share_inside
from storeloom.workers.vision.places import places_of
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.zones import contains

WARE = frozenset({"plate", "bowl", "cup", "dish"})
FOODS = frozenset({"banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"})
LIES_ON = 0.5
COVERED = 0.5


def in_zone(things: Iterable[Seen], camera: str, zone: Mapping[str, Any] | None) -> list[Seen]:
    """The things that lie in a zone (row of the table `zones`), as the camera's picture or the floor tells; all where neither does."""
    place = next(iter(places_of(camera, [zone])), None) if zone is not None else None
    if place is None:
        return list(things)
    if place.picture:
        return [thing for thing in things if contains(place.picture, centre(thing.box))]
    return [thing for thing in things if not place.metres or (floor := place.floor_of(thing)) is None or contains(place.metres, floor)]


def dishes(things: Iterable[Seen]) -> list[Seen]:
    """Plates and the like, then foods that lie on none of them (by half of their box)."""
    seen = list(things)
    ware = [thing for thing in seen if thing.cls in WARE]
    foods = [thing for thing in seen if thing.cls in FOODS]
    return ware + [food for food in foods if all(share_inside(food.box, one.box) < LIES_ON for one in ware)]


def on_tray(tray: Sequence[float], plates: Iterable[Seen]) -> list[Seen]:
    """The plates that lie on a tray (box), by half of their box."""
    return [plate for plate in plates if share_inside(plate.box, tray) >= LIES_ON]


def obstructed(things: Iterable[Seen], plates: Sequence[Seen], most_iou: float) -> bool:
    """Whether a hand is in the way, a person covers half a plate, or plates overlap by more than this intersection over union."""
    seen = list(things)
    if any(thing.cls == "hand" for thing in seen):
        return True
    people = [thing.box for thing in seen if thing.cls == "person"]
    if any(share_inside(plate.box, person) >= COVERED for plate in plates for person in people):
        return True
    return entangled([plate.box for plate in plates], most_iou)
