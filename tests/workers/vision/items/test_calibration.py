"""Temperature, threshold and cross-validation, against figures worked out by hand and against made-up goods."""

import numpy as np
import pytest

from storeloom.workers.vision.items.calibration import (
    DEFAULT,
    Trials,
    calibrate,
    cross_validate,
    left_out,
    openness,
    probabilities,
    prototypes,
    seen,
)
from storeloom.workers.vision.items.whitening import Whitening, whitening
from tests.workers.vision.items.toys import goods

PLAIN = Whitening(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))


def test_openness_is_the_best_likeness_and_twice_its_lead() -> None:
    assert openness(np.array([[0.9, 0.1, 0.4], [0.5, 0.5, 0.0]])) == pytest.approx([1.9, 0.5])
    assert openness(np.array([[0.5]])) == pytest.approx([1.5])


def test_probabilities_are_a_softmax_at_the_temperature() -> None:
    assert probabilities(np.array([0.2, 0.1]), 0.1) == pytest.approx([np.e / (np.e + 1), 1 / (np.e + 1)])


def test_a_class_is_the_weighted_mean_of_its_vectors() -> None:
    groups = [np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros((0, 2)), np.array([[0.0, 2.0]])]
    made = prototypes(PLAIN, groups, [np.array([3.0, 4.0]), np.zeros(0), np.ones(1)])
    assert made == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0], [0.0, 1.0]]))


def test_the_threshold_lets_the_stated_share_of_left_out_classes_through() -> None:
    # 100 pictures of 5 classes. Without its own class (likeness 0.9) a picture's best is k / 1000, the next 0: openness 3k / 1000.
    rows = np.zeros((100, 5), np.float32)
    own = np.arange(100) % 5
    rows[np.arange(100), own] = 0.9
    rows[np.arange(100), (own + 1) % 5] = np.arange(1, 101) / 1000
    found = calibrate(Trials(rows, own, np.ones(100, bool)), 0.05)
    assert left_out(Trials(rows, own, np.ones(100, bool)))[-1] == pytest.approx(0.3)
    # Just above the 95th of 100 scores, so that 5 pass.
    assert found.threshold == pytest.approx(3 * 0.095)
    assert (left_out(Trials(rows, own, np.ones(100, bool))) >= found.threshold).sum() == 5
    assert found.likeness == pytest.approx(0.9)
    assert found.pictures == 100
    few = Trials(rows[:39], own[:39], np.ones(39, bool))  # 5 % of 39 is 1.95: one may pass, not two
    assert (left_out(few) >= calibrate(few, 0.05).threshold).sum() == 1


def test_the_temperature_makes_probabilities_right() -> None:
    # Two kinds of pictures, alike to the method (0.5 against 0.3): three of four are of the first class. p = 3/4 where 0.2 / T = ln 3.
    rows = np.tile(np.array([0.5, 0.3, -9, -9, -9], np.float32), (40, 1))
    own = np.array([0, 0, 0, 1] * 10)
    found = calibrate(Trials(rows, own, np.ones(40, bool)), 0.05)
    assert found.temperature == pytest.approx(0.2 / np.log(3), rel=1e-3)


def test_too_few_classes_keep_the_engines_figures_and_say_so() -> None:
    rows, own = np.zeros((40, 4), np.float32), np.arange(40) % 4
    found = calibrate(Trials(rows, own, np.ones(40, bool)), 0.02)
    assert (found.threshold, found.temperature, found.pictures) == (DEFAULT.threshold, DEFAULT.temperature, 0)
    assert found.false_accept == 0.02


def test_no_picture_is_compared_with_itself() -> None:
    # One picture a class: its class has no other, so it is no trial of recognition, but still one of a stranger.
    trials = cross_validate([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0], [0.1, 1.0]])], None)
    assert sorted(zip(trials.own.tolist(), trials.present.tolist(), strict=True)) == [(0, False), (1, True), (1, True)]


def test_neighbouring_pictures_are_held_out_together() -> None:
    # Ten pictures in five pairs of twins: a twin in the classes would give likeness 1.
    rng = np.random.default_rng(0)
    twins = np.repeat(rng.normal(size=(5, 40)), 2, axis=0)
    trials = cross_validate([twins, np.repeat(rng.normal(size=(5, 40)), 2, axis=0)], None)
    assert np.abs(trials.likenesses).max() < 0.9


def test_strangers_among_made_up_goods_pass_as_often_as_stated() -> None:
    known, strangers = goods(30, 10, 48, seed=1, spread=0.9), goods(200, 3, 48, seed=2, spread=0.9)
    groups = list(known.values())
    found = calibrate(cross_validate(groups, None), 0.1)
    space = whitening(seen(groups), None)
    passed = openness(space(np.concatenate(list(strangers.values()))) @ prototypes(space, groups).T) >= found.threshold
    assert 0.05 < passed.mean() < 0.16
