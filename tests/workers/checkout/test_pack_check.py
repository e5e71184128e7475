"""Orders on the packing bench's scale, worked by hand."""

from __future__ import annotations

import pytest

from storeloom.workers.checkout.bagging import learn
from storeloom.workers.checkout.pack_check import Piece, Suspect, cold_packs, expected, suspects, weight_of

PIECES = [Piece("can", 2, 330, 3), Piece("rice", 1, 1000, 8)]
ICE = {"per_min": 0.02, "over_c": 25, "factor": 1.5, "reuse_min": 15}


def test_variances_add_to_the_tolerance_of_the_whole() -> None:
    whole = expected(PIECES, 85, 5, 3, 5)
    assert whole.mean_g == 1745 and whole.tol_g == pytest.approx(3 * 107**0.5 + 5)
    assert whole.fits(1760) and not whole.fits(1412)


def test_the_nearest_single_piece_is_suspected_first() -> None:
    assert suspects(PIECES, 1412 - 1745, 36.03) == [Suspect("can", False, 3)]
    assert suspects(PIECES, 1500 - 1745, 36.03) == []
    both = suspects([Piece("a", 1, 100, 1), Piece("b", 1, 110, 1)], 108, 15)
    assert both == [Suspect("b", True, 2), Suspect("a", True, 8)]


def test_an_item_is_known_by_the_table_until_five_were_weighed() -> None:
    known = None
    for grams in (100.0, 102.0, 98.0, 101.0):
        known = learn(known, grams)
    assert weight_of(known, 90, 2, 0.01) == (90, 2) and weight_of(known, 90, None, 0.01) == (90, 0.9)
    assert weight_of(known, None, None, 0.01) == pytest.approx((100.25, 1.0025)) and weight_of(None, None, None, 0.01) is None
    mean, sd = weight_of(learn(known, 99.0), 90, 2, 0.01) or (0, 0)
    assert mean == pytest.approx(100) and sd == pytest.approx(2.5**0.5)


def test_cold_packs_by_ride_and_heat() -> None:
    assert [cold_packs(40, 30, ICE), cold_packs(40, 20, ICE), cold_packs(10, 30, ICE), cold_packs(50, None, ICE)] == [2, 1, 0, 1]
    assert cold_packs(40, 25, ICE) == 2 and cold_packs(15, None, ICE) == 1
