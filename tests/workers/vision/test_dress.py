"""Items on people: marked by objects, or told by the colour of a band."""

import numpy as np
import pytest

from storeloom.workers.vision.dress import coloured, marked
from storeloom.workers.vision.things import Seen

LEFT = Seen("1", "person", 0.9, (0.1, 0.1, 0.2, 0.8))
RIGHT = Seen("2", "person", 0.9, (0.25, 0.1, 0.2, 0.8))


def thing(cls: str, x: float, score: float = 0.9) -> Seen:
    return Seen(None, cls, score, (x, 0.12, 0.06, 0.06))


def test_marks() -> None:
    objects = [LEFT, RIGHT, thing("mask", 0.14), thing("no_mask", 0.36), thing("hat", 0.8)]
    assert marked("mask", LEFT, objects) == "present"
    assert marked("mask", RIGHT, objects) == "absent"
    assert marked("hat", LEFT, objects) == marked("gloves", RIGHT, objects) == "unseen"


def test_mark_belongs_to_the_person_who_holds_most_of_it() -> None:
    objects = [LEFT, RIGHT, thing("no_hat", 0.26)]
    assert marked("hat", RIGHT, objects) == "absent" and marked("hat", LEFT, objects) == "unseen"


def test_surer_mark_wins() -> None:
    assert marked("hat", LEFT, [LEFT, thing("hat", 0.14, 0.6), thing("no_hat", 0.15, 0.7)]) == "absent"


@pytest.mark.parametrize(("item", "rows"), [("hat", (0, 8)), ("gloves", (42, 58)), ("vest", (20, 55))])
def test_bands(item: str, rows: tuple[int, int]) -> None:
    picture = np.full((100, 40, 3), 60, np.uint8)
    picture[rows[0] : rows[1]] = (0, 200, 240)
    box = (0.0, 0.0, 1.0, 1.0)
    assert coloured(item, picture, box, ["#f0c800"], 0.8) == "present"
    assert coloured(item, picture, box, ["#2050c0"], 0.8) == "absent"
    assert coloured(item, picture, box, [], 0.8) == coloured("wig", picture, box, ["#f0c800"], 0.8) == "unseen"
