"""Growth by hand: categories, windows, tiers, task caps."""

from datetime import date
from fractions import Fraction

import pytest

from storeloom.workers.loyalty import growth

STEPS = [0, 1000, 5000, 20000]


def test_categories_weigh_exactly():
    factors = {"a": 1.1, "b": 0, "c": 1}
    lines = [{"gtin": "a", "amount": 1000}, {"gtin": "b", "amount": 9999}, {"gtin": "c", "amount": -50}]
    assert growth.worth(lines, factors.__getitem__) == 1050
    assert growth.growth(Fraction(1099), 100) == 10
    assert growth.growth(Fraction(-1), 100) == 0


def test_a_lot_counts_up_to_the_windows_last_day():
    lots = [{"day": "2024-05-01", "points": 900}, {"day": "2024-05-02", "points": 50}]
    assert growth.value(lots, date(2025, 5, 1), 365) == 950
    assert growth.value(lots, date(2025, 5, 2), 365) == 50
    assert growth.value(lots, date(2024, 5, 1), 365) == 900


@pytest.mark.parametrize(("points", "tier"), [(0, 0), (999, 0), (1000, 1), (4999, 1), (19999, 2), (20000, 3)])
def test_the_highest_tier_reached(points, tier):
    assert growth.tier(STEPS, points) == tier


def test_keeping_takes_the_share_rounded_up():
    assert growth.keeps_at(5000, 80) == 4000
    assert growth.keeps_at(1001, 80) == 801
    assert growth.keeps_at(1000, 0.1) == 1


def test_tasks_have_room_up_to_the_months_cap():
    lots = [
        {"day": "2024-05-03", "points": 60},
        {"day": "2024-05-03", "points": 500, "worth": "50000"},
        {"day": "2024-04-30", "points": 90},
    ]
    assert growth.task_room(lots, date(2024, 5, 31), 100) == 40
    assert growth.task_room(lots, date(2024, 5, 31), 50) == 0
