"""How engaged visitors were."""

import pytest

from storeloom.workers.insight.engagement import begin, finish, index, see


def test_stops_are_dwells_in_one_zone() -> None:
    visit = begin(0)
    see(visit, [(0, "a"), (10, "a"), (20, "b"), (39, "b"), (40, "c"), (50, None), (30, "a")], 20)
    assert finish(visit, 100, 20) == (100, 2)  # 20 s in a, 20 s in b until it was seen in c, 10 s in c
    assert finish(visit, 40, 20) == (50, 2)


def test_the_last_zone_counts_to_the_end() -> None:
    visit = begin(5)
    see(visit, [(5, "a")], 20)
    assert finish(visit, 24, 20) == (19, 0)
    assert finish(visit, 25, 20) == (20, 1)


def test_the_worked_index() -> None:
    assert index([300, 540, 900], 720, 0.5) == pytest.approx(65)
    assert index([9000], 720, 1.0) == pytest.approx(100)
