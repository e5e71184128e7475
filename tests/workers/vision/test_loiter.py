"""Loitering by hand."""

from typing import Any

from storeloom.workers.vision import loiter
from tests.workers.vision.people_of import at, run

ZONE = [(0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)]
IN, OUT = at(4, 4), at(9, 9)


def go(frames: list[tuple[float, Any]], limit_s: float = 60, away_s: float = 10) -> list[list[loiter.Loitering]]:
    return run(lambda state, people, t_s: loiter.step(state, ZONE, people, t_s, limit_s=limit_s, away_s=away_s), frames)


def test_told_once_at_the_limit_and_ended_when_gone() -> None:
    news = go([(t, {"a": IN}) for t in range(0, 100, 10)] + [(99, {"a": OUT}), (101, {"a": OUT})])
    assert [len(one) for one in news] == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert news[6] == [loiter.Loitering("a", 0, None)]
    assert news[-1] == [loiter.Loitering("a", 0, 90)]


def test_a_short_absence_goes_on_and_a_long_one_begins_anew() -> None:
    short = go([(0, {"a": IN}), (30, {"a": IN}), (35, {"a": OUT}), (39, {"a": IN}), (60, {"a": IN})])
    assert short[-1] == [loiter.Loitering("a", 0, None)]
    long = go([(0, {"a": IN}), (30, {"a": IN}), (35, {"a": OUT}), (45, {"a": OUT}), (50, {"a": IN}), (70, {"a": IN})])
    assert not any(long)


def test_staff_are_left_out_even_when_recognised_late() -> None:
    news = go([(0, {"a": IN}), (60, {"a": IN}), (61, {"a": at(4, 4, staff=True)}), (200, {"a": IN})])
    assert news[1] == [loiter.Loitering("a", 0, None)]
    assert news[2] == [loiter.Loitering("a", 0, 61)]
    assert news[3] == []
