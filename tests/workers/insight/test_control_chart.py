"""An EWMA chart by hand: mean 1.0, s 0.3 of four weeks, weight 0.2, three sigmas: a limit of 1.30."""

from math import sqrt

import pytest

from storeloom.workers.insight import control_chart

D = 0.3 * sqrt(3) / 2


def test_three_weeks_above_cross_the_limit_once_and_come_back() -> None:
    state: dict[str, object] = {}
    points = []
    for figure in (1 - D, 1 + D, 1 - D, 1 + D, 1.5, 1.8, 1.9, 1.9, 0.5):
        state, point = control_chart.advance(state, figure, weight=0.2, width=3, base=4)
        points.append(point)
    assert points[:4] == [None] * 4
    told = [point for point in points[4:] if point is not None]
    assert [round(point.z, 4) for point in told] == [1.1, 1.24, 1.372, 1.4776, 1.2821]
    assert [point.change for point in told] == [None, None, "crossed", None, "back"]
    assert told[0].limit == pytest.approx(1.3)


def test_an_average_on_the_limit_is_inside() -> None:
    state = {"base": [1.0, 1.0], "z": 1.0, "out": False}
    assert control_chart.advance(state, 1.0, weight=0.2, width=3, base=2)[1] == (1.0, 1.0, None)
