"""Overlaps worked by hand."""

import numpy as np
import pytest

from storeloom.workers.vision import boxes


def test_overlap_of_two_squares() -> None:
    a, b = (0.0, 0.0, 0.4, 0.4), (0.2, 0.2, 0.4, 0.4)
    assert boxes.iou(a, b) == pytest.approx(0.04 / 0.28)
    assert boxes.share_inside(a, b) == pytest.approx(0.25)
    assert boxes.iou(a, (0.5, 0.5, 0.1, 0.1)) == 0
    assert boxes.iou((0.1, 0.1, 0.0, 0.0), (0.1, 0.1, 0.0, 0.0)) == 0


def test_matrix_agrees_with_the_single_function() -> None:
    left = [(0.0, 0.0, 0.4, 0.4), (0.1, 0.2, 0.3, 0.1)]
    right = [(0.2, 0.2, 0.4, 0.4), (0.0, 0.0, 0.4, 0.4), (0.9, 0.9, 0.0, 0.0)]
    expected = [[boxes.iou(a, b) for b in right] for a in left]
    assert boxes.iou_matrix(left, right) == pytest.approx(np.array(expected))
    assert boxes.iou_matrix([], right).shape == (0, 3)


def test_foot_is_the_bottom_centre() -> None:
    assert boxes.foot((0.2, 0.3, 0.2, 0.4)) == pytest.approx((0.3, 0.7))


def test_suppression_keeps_the_best_of_each_class() -> None:
    stack = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [1, 0, 10, 10], [30, 0, 10, 10]], float)
    scores, classes = np.array([0.6, 0.9, 0.5, 0.4]), np.array([0, 0, 7, 0])
    # 0 overlaps 1 by 90/110; 2 is of another class; 3 lies apart
    assert boxes.suppress(stack, scores, classes, 0.6) == [1, 2, 3]
    assert boxes.suppress(stack, scores, classes, 0.9) == [1, 0, 2, 3]


def test_a_suppressed_box_suppresses_no_other() -> None:
    row = np.array([[0, 0, 10, 10], [4, 0, 10, 10], [8, 0, 10, 10]], float)
    # neighbours overlap by 60/140 = 0.43, the outer two by 20/180
    assert boxes.suppress(row, np.array([0.9, 0.8, 0.7]), np.zeros(3, int), 0.4) == [0, 2]


def test_fused_box_is_weighted_by_confidence() -> None:
    box, score = boxes.fuse([(100, 100, 100, 200), (110, 100, 100, 200)], [0.6, 0.5])
    # x0 = (100 x 0.6 + 110 x 0.5) / 1.1 = 104.545, x1 = 204.545; 1 - 0.4 x 0.5 = 0.8
    assert score == pytest.approx(0.8)
    assert box == pytest.approx((104.5454545, 100, 100, 200))
