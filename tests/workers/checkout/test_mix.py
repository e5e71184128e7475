"""The sales mix as a prior."""

import pytest

from storeloom.workers.checkout.mix import best_sellers, fused, together

SOLD = {"fuji": 8, "gala": 2, "potato": 90}  # shares 0.08, 0.02 and 0.90


def test_the_mix_moves_a_recognition():
    # 0.60 x 0.081^0.3 = 0.2823, 0.30 x 0.021^0.3 = 0.0941: 0.750 and 0.250
    assert dict(fused([("fuji", 0.6), ("gala", 0.3)], SOLD, 0.3)) == pytest.approx({"fuji": 0.75, "gala": 0.25}, abs=5e-4)
    assert dict(fused([("fuji", 0.75), ("gala", 0.15)], SOLD, 0.3)) == pytest.approx({"fuji": 0.882, "gala": 0.118}, abs=5e-4)


def test_the_order_may_turn_and_what_never_sold_stays_possible():
    assert [gtin for gtin, _ in fused([("gala", 0.5), ("fuji", 0.4)], SOLD, 1)] == ["fuji", "gala"]
    assert dict(fused([("pear", 0.5), ("fuji", 0.5)], SOLD, 1)) == pytest.approx({"fuji": 0.081 / 0.082, "pear": 0.001 / 0.082})


@pytest.mark.parametrize(("sold", "alpha"), [({}, 0.3), (SOLD, 0)])
def test_without_sales_or_weight_recognition_alone_decides(sold, alpha):
    assert fused([("gala", 0.25), ("fuji", 0.75)], sold, alpha) == [("fuji", 0.75), ("gala", 0.25)]


def test_nothing_recognised_stays_nothing():
    assert fused([], SOLD, 0.3) == [] and fused([("fuji", 0.0)], SOLD, 0.3) == [("fuji", 0.0)]


def test_best_sellers_of_the_hour_come_first():
    assert best_sellers({"a": 2, "b": 1}, {"b": 9, "c": 5, "a": 2, "d": 5}) == ["a", "b", "c", "d"]


def test_counts_are_added():
    assert together([{"a": 2}, {"a": 1, "b": 3}]) == {"a": 3, "b": 3} and together([]) == {}
