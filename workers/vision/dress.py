"""Dress: whether a person wears an item, from what a detector marks on the person, or from the colour of the band where it is worn.

An item is present, absent or unseen. A detector (or a scene) says it by an object of the item's class, or of that class with `no_` before
it, on the person's box; colours say it by their likeness to enrolled ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, share_inside
from storeloom.workers.vision.colour import TRUNK, best_likeness, trunk_colour
from storeloom.workers.vision.things import Seen

State = Literal["present", "absent", "unseen"]
ON_PERSON = 0.5
HEAD: Box = (0.3, 0.0, 0.4, 0.08)
FACE: Box = (0.35, 0.09, 0.3, 0.06)
HANDS: Box = (0.0, 0.42, 1.0, 0.16)
BANDS: Mapping[str, Box] = {"hat": HEAD, "mask": FACE, "gloves": HANDS, "apron": TRUNK, "vest": TRUNK}


def marked(item: str, person: Seen, objects: Iterable[Seen]) -> State:
    """What the objects of one frame say of an item on a person; the surer one where both are marked.

    An object lies on the person whose box holds most of it, and at least half of it.
    """
    seen = list(objects)
    people = [thing for thing in seen if thing.cls == person.cls]
    claims = [
        thing
        for thing in seen
        if thing.cls in (item, f"no_{item}")
        and share_inside(thing.box, person.box) >= ON_PERSON
        and max(people, key=lambda other: share_inside(thing.box, other.box), default=person).box == person.box
    ]
    if not claims:
        return "unseen"
    return "present" if max(claims, key=lambda thing: thing.score).cls == item else "absent"


def coloured(item: str, picture: NDArray[np.uint8], box: Sequence[float], enrolled: Iterable[str], likeness: float) -> State:
    """Whether the band where an item is worn has one of its enrolled colours; unseen for an item without band or colours.

    `picture` is BGR uint8, `box` the person's [x, y, w, h] in its shares. FrameError where the band covers no pixel.
    """
    colours, band = list(enrolled), BANDS.get(item)
    if not colours or band is None:
        return "unseen"
    found = trunk_colour(picture, _body_with_trunk(box, band))
    return "present" if best_likeness(found, colours) >= likeness else "absent"


def _body_with_trunk(box: Sequence[float], band: Box) -> Box:
    """The box whose trunk is this band (in shares of the person's box)."""
    width, height = band[2] * box[2] / TRUNK[2], band[3] * box[3] / TRUNK[3]
    return box[0] + band[0] * box[2] - TRUNK[0] * width, box[1] + band[1] * box[3] - TRUNK[1] * height, width, height
