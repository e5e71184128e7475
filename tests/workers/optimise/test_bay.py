"""Facings and places of a bay: hand-worked, and against all ways to fill small bays."""

import itertools
import random
from dataclasses import replace

import pytest

from storeloom.workers.optimise.bay import Pack, least_facings, plan
from storeloom.workers.optimise.boards import Board

CHECK = (
    Pack("A", 100, 10000, 2, 2, 1, 0, least=2),
    Pack("B", 100, 6000, 2, 2, 1, 200, least=2),
    Pack("C", 200, 2000, 1, 1, 1, 400),
)


def best(packs, boards, elasticity):
    """The most profit over all boards and facings of all items, each on one board; None where not all fit."""
    found = None
    ways = [[(n, f) for n in range(len(boards)) for f in range(one.least, one.most + 1)] for one in packs]
    for chosen in itertools.product(*ways):
        used = [sum(f * one.width_mm for one, (n, f) in zip(packs, chosen, strict=True) if n == board) for board in range(len(boards))]
        clear = all(boards[n].clear_mm is None or one.height_mm <= boards[n].clear_mm for one, (n, _) in zip(packs, chosen, strict=True))
        if clear and all(used[n] <= board.width_mm for n, board in enumerate(boards)):
            worth = sum(one.earns(f, elasticity) for one, (_, f) in zip(packs, chosen, strict=True))
            found = worth if found is None else max(found, worth)
    return found


def test_one_board_by_hand():
    """5, 3 and 1 facings earn 20113.7; 6, 2 and 1 would earn 20053.4."""
    found = plan(CHECK, [Board(1, 1000)], elasticity=0.17, work=5)
    assert [(one.item, one.board, one.left_mm, one.facings) for one in found.places] == [("A", 1, 0, 5), ("B", 1, 500, 3), ("C", 1, 800, 1)]
    assert (found.profit, found.profit_now) == (pytest.approx(20113.7, abs=0.05), 18000)
    assert found.proof.status == "optimal" and found.differs(CHECK) and not found.left_out


@pytest.mark.parametrize("seed", range(12))
def test_no_facings_on_boards_earn_more(seed):
    rng = random.Random(seed)
    packs = [Pack(f"I{n}", rng.randrange(15, 45), rng.randrange(100, 900), 1, 1, 1, n, 1, 3, rng.choice((10, 10, 30))) for n in range(4)]
    boards = [Board(1, 100, 20), Board(2, rng.choice((70, 90)), None)]
    found, wanted = plan(packs, boards, elasticity=0.3, work=5), best(packs, boards, 0.3)
    if wanted is None:
        assert found.left_out
        packs = [one for one in packs if one.id not in found.left_out]
        wanted = best(packs, boards, 0.3)
    assert found.profit == pytest.approx(wanted, abs=0.05)
    assert found.proof.gap == pytest.approx(0, abs=1e-9)
    for board in boards:
        here = [one for one in found.places if one.board == board.number]
        widths = {one.id: one.width_mm for one in packs}
        assert sum(widths[one.item] * one.facings for one in here) <= board.width_mm
        assert [one.left_mm for one in here] == [sum(widths[two.item] * two.facings for two in here[:n]) for n in range(len(here))]


def test_what_earns_least_a_width_and_need_not_be_there_leaves_first():
    packs = [replace(one, least=2, most=2, must=one.id == "C") for one in CHECK]
    found = plan(packs, [Board(1, 600)], elasticity=0.17, work=5)
    assert found.left_out == ("B",) and {one.item for one in found.places} == {"A", "C"}
    assert plan(packs, [Board(1, 500)], elasticity=0.17, work=5).left_out == ("B", "A")
    assert plan(packs, [Board(1, 300)], elasticity=0.17, work=5).left_out == ("B", "A")
    assert plan(packs, [Board(1, 90)], elasticity=0.17, work=5).left_out == ("A", "B", "C")


def test_minima_count_as_what_the_widest_board_holds():
    found = plan([Pack("A", 100, 500, 1, 1, 1, 0, least=6)], [Board(1, 450)], elasticity=0.17, work=5)
    assert [(one.item, one.facings) for one in found.places] == [("A", 4)]


def test_heavy_packs_take_the_lowest_boards_that_hold_them():
    boards = [Board(3, 200), Board(2, 200), Board(1, 200)]
    packs = [Pack(f"I{n}", 100, 100 + n, 1, 1, 1, n, most=1, heavy_g=5000 if n < 3 else 0) for n in range(6)]
    found = plan(packs, boards, elasticity=0.17, work=5)
    assert {one.item: one.board for one in found.places if one.item in ("I0", "I1", "I2")} == {"I0": 2, "I1": 3, "I2": 3}
    assert {one.board for one in found.places if one.item in ("I3", "I4", "I5")} == {1, 2}


def test_blocks_stand_above_one_another_with_their_best_at_eye_level():
    boards = [Board(3, 200, from_eye=1), Board(2, 200, from_eye=0), Board(1, 200, from_eye=1)]
    daily = {"A": ("red", 5), "B": ("blue", 20), "C": ("red", 10), "D": ("blue", 8), "E": ("red", 30), "F": ("blue", 6)}
    packs = [Pack(name, 100, 100 * sold, 1, 1, 1, 100 * n, most=1, block=block) for n, (name, (block, sold)) in enumerate(daily.items())]
    found = plan(packs, boards, elasticity=0.17, work=5)
    assert {board.number: [one.item for one in found.places if one.board == board.number] for board in boards} == {
        1: ["C", "D"],
        2: ["E", "B"],
        3: ["A", "F"],
    }


def test_a_plan_like_today_differs_in_nothing():
    packs = [replace(one, most=one.now, least=one.now) for one in CHECK]
    assert not plan(packs, [Board(1, 1000)], elasticity=0.17, work=5).differs(packs)


def test_least_facings_hold_days_and_cases():
    assert least_facings(20, 8, 0.5, 0, 0, 1, 6) == 2  # 10 units
    assert least_facings(20, 10, 0.5, 0, 0, 1, 6) == 1  # exactly 10
    assert least_facings(1, 4, 1, 24, 0.5, 1, 6) == 3  # half a case of 24
    assert least_facings(100, 1, 14, 0, 0, 2, 6) == 6
