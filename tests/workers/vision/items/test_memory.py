"""What is kept of a class: bounded, near its mean, and unmoved by a slip of the finger."""

import numpy as np
import pytest

from storeloom.workers.vision.items.memory import ItemClass, Likeness, Limits, corrected, enrolled, herd, none


def class_of(*vectors: list[float]) -> ItemClass:
    return ItemClass("a", np.array(vectors, np.float16).reshape(-1, 2), none(2), none(2))


def likeness(own: float | None, pending: list[float], others: float) -> Likeness:
    return Likeness(own, np.array(pending, np.float32), others)


VECTOR = np.array([1.0, 0.0], np.float32)


def test_those_are_kept_whose_mean_is_near_the_mean_of_all() -> None:
    # Mean 2: first 2 itself; then with 1 or 3 the mean is 1.5 or 2.5, with 0 it is 1, with 4 it is 3: 1 comes first; then 3 mends it.
    line = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]], np.float16)
    assert herd(line, 3).ravel().tolist() == [1.0, 2.0, 3.0]
    assert herd(line, 5) is line


def test_enrolment_is_bounded() -> None:
    made = enrolled(class_of([1.0, 0.0]), np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32), Limits(enrolled=7))
    assert made.enrolled.shape == (7, 2)


def test_a_correction_that_looks_like_its_class_is_learnt_at_once() -> None:
    made, taught = corrected(class_of([1.0, 0.0]), VECTOR, likeness(0.5, [], 0.9), 0.5, Limits())
    assert (taught, len(made.corrected), len(made.pending)) == ("learnt", 1, 0)


def test_one_that_does_not_waits_for_another_like_it() -> None:
    known = class_of([0.0, 1.0])
    first, taught = corrected(known, VECTOR, likeness(0.1, [], 0.3), 0.5, Limits())
    assert (taught, len(first.corrected), len(first.pending)) == ("pending", 0, 1)
    unlike, taught = corrected(first, VECTOR, likeness(0.1, [0.2], 0.3), 0.5, Limits())
    assert (taught, len(unlike.corrected), len(unlike.pending)) == ("pending", 0, 2)
    alike, taught = corrected(first, VECTOR, likeness(0.1, [0.4], 0.3), 0.5, Limits())
    assert (taught, len(alike.corrected), len(alike.pending)) == ("learnt", 2, 0)


def test_the_same_picture_twice_is_one() -> None:
    first, _ = corrected(class_of([0.0, 1.0]), VECTOR, likeness(0.1, [], 0.3), 0.5, Limits())
    again, taught = corrected(first, VECTOR, likeness(0.1, [0.99], 0.3), 0.5, Limits())
    assert (taught, len(again.pending)) == ("pending", 1)


def test_a_new_item_needs_three_that_agree() -> None:
    known = ItemClass("new", none(2), none(2), none(2))
    for count in (1, 2):
        known, taught = corrected(known, VECTOR, likeness(None, [0.9] * (count - 1), 0.3), 0.5, Limits())
        assert (taught, len(known.pending)) == ("pending", count)
    known, taught = corrected(known, VECTOR, likeness(None, [0.9, 0.9], 0.3), 0.5, Limits())
    assert (taught, len(known.enrolled), len(known.pending)) == ("enrolled", 3, 0)


def test_the_oldest_go_first_and_corrections_never_outweigh_enrolment() -> None:
    known = class_of([1.0, 0.0], [1.0, 0.0])
    for number in range(9):
        known, _ = corrected(known, np.array([number, 0], np.float32), likeness(1.0, [], 0.0), 0.5, Limits(corrected=4))
    assert known.corrected[:, 0].tolist() == [5.0, 6.0, 7.0, 8.0]
    assert known.weights.tolist() == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
    assert class_of([1.0, 0.0]).weights.tolist() == [1.0]


def test_pending_ones_are_bounded() -> None:
    known = class_of([0.0, 1.0])
    for _ in range(20):
        known, _ = corrected(known, VECTOR, likeness(0.0, [-1.0] * len(known.pending), 0.3), 0.5, Limits())
    assert len(known.pending) == 5


def test_limits_that_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold as many"):
        Limits(pending=2)
