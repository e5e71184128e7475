"""A dining table from looks at it."""

from typing import Any

from storeloom.workers.vision.dining import Change, TableRule, begin, is_near, look, next_step, step
from storeloom.workers.vision.places import Place
from storeloom.workers.vision.things import Seen

RULE = TableRule(seat_s=15, leave_s=60, clear_s=10, dirty_min=1)


def seated_at(t_s: float = 0) -> dict[str, Any]:
    state = begin()
    look(state, RULE, 2, 0, False, t_s)
    assert look(state, RULE, 2, 0, False, t_s + 15) == [Change("seated", t_s, t_s + 15, True)]
    return state


def test_a_sitting_leaves_a_dirty_table_that_is_cleared() -> None:
    state = seated_at()
    look(state, RULE, 2, 3, False, 100)
    assert look(state, RULE, 0, 3, False, 110) == []
    assert next_step(state, RULE) == 160
    assert step(state, RULE, 160) == [Change("left", 0, 100, True)]
    assert state["state"] == "dirty"
    assert look(state, RULE, 0, 0, False, 200) == []
    assert next_step(state, RULE) == 210
    assert step(state, RULE, 210) == [Change("cleared", 100, 200, True)]
    assert state["state"] == "free"


def test_short_presence_and_short_absence_change_nothing() -> None:
    state = begin()
    for t_s, guests in ((0, 1), (10, 0), (14, 0), (20, 1), (34, 1)):
        assert look(state, RULE, guests, 0, False, t_s) == []
    state = seated_at()
    for t_s, guests in ((100, 1), (110, 0), (159, 1), (200, 1)):
        assert look(state, RULE, guests, 0, False, t_s) == []
    assert state["state"] == "seated"


def test_new_guests_on_a_dirty_table_keep_its_clearing_pending() -> None:
    state = seated_at()
    assert look(state, RULE, 0, 2, False, 90) == [Change("left", 0, 15, True)]
    look(state, RULE, 1, 2, False, 130)
    assert look(state, RULE, 1, 2, False, 145) == [Change("seated", 130, 145, True)]
    look(state, RULE, 1, 0, True, 150)
    assert look(state, RULE, 1, 0, False, 160) == [Change("cleared", 15, 150, True)]
    assert (state["state"], state["greeted_s"]) == ("seated", 150)


def test_a_lost_camera_freezes_the_state_and_measures_nothing_across() -> None:
    state = seated_at()
    look(state, RULE, 2, 1, False, 100)
    assert step(state, RULE, 300) == []
    assert look(state, RULE, 0, 1, False, 1000) == []
    assert step(state, RULE, 1060) == [Change("left", 0, 1000, False)]
    look(state, RULE, 0, 0, False, 1070)
    assert step(state, RULE, 1080) == [Change("cleared", 1000, 1070, False)]
    state = seated_at()
    look(state, RULE, 2, 1, False, 1000)
    look(state, RULE, 0, 1, False, 1010)
    assert step(state, RULE, 1060) == [Change("left", 0, 1000, False)]
    look(state, RULE, 0, 0, False, 1070)
    assert step(state, RULE, 1080) == [Change("cleared", 1000, 1070, True)]


def test_near_in_metres_and_in_the_picture() -> None:
    metres = Place("t", metres=((0, 0), (1, 0), (1, 1), (0, 1)))
    one = Seen("s", "person", 1.0, (0.5, 0.2, 0.1, 0.4), (2.0, 0.5))
    assert is_near(metres, one, 1.0, 1.0)
    assert not is_near(metres, one, 0.9, 1.0)
    # half a person's height beside the table: 0.85 m
    picture = Place("t", picture=((0.1, 0.5), (0.35, 0.5), (0.35, 0.8), (0.1, 0.8)))
    other = Seen("s", "person", 1.0, (0.5, 0.2, 0.1, 0.4))
    assert is_near(picture, other, 0.86, 1.0)
    assert not is_near(picture, other, 0.84, 1.0)
