"""Runs on one side of a standard."""

import pytest

from storeloom.workers.insight.run_rule import advance


def runs(values: list[float], length: int = 3, low: float = 90, high: float = 110) -> list[tuple[int, str, float]]:
    state: dict[str, object] = {}
    found = []
    for number, value in enumerate(values):
        state, run = advance(state, value, 100, within=low <= value <= high, length=length)
        if run is not None:
            found.append((number, run.side, run.mean))
    return found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([101, 102, 106], [(2, "above", 103.0)]),
        ([101, 102, 106, 104, 103], [(2, "above", 103.0)]),
        ([101, 102, 99, 98, 97], [(4, "below", 98.0)]),
        ([101, 102, 100, 103, 104], []),
        ([101, 102, 111, 103, 104], []),
        ([101, 102, 103, 99, 101, 102, 103], [(2, "above", 102.0), (6, "above", 102.0)]),
    ],
)
def test_a_run_is_told_once_and_restarts(values: list[float], found: list[tuple[int, str, float]]) -> None:
    assert runs(values) == found
