"""Cells that may be shown, worked by hand."""

import pytest

from storeloom.workers.insight.disclosure import showable


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        ({"a": 25, "b": 30}, ["a", "b"]),
        ({"a": 7}, []),
        ({"a": 20}, ["a"]),
        ({"a": 7, "b": 30, "c": 25}, ["b"]),  # c hides a, which the total would give away
        ({"a": 7, "b": 8, "c": 25, "d": 90}, ["d"]),  # a and b are 15 together: c hides them
        ({"a": 12, "b": 8, "c": 25}, ["c"]),
    ],
)
def test_small_cells_and_those_that_give_them_away_are_withheld(cells, shown):
    assert showable(cells, 20) == shown


def test_without_a_total_only_small_cells_are_withheld():
    assert showable({"a": 7, "b": 30}, 20, total_shown=False) == ["b"]
