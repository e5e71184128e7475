"""Receipt, provider and bank; the cash drawer."""

import pytest

from storeloom.workers.checkout import reconcile

FEES = {"P": 38}


def case(sale=None, paid=None, settled=None, fee=0, settled_day="2026-03-02", **more):
    told = {"sale": sale, "paid": paid, "settled": settled, "fee": fee, "settled_day": settled_day, "provider": "P", **more}
    return reconcile.new_case("2026-03-02") | told


@pytest.mark.parametrize(
    ("sides", "name", "value"),
    [
        ((5000, 5000, 5000, 19), "matched", 0), ((10000, 10000, 10000, 60), "fee_diff", 22), ((5000, 5000, 5000, 20), "matched", 0),
        ((5000, 5000, 5000, 21), "fee_diff", 2), ((5000, 5000), "waiting", 5000), ((5000,), "sale_not_paid", 5000),
        ((None, 1200), "paid_no_sale", 1200), ((None, None, 1200), "paid_no_sale", 1200), ((900, 950), "amount_diff", 50),
        ((900, 900, 850), "amount_diff", 50), ((None, 0), "netted", 0), ((3000, None, 3000, 11), "matched", 0),
        ((-300, -300), "waiting", -300),
    ],
)  # fmt: skip
def test_what_a_case_is(sides, name, value):
    assert reconcile.classify(case(*sides), FEES, 1, expired=False) == (name, value)


def test_late_and_never_settled():
    assert reconcile.classify(case(3000, 3000, 3000, 11, "2026-03-03"), FEES, 1, expired=False).name == "settled_late"
    assert reconcile.classify(case(3000, 3000), FEES, 1, expired=True).name == "not_settled"
    assert reconcile.classify(case(3000, 3000, 3000, 99, provider="Q"), FEES, 1, expired=False).name == "matched"


def test_pairs_need_one_till_one_amount_and_no_other_candidate():
    sales = {"s1": case(700, till="T1", sale_at=0.0), "s2": case(800, till="T1", sale_at=0.0), "s3": case(800, till="T1", sale_at=30.0)}
    paid = {
        "p1": case(None, 700, till="T1", paid_at=120.0),
        "p2": case(None, 800, till="T1", paid_at=40.0),
        "p3": case(None, 700, till="T2", paid_at=0.0),
    }
    assert reconcile.pairs(sales, paid, 120) == [("s1", "p1")] and reconcile.pairs(sales, paid, 119) == []
    reconcile.join(sales["s1"], paid["p1"])
    assert sales["s1"]["sale"] == sales["s1"]["paid"] == 700


def test_a_drawer_and_a_cashiers_chart():
    assert reconcile.Drawer(50000, 132000, 3000, 100000).expected == 79000
    level, seen = 0, []
    for shortage in (800, 900, 1000, 1300, -5000):
        level = reconcile.shortage_chart(level, shortage, 300)
        seen.append(level)
    assert seen == [500, 1100, 1800, 2800, 0]
    assert reconcile.cash_of([{"method": "cash", "amount": 1234, "tendered": 2000, "change": 770}, {"method": "card", "amount": 5}]) == 1230
