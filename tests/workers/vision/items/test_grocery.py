"""The measure itself: draws, the area under the ROC, and a background that comes back as it was."""

from pathlib import Path

import numpy as np
import pytest

from storeloom.workers.vision.items.faults import ItemFault
from storeloom.workers.vision.items.grocery import Split, auroc, background_arrays, measure, read_split
from storeloom.workers.vision.items.whitening import background_of
from tests.workers.vision.items.toys import Colours, goods


def split_of(items: int, each: int, size: int, seed: int) -> Split:
    made = goods(items, each, size, seed)
    return Split(np.concatenate(list(made.values())), np.repeat(np.arange(items), each))


def test_the_area_counts_pairs_and_half_of_ties() -> None:
    # Pairs (known, alien): 3>1, 3>2, 2>1, 2=2, 0<1, 0<2: 3.5 of 6.
    assert auroc(np.array([3.0, 2.0, 0.0]), np.array([1.0, 2.0])) == pytest.approx(3.5 / 6)


def test_a_draw_takes_so_many_of_each_class_and_the_same_for_a_seed() -> None:
    split = split_of(3, 6, 8, seed=1)
    few = split.few(2, np.random.default_rng(5))
    assert few.classes.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(few.vectors, split.few(2, np.random.default_rng(5)).vectors)
    assert np.unique(split.of([0, 2]).classes).tolist() == [0, 2]


def test_a_background_comes_back_as_it_was_measured() -> None:
    # Classes vary only along the first element: +-0.5 in four classes of two, sum of squares 4 * 2 * 0.25 = 2 over 4 degrees of freedom.
    centres = np.random.default_rng(0).normal(size=(4, 1, 6))
    vectors = centres + np.array([[[0.5]], [[-0.5]]]).reshape(1, 2, 1) * np.eye(6)[0]
    split = Split(vectors.reshape(8, 6).astype(np.float32), np.repeat(np.arange(4), 2))
    known = background_of([("a", 4), ("b", 2)], background_arrays(split, [("a", 4), ("b", 2)]))
    assert known is not None
    expected = np.zeros((6, 6))
    expected[0, 0] = 0.5
    assert known.covariance == pytest.approx(expected, abs=2e-3)
    assert known.centre == pytest.approx(centres.mean(axis=(0, 1)), abs=2e-3)


def test_easy_goods_are_all_right_and_strangers_stand_out() -> None:
    train, strangers = split_of(8, 6, 48, seed=1), split_of(8, 6, 48, seed=2)
    figures = measure(Colours(48), train, train, None, strangers)  # type: ignore[arg-type]
    assert (figures.top1, figures.top3) == (1.0, 1.0)
    assert figures.auroc > 0.99
    assert figures.known_at_5 > 0.95
    assert figures.accepted_right == 1.0


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ItemFault, match="This picture cannot be used: there is no such file"):
        read_split(tmp_path, "train", Colours(), lambda number, total: None)  # type: ignore[arg-type]
    (tmp_path / "train.txt").write_text("train/a.jpg, 0, 0\n", encoding="utf-8")
    with pytest.raises(ItemFault) as caught:
        read_split(tmp_path, "train", Colours(), lambda number, total: None)  # type: ignore[arg-type]
    assert caught.value.findings[0].file == str(tmp_path / "train" / "a.jpg")
