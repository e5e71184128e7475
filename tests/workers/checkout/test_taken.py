"""Pieces taken from a guarded shelf, worked by hand: blades of 60 g at 89.90."""

import pytest

from storeloom.workers.checkout import taken


@pytest.mark.parametrize(
    ("change_g", "found"), [(-120, -2), (60, 1), (-121, -2), (-124.8, -2), (-125, -1), (-20, -1), (20, 1), (-4, 0), (0, 0), (-240, -4)]
)
def test_a_change_of_weight_is_whole_pieces_else_one(change_g: float, found: int) -> None:
    assert taken.pieces(change_g, 60, 0.08) == found


def test_without_a_unit_weight_every_change_is_one_piece() -> None:
    assert [taken.pieces(change, None, 0.08) for change in (-500, 3, 0)] == [-1, 1, 0]


def test_takings_less_put_backs_within_the_window() -> None:
    sweep: taken.Sweep = {}
    for t_s, count in ((0, 2), (12, 1), (20, -1), (25, 2)):
        sweep = taken.advance(sweep, t_s, count, count * 8990, 30)
    assert taken.net(sweep) == (4, 35960)
    assert taken.net(taken.advance(sweep, 30, 1, 8990, 30)) == (5, 44950)
    assert taken.net(taken.advance(sweep, 31, 1, 8990, 30)) == (3, 26970)


def test_a_sweep_is_over_after_a_quiet_window() -> None:
    sweep = {"moves": [[0.0, 4, 4]], "told": True}
    assert taken.advance(sweep, 29.9, 1, 1, 30)["told"]
    assert taken.advance(sweep, 30.0, 1, 1, 30) == {"moves": [[30.0, 1, 1]], "told": False}


def ledger(*times: float) -> taken.Ledger:
    made: taken.Ledger = []
    for t_s in times:
        taken.take(made, 1, t_s, 8990, "F1", 100)
    return made


def test_a_put_back_undoes_the_newest_and_a_sale_the_oldest() -> None:
    made = ledger(1, 2, 3)
    assert [entry["t_s"] for entry in taken.put_back(made, 1)] == [3]
    assert [entry["t_s"] for entry in taken.sold(made, 1)] == [1]
    assert [entry["t_s"] for entry in taken.sold(made, 5)] == [2]
    assert made == []


def test_what_is_held_for_lost_is_paid_last() -> None:
    made = ledger(1, 2, 50)
    assert [entry["t_s"] for entry in taken.overdue(made, 102, ())] == [1, 2]
    assert taken.overdue(made, 102, ()) == []
    assert [entry["t_s"] for entry in taken.sold(made, 2)] == [50, 1]
    assert [entry["t_s"] for entry in taken.put_back(made, 1)] == [2]


def test_a_fixture_without_its_sensor_stands_still() -> None:
    made = ledger(1)
    assert taken.overdue(made, 500, {"F1"}) == []
    assert taken.next_due(made, {"F1"}) is None
    taken.defer(made, "F1", 40)
    taken.defer(made, "F2", 40)
    assert taken.next_due(made, ()) == 141
