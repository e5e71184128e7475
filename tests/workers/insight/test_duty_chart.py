"""Duty by hand: sigma 0.04, weight 0.2, three sigmas: a limit of 0.12 x sqrt(0.2 / 1.8) = 0.04."""

import pytest

from storeloom.workers.insight import duty_chart


def test_a_rise_of_two_sigmas_is_out_on_the_fourth_day() -> None:
    bound, average, averages = duty_chart.limit(0.04, 0.2, 3), 0.0, []
    for _ in range(4):
        average = duty_chart.ewma(average, 0.08, 0.2)
        averages.append(round(average, 4))
    assert bound == pytest.approx(0.04)
    assert averages == [0.016, 0.0288, 0.039, 0.0472]
    assert [duty_chart.is_out(one, bound) for one in averages] == [False, False, False, True]
    assert not duty_chart.is_out(bound, bound)


def test_the_line_follows_the_room() -> None:
    line = duty_chart.learn([(20, 0.46), (20, 0.54), (25, 0.56), (25, 0.64)])
    assert (line.at(20), line.at(30), line.sigma) == (pytest.approx(0.5), pytest.approx(0.7), pytest.approx(0.04))
    same = duty_chart.learn([(22, 0.46), (22, 0.54)])
    assert (same.at(35), same.sigma) == (pytest.approx(0.5), pytest.approx(0.04))
    assert duty_chart.learn([(22, 0.5)]).sigma == duty_chart.LEAST_SIGMA


def test_days_until_the_duty_has_no_reserve() -> None:
    assert duty_chart.days_to([0.02, 0.04, 0.06], 0.5, 0.9) == pytest.approx(17.0)
    assert duty_chart.days_to([0.04, 0.04], 0.5, 0.9) is None
    assert duty_chart.days_to([0.5], 0.5, 0.9) == 0.0


def test_a_day_whose_room_was_not_measured_stands_on_the_usual_one() -> None:
    line = duty_chart.learn([(20, 0.46), (None, 0.5), (24, 0.54)])
    assert (line.usual_c, line.slope, line.at(None), line.at(26)) == (22, pytest.approx(0.02), pytest.approx(0.5), pytest.approx(0.58))
    assert duty_chart.learn([(None, 0.5), (None, 0.6)]).at(None) == pytest.approx(0.55)
