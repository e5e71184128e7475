"""Supplies and stages, worked by hand."""

from datetime import date

import pytest

from storeloom.workers.insight import supplies


def bought(*parts):
    return [{"day": day, "grams": grams, "receipt": f"r{n}"} for n, (day, grams) in enumerate(parts)]


def test_three_cans_last_thirty_days():
    found = supplies.outlook(bought(("2024-07-01", 2700)), 90, 3)
    assert (found.use, found.days, found.runs_out) == (90, 30, date(2024, 7, 31))
    assert supplies.outlook([], 90, 3) is None


def test_one_own_cycle_of_100_g():
    found = supplies.outlook(bought(("2024-07-01", 2700), ("2024-07-28", 2700)), 90, 3)
    assert found.use == pytest.approx(92.5)
    assert found.grams == pytest.approx(2700 + 2700 - 27 * 92.5)
    assert supplies.outlook(bought(("2024-07-01", 2700), ("2024-07-28", 2700)), 90, 0).use == 100


def test_what_was_bought_on_one_day_is_one_purchase_and_nothing_is_left_of_what_ran_out():
    found = supplies.outlook(bought(("2024-07-01", 900), ("2024-07-01", 900), ("2024-08-30", 900)), 90, 1000)
    assert found.grams == pytest.approx(900)


def test_receipts_count_once_and_are_given_back_in_part_or_whole():
    purchases = []
    assert supplies.enter(purchases, date(2024, 7, 1), 900, "a") and not supplies.enter(purchases, date(2024, 7, 2), 900, "a")
    assert supplies.give_back(purchases, "a", 300) and purchases[0]["grams"] == 600
    assert supplies.give_back(purchases, "a", None) and purchases == [] and not supplies.give_back(purchases, "a", None)


def test_stages_by_month():
    months, born = [0, 6, 12], date(2024, 1, 10)
    assert [supplies.stage(born, months, day) for day in (date(2024, 1, 9), born, date(2024, 7, 9), date(2024, 7, 10))] == [-1, 0, 0, 1]
    assert supplies.months_after(date(2024, 8, 31), 6) == date(2025, 2, 28)


def test_packs():
    assert supplies.pack_grams({"net_content": 0.9, "content_unit": "kg"}) == 900
    assert supplies.pack_grams({"weight_g": 1000}) == 1000
    assert supplies.pack_grams({}) is None
