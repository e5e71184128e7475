import pytest

from storeloom.workers.insight.offer_match import Content, best, candidates, content, equal, in_own_pack, tokens

MILK = {"gtin": "1", "brand": "Alm", "name": "Fresh Milk", "net_content": 1, "content_unit": "l"}
COLA = {"gtin": "2", "name": "Cola 6x330ml"}


def test_contents_are_normalised_and_multipacks_split():
    assert content(MILK, "net_content", "content_unit") == Content(1000, "ml")
    assert content(COLA, "net_content", "content_unit") == Content(1980, "ml")
    assert content({"name": "可乐330毫升*6"}, "content", "unit") == Content(1980, "ml")
    assert content({"name": "6 × 330 ml", "content": 330, "unit": "ml"}, "content", "unit") == Content(1980, "ml")
    assert content({"name": "Bread"}, "content", "unit") is None


def test_sizes_within_the_tolerance_are_equal():
    assert equal(Content(1000, "ml"), Content(980, "ml"), 2) and not equal(Content(1000, "ml"), Content(979, "ml"), 2)
    assert not equal(Content(1000, "ml"), Content(1000, "g"), 2) and not equal(None, None, 2)


def test_words_leave_out_the_size_and_chinese_is_cut_in_pairs():
    assert tokens({"name": "Fresh-Milk 1L", "brand": "ALM"}) == {"fresh", "milk", "alm"}
    assert tokens({"name": "鲜牛奶"}) == {"鲜牛", "牛奶"}


def test_the_most_similar_item_of_the_same_size_wins():
    own = candidates([MILK, COLA])
    assert best({"name": "alm fresh milk", "content": 1000, "unit": "ml"}, own, 2) == (1.0, "1")
    assert best({"name": "alm fresh whole milk", "content": 1, "unit": "l"}, own, 2) == (pytest.approx(0.75), "1")
    assert best({"name": "alm fresh milk", "content": 500, "unit": "ml"}, own, 2) == (0.0, None)


def test_prices_are_for_the_own_pack():
    assert in_own_pack(990, {"content": 990, "unit": "ml"}, MILK) == pytest.approx(1000)
    assert in_own_pack(990, {}, MILK) == 990
