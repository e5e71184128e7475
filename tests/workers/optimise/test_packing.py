"""First-fit decreasing and cases on carriers, by hand."""

import pytest

from storeloom.workers.optimise.packing import first_fit_decreasing, portions


def test_largest_first_into_the_first_that_holds_it() -> None:
    sizes = {"a": (30, 1), "b": (25, 1), "c": (20, 1), "d": (15, 1)}
    assert first_fit_decreasing(sizes, (50, 80)) == [["a", "c"], ["b", "d"]]


def test_every_limit_counts() -> None:
    assert first_fit_decreasing({"a": (30, 60), "b": (20, 30)}, (50, 80)) == [["a"], ["b"]]


def test_what_exceeds_a_limit_travels_alone() -> None:
    assert first_fit_decreasing({"a": (5, 0), "b": (70, 0)}, (50, 80)) == [["b"], ["a"]]
    assert first_fit_decreasing({}, (50,)) == []


@pytest.mark.parametrize(
    ("units", "step", "sizes", "limits", "expected"),
    [
        (30, 6, (1, 5), (50, 80), [12, 12, 6]),
        (12, 6, (0, 0), (50, 80), [12]),
        (12, 6, (20, 0), (50, 80), [6, 6]),
        (7, 1, (20, 0), (50, 80), [2, 2, 2, 1]),
    ],
)
def test_portions_are_whole_cases(
    units: float, step: float, sizes: tuple[float, float], limits: tuple[float, float], expected: list[float]
) -> None:
    assert portions(units, step, sizes, limits) == expected
