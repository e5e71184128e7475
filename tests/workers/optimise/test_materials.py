"""Recipes taken apart into ingredients."""

import pytest

from storeloom.workers.optimise.materials import base_units, cases, explode, loop, lots, outlives, piece, recipes, short

ROWS = [
    {"recipe": "tea", "gtin": "T", "yield_qty": 1, "ingredients": [{"gtin": "M", "qty": 150, "unit": "ml"}]},
    {"recipe": "latte", "gtin": "L", "yield_qty": 2, "ingredients": [{"gtin": "M", "qty": 0.4, "unit": "l", "waste_pct": 3}]},
]


def test_gross_need_of_milk():
    known = recipes(ROWS, 0.97)
    need = explode({"T": 200, "L": 120}, known, {})["M"]
    assert need == pytest.approx(54000 / 0.97)
    assert cases(need * 1.1 - 12000, 12000) == 5


def test_levels_and_the_latest_version():
    rows = [
        {"gtin": "pie", "version": 1, "ingredients": [{"gtin": "dough", "qty": 9}]},
        {"gtin": "pie", "version": 2, "ingredients": [{"gtin": "dough", "qty": 200, "unit": "g", "waste_pct": 0}]},
        {"gtin": "dough", "yield_qty": 10, "ingredients": [{"gtin": "flour", "qty": 6, "unit": "kg", "waste_pct": 0}]},
    ]
    assert explode({"pie": 5}, recipes(rows, 1), {"dough": 1000}) == {"dough": 1000, "flour": 600}


def test_a_loop_is_named():
    assert loop({"a": {"b": 1}, "b": {"c": 1}, "c": {"a": 1}}) == ["a", "b", "c", "a"]
    assert loop({"a": {"b": 1, "c": 1}, "b": {"c": 1}}) == []


def test_what_spoils_before_its_day_does_not_count():
    lots = [("2026-03-03", 500), ("2026-03-05", 300), ("9999", 100)]
    assert short([("2026-03-03", 200), ("2026-03-04", 400), ("2026-03-05", 100)], lots) == (100, 0)
    assert short([("2026-03-03", 100)], lots) == (0, 800)
    assert short([], lots) == (0, 900)


def test_units():
    assert (base_units("L"), base_units("pcs")) == (1000, 1)
    assert (piece({"net_content": 1, "content_unit": "l"}), piece({"unit": "kg"}), piece({})) == (1000, 1000, 1)


def test_lots_hold_no_more_than_there_is():
    assert lots(10, [("2026-03-02", 4), ("2026-03-09", 3)]) == [("2026-03-02", 4), ("2026-03-09", 3), ("9999-12-31", 3)]
    assert lots(5, [("2026-03-02", 4), ("2026-03-09", 3)]) == [("2026-03-02", 4), ("2026-03-09", 1), ("9999-12-31", 0)]


def test_a_case_outlives_its_use():
    assert outlives(12, 2, 5)
    assert not outlives(12, 2, 6)
    assert not outlives(12, 0, 5)
    assert not outlives(12, 2, None)
