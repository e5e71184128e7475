"""The space in which classes are compared, worked out by hand in two dimensions; and the background that ships."""

import hashlib
import json

import numpy as np
import pytest

from storeloom.workers.vision.items.whitening import FILE, Background, background_of, scatter, shipped_background, whitening
from storeloom.workers.vision.models import BUILT_IN, read_card

# Two classes that vary along x and differ along y.
UP = np.array([[-3.0, 1.0], [3.0, 1.0]])
DOWN = np.array([[-3.0, -1.0], [3.0, -1.0]])


def test_directions_that_vary_within_classes_count_little() -> None:
    space = whitening(scatter([UP, DOWN]), None)
    # Scatter diag(36, 0), mean variance 18: covariance 0.8 * diag(2, 0) + 0.2 = diag(1.8, 0.2).
    expected = np.array([3 / np.sqrt(1.8), 1 / np.sqrt(0.2)])
    assert space(np.array([[3.0, 1.0]]))[0] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    plain = np.array([3.0, 1.0]) @ np.array([-3.0, 1.0])
    whitened = space(np.array([[3.0, 1.0]]))[0] @ space(np.array([[-3.0, 1.0]]))[0]
    assert plain < 0 <= whitened + 1e-6  # two pictures of one class: opposite before, no longer after


def test_the_background_counts_as_300_pictures_and_20_classes() -> None:
    known = Background(np.array([2.1, 0.0], np.float32), np.diag([0.0, 0.04]).astype(np.float32))
    space = whitening(scatter([UP]), known)
    assert space.centre == pytest.approx([20 * 2.1 / 21, 1 / 21], abs=1e-6)
    # Scatter diag(18, 0) + 300 * diag(0, 0.04) = diag(18, 12), mean variance 15: diag(0.96, 0.64) + 0.2.
    moved = space(np.array([[3.0, 1 / 21 + 1.0]]))[0]
    expected = np.array([1 / np.sqrt(1.16), 1 / np.sqrt(0.84)])
    assert moved == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_one_picture_without_background_leaves_the_plain_cosine_about_it() -> None:
    space = whitening(scatter([np.array([[1.0, 1.0]])]), None)
    assert space(np.array([[4.0, 5.0], [1.0, 1.0]])) == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_a_background_is_cut_and_scaled_to_the_networks_in_use() -> None:
    arrays = {
        "a.centre": np.array([0.6, 0.8]),
        "a.directions": np.array([[1.0], [2.0]]),
        "a.rest": np.array([0.5]),
        "b.centre": np.array([1.0]),
        "b.directions": np.array([[3.0]]),
        "b.rest": np.array([0.25]),
    }
    alone = background_of([("a", 2)], arrays)
    assert alone is not None
    assert alone.covariance == pytest.approx(np.array([[1.5, 2.0], [2.0, 4.5]]))
    both = background_of([("a", 2), ("b", 1)], arrays)
    assert both is not None
    assert both.centre == pytest.approx(np.array([0.6, 0.8, 1.0]) / np.sqrt(2))
    assert both.covariance == pytest.approx(np.array([[1.5, 2.0, 3.0], [2.0, 4.5, 6.0], [3.0, 6.0, 9.25]]) / 2)
    assert background_of([("a", 2), ("c", 1)], arrays) is None
    assert background_of([("a", 3)], arrays) is None


def test_the_shipped_background_is_the_one_of_its_card() -> None:
    card = json.loads(FILE.with_suffix(".json").read_text(encoding="utf-8"))
    assert (card["file"], card["licence"]) == (FILE.name, "MIT")
    assert card["sha256"] == hashlib.sha256(FILE.read_bytes()).hexdigest()
    hashes = {part["model"]: part["sha256"] for part in card["embedding"]}
    assert hashes == {name: read_card(BUILT_IN / name).sha256[:16] for name in ("mobilenetv2", "efficientnet_lite2", "goods_lite2")}


@pytest.mark.parametrize("other", ["goods_lite2", "efficientnet_lite2"])
def test_the_shipped_background_knows_the_shipped_networks(other: str) -> None:
    known = background_of([("mobilenetv2", 1280), (other, 1280)], shipped_background())
    assert known is not None
    assert 0.4 < np.linalg.norm(known.centre) < 0.95
    # The mean square deviation of unit vectors from their class: between nothing and that of unrelated pictures.
    assert 0.05 < np.trace(known.covariance) < 0.6
    np.linalg.cholesky(known.covariance)  # raises unless it is positive definite
