"""Redeeming coupons by hand: eligible amounts, limits of copies, funders."""

import pytest

from storeloom.workers.loyalty import redemption

RICE, TEA = "6900000000012", "6900000000029"


def test_eligible_amounts():
    lines = [{"gtin": RICE, "amount": 500}, {"gtin": TEA, "amount": None}]
    assert redemption.eligible([], lines[:1]) == 500
    assert redemption.eligible(["0" + RICE], lines) == 500
    assert redemption.eligible([], lines) is None
    assert redemption.eligible([TEA.zfill(14)], lines[:1]) == 0


def test_face_values():
    assert redemption.face_value(1000, None, 300) == 1000
    assert redemption.face_value(0, 10, 5005) == 501
    assert redemption.face_value(0, 10, -50) == 0


@pytest.mark.parametrize(
    ("face", "funded", "shares"),
    [
        (1000, {"brand": 60, "mall": 25, "store": 15}, {"brand": 600, "mall": 250, "store": 150}),
        (999, {"brand": 60, "mall": 25, "store": 15}, {"brand": 599, "mall": 250, "store": 150}),
        (100, {"a": 33.3, "b": 66.7}, {"a": 33, "b": 67}),
        (0, {"a": 100}, {"a": 0}),
    ],
)
def test_funders(face, funded, shares):
    assert redemption.funders_shares(face, funded) == shares


def test_surplus_is_refused_and_not_counted():
    made = {"copies": 0, "face": 0, "members": {}}
    row = {"budget": 1000, "limit": 3, "per_member": 1}
    assert redemption.surplus(made, row, 400, "m1") is None
    assert redemption.surplus(made, row, 400, "m1") == "per_member"
    assert redemption.surplus(made, row, 400, None) is None
    assert redemption.surplus(made, row, 400, None) == "budget"
    assert redemption.surplus(made, row, 200, "m2") is None
    assert redemption.surplus(made, row, 0, "m3") == "limit"
    assert made == {"copies": 3, "face": 1000, "members": {"m1": 1, "m2": 1}}
