"""Who took what, worked by hand: a can of 340 g and a bottle of 322 g, both with a deviation of 6 g."""

import pytest

from storeloom.workers.checkout import takes

CAN, BOTTLE = takes.Article("can", 340, 6), takes.Article("bottle", 322, 6)


def test_people_weigh_by_their_distance() -> None:
    assert takes.reaching({"A": 0.3, "B": 0.9}, 0.4, 1.2) == pytest.approx({"A": 0.9046, "B": 0.0954}, abs=5e-4)
    assert takes.reaching({"A": 0.6, "B": 0.9}, 0.4, 1.2)["A"] == pytest.approx(0.803, abs=5e-4)
    assert takes.reaching({"A": 1.2, "B": 1.21}, 0.4, 1.2) == {"A": 1.0}
    assert takes.reaching({"A": 3}, 0.4, 1.2) == {}


def test_weights_that_fit_alike_are_told_apart_by_looks() -> None:
    assert takes.misfit(-331, CAN, 1) == takes.misfit(-331, BOTTLE, 1) == 1.5
    assert [guess.p for guess in takes.named(-331, [CAN, BOTTLE], None, 3)] == pytest.approx([0.5, 0.5])
    best = takes.named(-331, [CAN, BOTTLE], {"can": 0.8, "bottle": 0.2}, 3)[0]
    assert best[:2] == ("can", 1) and best.p == pytest.approx(0.8)


def test_what_a_picture_does_not_name_shares_the_rest() -> None:
    assert [(guess.gtin, guess.p) for guess in takes.named(-331, [CAN, BOTTLE], {"can": 0.9}, 3)] == [
        ("can", pytest.approx(0.9)),
        ("bottle", pytest.approx(0.1)),
    ]
    assert takes.named(-331, [BOTTLE], {"can": 1.0}, 3) == []


def test_whole_counts_and_what_is_ruled_out() -> None:
    assert takes.named(-1020, [CAN], None, 3)[0][:2] == ("can", 3)
    # two cans: 680 g, deviation 8.49 g; 26 g off are 3.06 deviations
    assert takes.named(-706, [CAN], None, 3) == []
    assert takes.named(-700, [CAN], None, 3)[0][:2] == ("can", 2)
    assert takes.named(-60, [CAN], None, 3) == []


def test_a_put_back_is_the_last_taking_of_that_weight() -> None:
    articles = {"can": CAN, "bottle": BOTTLE}
    assert takes.latest_equal([("can", 1), ("bottle", 1), ("can", 2)], 339, articles, 3) == 1
    assert takes.latest_equal([("can", 1), ("bottle", 1)], 352, articles, 3) == 0
    assert takes.latest_equal([("can", 2)], 340, articles, 3) is None


def test_goods_without_a_weight_cannot_be_told() -> None:
    assert takes.article("x", None, 3) is None
    assert takes.article("x", 50, None) == ("x", 50, 2.0)
    assert takes.article("x", 500, None) == ("x", 500, 10.0)
