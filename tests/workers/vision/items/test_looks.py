"""Pictures that look unlike the rest of their class are held out, and recognised by the rest alone."""

import numpy as np
import pytest

from storeloom.workers.vision.items.looks import other_looks, smaller_part


def points(*rows: tuple[float, float, float]) -> np.ndarray:
    made = np.array(rows, np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_the_smaller_look_is_held_out() -> None:
    group = points((1, 0, 0), (1, 0.1, 0), (0, 0, 1), (1, 0.2, 0), (0, 0.1, 1))
    assert smaller_part(group).tolist() == [False, False, True, False, True]
    assert not smaller_part(group[:3]).any()


def test_a_second_look_like_its_own_class_is_right_and_one_like_another_class_is_wrong() -> None:
    # `a` has a second look that leans to its own side, `b` one that lies beside `a`: two right, two wrong.
    a = points((1, 0, 0), (1, 0.02, 0), (1, 0, 0.02), (1, 0.6, 0), (1, 0.6, 0.02))
    b = points((0, 0, 1), (0, 0.02, 1), (0.02, 0, 1), (1, 0, 0.1), (1, 0.02, 0.1))
    assert other_looks([a, b], None) == pytest.approx((0.5, 1.0))


def test_classes_of_few_pictures_cannot_be_parted() -> None:
    assert other_looks([points((1, 0, 0), (1, 0.1, 0)), points((0, 1, 0))], None) is None
