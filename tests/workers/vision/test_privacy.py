"""Blurring hides what is in the boxes and nothing else."""

import numpy as np

from storeloom.workers.vision.privacy import blur, blur_people
from storeloom.workers.vision.things import Seen


def chequered() -> np.ndarray:
    rows, columns = np.mgrid[:120, :160]
    return np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)


def test_detail_in_the_box_is_gone_and_the_rest_untouched() -> None:
    picture = chequered()
    hidden = blur(picture, [(0.25, 0.25, 0.25, 0.5)], margin=0.0)
    inside = hidden[30:90, 40:80]
    assert inside.std() < 3 and abs(inside.mean() - 127.5) < 3
    outside = np.ones((120, 160), bool)
    outside[30:90, 40:80] = False
    assert np.array_equal(hidden[outside], picture[outside])
    assert np.array_equal(picture, chequered())


def test_the_margin_grows_the_box_and_the_edge_cuts_it() -> None:
    hidden = blur(chequered(), [(0.9, 0.9, 0.2, 0.2)], margin=0.5)
    # 0.9 - 0.1 = 0.8 of 160 is column 128, 0.8 of 120 is row 96
    assert hidden[96:, 128:].std() < 10
    assert np.array_equal(hidden[:96], chequered()[:96]) and np.array_equal(hidden[:, :128], chequered()[:, :128])
    assert np.array_equal(blur(chequered(), [(1.5, 0.2, 0.1, 0.1)]), chequered())


def test_only_people_are_hidden() -> None:
    things = [Seen("a", "person", 0.9, (0.0, 0.0, 0.4, 0.4)), Seen("b", "cup", 0.9, (0.6, 0.6, 0.3, 0.3))]
    hidden = blur_people(chequered(), things, margin=0.0)
    assert hidden[:48, :64].std() < 10
    assert np.array_equal(hidden[60:], chequered()[60:])
    assert blur_people(chequered(), things, classes=("cup",), margin=0.0)[75:105, 100:140].std() < 10
