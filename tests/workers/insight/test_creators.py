import pytest

from storeloom.workers.insight import creators


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("so #ad", "ad", True),
        ("I am glad", "ad", False),
        ("The BEST", "best", True),
        ("firsthand", "first", False),
        ("这是广告哦", "广告", True),
        ("x #广告", "#广告", True),
    ],
)
def test_words(text, word, expected):
    assert creators.has_word(text, word) is expected


def test_price_claims():
    assert creators.prices_in("¥9.90 or 12元, 3 pieces, $ 5, 7.5 yuan", "CNY") == [990, 1200, 500, 750]
    assert creators.prices_in("¥980", "JPY") == [980]


def test_rules():
    assert creators.broken_rules("best 89元", "ad", ["best"], [9900], "CNY") == ["ad_mark", "banned_words", "price"]
    assert creators.broken_rules("99元 ad", "ad", ["best"], [9900], "CNY") == creators.broken_rules("89元 ad", "ad", [], [], "CNY") == []


def test_concentration():
    assert creators.concentration({"b": 90, "a": 10}, 200) == ("b", 45)
    assert creators.concentration({}, 0) == ("", 0)


def test_scores_shrink_towards_the_mean_and_add_orders():
    counts = {
        "a": {"engagements": 120, "views": 1000, "orders": 1, "clicks": 200},
        "b": {"engagements": 40, "views": 1000, "orders": 0, "clicks": 0},
    }
    found = creators.scores(counts, 500)
    assert found["a"]["rate"] == pytest.approx(160 / 15) and found["a"]["score"] == pytest.approx(160 / 15 + 5)
    assert found["b"]["score"] == pytest.approx(80 / 15)
    assert creators.scores({"a": {"engagements": 0, "views": 0, "orders": 0, "clicks": 0}}, 0)["a"]["score"] == 0
