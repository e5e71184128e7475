"""Likeness of items by Gower's distance."""

import pytest

from storeloom.workers.forecast.likes import gower, nearest, ranges

NAMES = ["category", "pack_size", "flavour"]
MILK = {"gtin": "1", "category": "milk", "attributes": {"pack_size": 250, "flavour": "plain"}}


def like(gtin, pack, flavour="plain", category="milk"):
    return {"gtin": gtin, "category": category, "attributes": {"pack_size": pack, "flavour": flavour}}


def test_numbers_count_by_their_range_and_words_are_alike_or_not():
    spans = ranges([MILK, like("2", 1250)], NAMES)
    assert spans == {"pack_size": 1000}
    assert gower(MILK, like("2", 750, "mango"), NAMES, spans) == pytest.approx((0 + 0.5 + 1) / 3)


def test_what_one_lacks_does_not_count():
    assert gower(MILK, {"gtin": "2", "category": "milk"}, NAMES, {}) == 0
    assert gower(MILK, {"gtin": "2"}, NAMES, {}) == 1


def test_nearest_first_within_the_distance():
    rows = [like("5", 300), like("3", 250), like("4", 1250), like("6", 250, "mango"), like("7", 260)]
    assert nearest(MILK, rows, NAMES, 3, 0.2) == ["3", "7", "5"]
    assert nearest(MILK, rows, NAMES, 2, 0.35) == ["3", "4", "5", "6", "7"]


def test_with_few_likes_the_whole_category_counts():
    rows = [like("3", 250), like("4", 250, "mango"), like("5", 250, "plain", "tea")]
    assert nearest(MILK, rows, NAMES, 5, 0.1) == ["3", "4"]
