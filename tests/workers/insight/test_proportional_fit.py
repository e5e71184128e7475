"""Tables from their margins: the odds ratios of the seed stay, the totals are met."""

import numpy as np
import pytest

from storeloom.workers.insight.proportional_fit import fit


def test_two_by_two() -> None:
    found = fit([[1, 0.5], [0.5, 1]], [300, 100], [240, 160], tolerance=1e-9, max_rounds=100)
    (a, b), (c, d) = found.table
    assert a * d / (b * c) == pytest.approx(4)
    assert [round(cell, 1) for cell in (a, b, c, d)] == [205.0, 95.0, 35.0, 65.0]
    assert found.error <= 1e-9 and found.rounds < 100


def test_columns_are_scaled_to_the_rows() -> None:
    found = np.array(fit([[1, 2], [3, 4]], [10, 30], [2, 6], tolerance=1e-6, max_rounds=100).table)
    assert found.sum(axis=1) == pytest.approx([10, 30]) and found.sum(axis=0) == pytest.approx([10, 30])


def test_what_cannot_be_met_ends_after_the_rounds() -> None:
    found = fit([[0, 1], [0, 1]], [5, 5], [5, 5], tolerance=1e-3, max_rounds=7)
    assert found.rounds == 7 and found.error == pytest.approx(1)
    assert found.table[0][0] == 0.0


def test_nobody_goes_nowhere() -> None:
    assert fit([[1, 1]], [0], [3, 4], tolerance=1e-3, max_rounds=9).table == ((0.0, 0.0),)
    assert fit([], [], [], tolerance=1e-3, max_rounds=9).table == ()
