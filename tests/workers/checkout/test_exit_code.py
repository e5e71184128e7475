"""The signed code of a receipt, and the draw."""

from datetime import UTC, datetime

import pytest

from storeloom.workers.checkout import exit_code

PAID = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def test_a_code_says_what_was_signed():
    code = exit_code.sign("R.1001", 8000, PAID, True, "k")
    assert code.rsplit(".", 1)[0] == "R.1001.8000.1772445600.1" and len(code.rsplit(".", 1)[1]) == 16
    assert exit_code.read(code, "k") == ("R.1001", 8000, PAID, True)


@pytest.mark.parametrize(
    "change", [lambda c: c.replace("8000", "9000"), lambda c: c[:-1] + "x", lambda c: "", lambda c: "a.b.c", lambda c: c + "."]
)
def test_a_changed_code_is_none(change):
    assert exit_code.read(change(exit_code.sign("R1", 8000, PAID, False, "k")), "k") is None
    assert exit_code.read(exit_code.sign("R1", 8000, PAID, False, "k"), "other") is None


def test_the_draw_of_the_worked_examples():
    drawn = {receipt: round(exit_code.draw(receipt), 4) for receipt in ("R1001", "R1002", "R1004", "R2185", "R2044")}
    assert drawn == {"R1001": 0.9599, "R1002": 0.197, "R1004": pytest.approx(0.553, abs=1e-3), "R2185": 0.0106, "R2044": 0.0412}


def test_the_dearest_pieces_first():
    lines = [
        {"line": 1, "gtin": "A", "qty": 3, "price": 100, "amount": 300},
        {"line": 2, "gtin": "B", "qty": 1, "price": 4000, "amount": 250, "per_kg": True},
    ]
    assert exit_code.dearest(lines, 2) == [{"gtin": "B", "qty": 1}, {"gtin": "A", "qty": 1}]
    assert exit_code.dearest(lines, 9) == [{"gtin": "B", "qty": 1}, {"gtin": "A", "qty": 3}]
