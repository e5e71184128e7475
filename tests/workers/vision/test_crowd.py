"""Crowding by hand: 10 m2, busy from 0.5, dense from 1, critical from 2 people a m2."""

from typing import Any

import pytest

from storeloom.workers.vision import crowd
from storeloom.workers.vision.errors import GeometryError
from tests.workers.vision.people_of import run

RULE = crowd.CrowdRule(10.0, slack=0.2, hold_s=5)


def levels(frames: list[tuple[float, int]], rule: crowd.CrowdRule = RULE) -> list[str]:
    return [step.level for step in run(lambda state, count, t_s: crowd.step(state, rule, count, t_s), frames)]


def test_a_level_must_hold() -> None:
    assert levels([(0, 10), (4, 10), (5, 10)]) == ["free", "free", "dense"]
    assert levels([(0, 10), (4, 3), (5, 10), (9, 10), (10, 10)]) == ["free", "free", "free", "free", "dense"]


def test_a_level_is_left_below_its_threshold_less_the_slack() -> None:
    up: list[tuple[float, Any]] = [(0, 10), (5, 10)]
    # 0.8 people a m2 is the slack's edge for dense
    assert levels([*up, (6, 8), (20, 8)])[-1] == "dense"
    assert levels([*up, (6, 7), (11, 7)])[-1] == "busy"


def test_the_change_tells_the_level_before_once() -> None:
    steps: list[crowd.CrowdStep] = run(lambda s, n, t: crowd.step(s, RULE, n, t), [(0, 25), (5, 25), (6, 25)])
    assert [(s.before, s.level) for s in steps] == [(None, "free"), ("free", "critical"), (None, "critical")]
    assert (steps[1].density, steps[1].since_s) == (2.5, 0)


def test_without_holding_it_changes_at_once() -> None:
    assert levels([(0, 10)], crowd.CrowdRule(10.0, hold_s=0)) == ["dense"]


@pytest.mark.parametrize("given", [{"area_m2": 0.0}, {"area_m2": 5.0, "levels": (("a", 1.0), ("b", 1.0))}, {"area_m2": 5.0, "levels": ()}])
def test_what_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(GeometryError):
        crowd.CrowdRule(**given)
