"""Terms of a paid plan by hand."""

from datetime import UTC, date, datetime

import pytest

from storeloom.workers.loyalty import plan

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_days_of_a_term():
    start = date(2024, 3, 1)
    assert plan.last_day(start, 365) == date(2025, 2, 28)
    assert plan.risk_day(start, 365, 60) == date(2024, 10, 6)
    assert plan.risk_day(start, 30, 33) == date(2024, 3, 10)


@pytest.mark.parametrize(
    ("start", "after", "following"),
    [
        (date(2024, 1, 31), date(2024, 1, 31), date(2024, 2, 29)),
        (date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)),
        (date(2024, 5, 31), date(2024, 5, 31), date(2024, 6, 30)),
        (date(2024, 12, 15), date(2024, 12, 20), date(2025, 1, 15)),
    ],
)
def test_the_same_day_of_the_next_month(start, after, following):
    assert plan.next_month_day(start, after) == following


def test_prices_at_a_time():
    base = {"gtin": "1", "kind": "base", "price": 1000, "from": "2024-01-01"}
    member = {"gtin": "1", "kind": "member", "price": 900, "from": "2024-01-01", "to": "2024-05-02"}
    assert plan.prices_at([base, member], AT, UTC) == (1000, 900)
    assert plan.prices_at([base, {**member, "to": "2024-05-01"}], AT, UTC) is None
    assert plan.prices_at([base, {**member, "price": 1000}], AT, UTC) is None
    assert plan.prices_at([member], AT, UTC) is None


@pytest.mark.parametrize(
    ("line", "saving"),
    [
        ({"qty": 3, "price": 900, "amount": 2700}, 300),
        ({"qty": -1, "price": 900, "amount": -900}, -100),
        ({"qty": 2, "price": 1000, "discount": 200, "amount": 1800}, 200),
        ({"qty": 2, "price": 1000, "amount": 2000}, 0),
        ({"qty": 1, "price": 700, "amount": 700}, 0),
        ({"qty": 1, "price": 1000, "discount": 500, "amount": 500, "promo": "half"}, 0),
        ({"qty": 1, "weight_g": 1500, "price": 900, "amount": 1350}, 150),
    ],
)
def test_savings_of_a_line(line, saving):
    assert plan.line_saving(line, (1000, 900)) == saving
    assert plan.line_saving(line, None) == 0


def test_the_guarantee():
    assert plan.guarantee_points(19900, 13400, 1) == 6500
    assert plan.guarantee_points(100, 1, 10) == 10
    assert plan.guarantee_points(100, 150, 1) == 0
