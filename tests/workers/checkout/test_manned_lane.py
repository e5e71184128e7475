"""Receipts and cashiers of a manned lane, worked by hand."""

import pytest

from storeloom.workers.checkout import manned_lane as engine


def test_what_passed_long_before_the_first_scan_is_nobodys() -> None:
    lane = engine.waiting(3) | {"passes": [50.0, 80.0, 99.0], "returns": [60.0]}
    engine.begin(lane, "R1", 100.0, 30.0, None)
    assert (lane["passes"], lane["returns"], lane["started_s"], lane["n"]) == ([80.0, 99.0], [], 100.0, 3)


def test_a_parked_receipt_goes_on() -> None:
    first = engine.waiting()
    engine.begin(first, "R1", 100.0, 30.0, None)
    first["passes"].append(101.0)
    engine.ring(first, "1", 2, "69", bulky=False)
    again = engine.waiting(5)
    engine.begin(again, "R1", 400.0, 30.0, first | {"lost": True})
    again["passes"].append(402.0)
    assert (again["n"], again["started_s"], again["since_s"], again["lost"]) == (5, 100.0, 400.0, True)
    assert engine.counted(again) == (2, 2)


def test_a_void_takes_a_line_by_its_number_else_the_last_of_its_item() -> None:
    lane = engine.waiting()
    for line, pieces, gtin in (("1", 1, "A"), ("2", 3, "B"), ("3", 2, "B")):
        engine.ring(lane, line, pieces, gtin, bulky=gtin == "B")
    engine.void(lane, None, "B")
    assert engine.counted(lane) == (0, 4)
    assert engine.has_bulky(lane)
    engine.void(lane, "2", None)
    engine.void(lane, "2", "A")
    engine.void(lane, "9", "A")
    assert engine.counted(lane) == (0, 1)
    assert not engine.has_bulky(lane)


def test_pieces_put_back_and_a_receipt_without_goods() -> None:
    assert engine.counted(engine.waiting()) is None
    assert engine.counted(engine.waiting() | {"passes": [1.0], "returns": [2.0, 3.0]}) == (0, 0)


def test_only_differences_of_one_piece_teach_the_lane() -> None:
    assert engine.learned(0.2, 1, 0.05) == pytest.approx(0.24)
    assert engine.learned(0.2, -1, 0.05) == pytest.approx(0.14)
    assert engine.learned(0.2, 2, 0.05) == 0.2


def test_three_marks_in_a_row_make_a_suspect_and_the_days_figures_go_on() -> None:
    cashier = engine.under_test("cashier-1", 0.0)
    for number in range(3):
        assert engine.decided(cashier, 0.01, 0.10) is None
        engine.weigh(cashier, {"passes": 3, "scans": 1, "receipt": f"R{number}"}, True, 0.01, 0.05)
    assert engine.decided(cashier, 0.01, 0.10) == "suspect"
    assert [one["receipt"] for one in cashier["marked"]] == ["R0", "R1", "R2"]
    engine.again(cashier, 9.0)
    assert (cashier["s"], cashier["n"], cashier["marked"], cashier["since_s"]) == (0.0, 0, [], 9.0)
    assert cashier["day"] == {"receipts": 3, "marked": 3, "passes": 9, "scans": 3}
