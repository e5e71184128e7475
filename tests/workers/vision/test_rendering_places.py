"""Drawn shelves, bins and people: the same from the same seed, and true to what they say."""

from __future__ import annotations

import numpy as np
import pytest

from storeloom.workers.vision.rendering import CLEAN
from storeloom.workers.vision.rendering_places import heap, person, shelf


def test_the_same_seed_draws_the_same() -> None:
    one, two = (shelf("plain", CLEAN, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.picture, two.picture) and one.facings == two.facings
    assert not np.array_equal(one.picture, shelf("plain", CLEAN, np.random.default_rng(4)).picture)


def test_only_slots_with_facings_differ_from_the_bare_shelf() -> None:
    drawn = shelf("perforated", CLEAN, np.random.default_rng(3))
    high, wide = drawn.picture.shape[:2]
    for (x, y, width, height), facings in zip(drawn.slots, drawn.facings, strict=True):
        part = np.s_[int(y * high) : int((y + height) * high), int(x * wide) : int((x + width) * wide)]
        apart = np.abs(drawn.picture[part].astype(int) - drawn.bare[part]).max(axis=2) > 30
        assert bool(apart.mean() > 0.1) is (facings > 0)


def test_a_bin_lacks_the_share_that_it_says() -> None:
    drawn = heap(CLEAN, np.random.default_rng(8))
    like_empty = np.abs(drawn.now.astype(int) - drawn.empty).max(axis=2).mean(axis=1) < 25
    assert 1 - like_empty.mean() == pytest.approx(drawn.filled, abs=0.05)


def test_someone_stands_in_their_box() -> None:
    drawn = person("#1f5fbf", CLEAN, np.random.default_rng(1))
    x, y, width, height = drawn.box
    assert drawn.colour == "#1f5fbf" and 0 < x < x + width < 1 and 0 < y < y + height < 1
