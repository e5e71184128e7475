"""Redemption, value, stretch and lapse of targeted coupons, worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.insight.coupon_value import (
    best_worth_giving,
    expected_value,
    face_value,
    is_lapsed,
    redemption_probability,
    stretch_threshold,
    usual_basket,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_new_coupon_has_the_prior_and_evidence_moves_it() -> None:
    assert redemption_probability(0, 0, 0.05) == pytest.approx(0.05)
    assert redemption_probability(3, 80, 0.05) == pytest.approx(0.04)


@pytest.mark.parametrize(
    "p, margin, face, value", [(0.10, 900, 300, 60), (0.04, 2500, 500, 80), (0.20, 400, 200, 40), (0.1, 200, 300, -10)]
)
def test_value(p: float, margin: float, face: float, value: float) -> None:
    assert expected_value(p, margin, face) == pytest.approx(value)


@pytest.mark.parametrize("kind, value, face", [("amount", 300, 300), ("amount", 1500, 1000), ("percent", 12, 120), ("fixed", 700, 300),
                                               ("free", 0, 1000), ("points", 50, 0)])  # fmt: skip
def test_face(kind: str, value: float, face: float) -> None:
    assert face_value(kind, value, 1000) == pytest.approx(face)


def test_threshold_is_rounded_up_and_needs_five_receipts() -> None:
    assert stretch_threshold([8200] * 5, 20, 1000) == 10000
    assert stretch_threshold([8200] * 4, 20, 1000) is None
    assert stretch_threshold([10000] * 5, 10, 1000) == 11000  # exactly on a step
    assert stretch_threshold([100_000, *[8200] * 10], 20, 1000) == 10000  # the last ten only
    assert usual_basket([100_000, *[8200] * 10]) == 8200


def test_lapse_is_two_median_intervals() -> None:
    bought = [START + timedelta(days=n) for n in (0, 7, 14, 42)]  # intervals 7, 7, 28: median 7
    assert not is_lapsed(bought, START + timedelta(days=55, hours=23), 2)
    assert is_lapsed(bought, START + timedelta(days=56), 2)
    assert not is_lapsed(bought[:3], START + timedelta(days=99), 2)


def test_the_best_coupon_that_a_member_is_worth() -> None:
    small, large = ({"template": name, "kind": "amount", "value": value} for name, value in (("small", 300), ("large", 900)))
    share = {"template": "share", "kind": "percent", "value": 20}
    tea = {"template": "tea", "kind": "amount", "value": 500, "category": "tea"}
    points = {"template": "points", "kind": "points", "value": 400}
    rows = [large, tea, small, points, share]
    assert best_worth_giving(rows, 1000, 2000) is large
    assert best_worth_giving(rows, 500, 2000) is share  # 400 of 2000
    assert best_worth_giving(rows, 100, 2000) is small
    assert best_worth_giving([tea, points], 100, 2000) is tea
    assert best_worth_giving([points], 100, 2000) is None
