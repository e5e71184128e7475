"""Passages of tags between an inner and an outer antenna, worked by hand."""

import pytest

from storeloom.workers.security import tag_passage as engine


def passage(*reads: tuple[engine.Side, float, float]) -> engine.Passage:
    made = engine.begun(reads[0][1])
    for side, t_s, rssi in reads:
        engine.add(made, f"{side}|{t_s}|{rssi}", side, t_s, rssi, 1)
    return made


@pytest.mark.parametrize(
    ("reads", "found"),
    [
        ([("inner", 1.0, -55), ("inner", 1.2, -50), ("outer", 1.8, -60), ("outer", 2.0, -52)], "exit"),
        ([("outer", 1.1, -52), ("outer", 1.2, -55), ("inner", 1.8, -60), ("inner", 1.9, -50)], "entry"),
        ([("outer", 1.0, -59), ("inner", 1.2, -50), ("inner", 1.3, -58), ("outer", 2.0, -52)], "exit"),
        ([("inner", 1.0, -50), ("inner", 1.1, -50), ("inner", 1.2, -50), ("inner", 1.3, -50)], "stray"),
        ([("inner", 1.0, -50), ("outer", 1.1, -50), ("outer", 1.2, -50)], "stray"),
        ([("inner", 1.0, -61), ("inner", 1.1, -61), ("outer", 1.2, -60.5), ("outer", 1.3, -61)], "stray"),
        ([("inner", 1.0, -61), ("inner", 1.1, -61), ("outer", 1.2, -60), ("outer", 1.3, -61)], "exit"),
        ([("inner", 1.0, -50), ("outer", 1.0, -50), ("inner", 1.1, -51), ("outer", 1.1, -51)], "stray"),
    ],
)
def test_the_order_of_the_peaks_tells_the_way(reads: list[tuple[engine.Side, float, float]], found: str) -> None:
    assert engine.way(passage(*reads), 4, -60) == found


def test_a_read_told_twice_counts_once_and_one_may_stand_for_many() -> None:
    made = engine.begun(1.0)
    assert engine.add(made, "a", "inner", 1.0, -50.0, 3)
    assert not engine.add(made, "a", "inner", 1.0, -50.0, 3)
    assert engine.add(made, "b", "outer", 1.5, -50.0, 1)
    assert engine.way(made, 4, -60) == "exit"
    assert engine.way(made, 5, -60) == "stray"


def test_a_silence_as_long_as_the_gap_ends_it() -> None:
    made = passage(("inner", 1.0, -50), ("inner", 2.0, -50))
    assert engine.goes_on(made, 4.9, 3.0)
    assert not engine.goes_on(made, 5.0, 3.0)
