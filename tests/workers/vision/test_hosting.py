"""Who stands in a zone, and what is due for them."""

from __future__ import annotations

from typing import Any

from storeloom.workers.vision import hosting
from storeloom.workers.vision.places import Place
from storeloom.workers.vision.things import Seen

ROOM = Place("a", picture=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


def person(x: float) -> Seen:
    return Seen("t", "person", 0.9, (x, 0.4, 0.1, 0.4))


def seen(state: hosting.State, t_s: float, *xs: float, colleagues: int = 0, camera: str = "c") -> hosting.Sight:
    return hosting.advance(state, camera, ROOM, {f"g{k}": person(x) for k, x in enumerate(xs)}, colleagues, t_s)


def due(state: hosting.State, now_s: float, **other: Any) -> hosting.Due:
    return hosting.due(state, now_s, **{"engage_after_s": 3, "help_after_s": 120} | other)


def test_a_story_after_three_seconds_and_a_greeting_once_after_120() -> None:
    state = hosting.begin()
    seen(state, 100, 0.2)
    assert due(state, 100) == hosting.Due(None, (), 103)
    seen(state, 103, 0.2)
    assert due(state, 103) == hosting.Due(103, (), 220)
    for t_s in range(110, 220, 10):
        seen(state, t_s, 0.2)
    assert due(state, 219, engage_after_s=None).greet == ()
    seen(state, 220, 0.2)
    assert due(state, 220, engage_after_s=None) == hosting.Due(None, (("c|g0", 100),), None)
    assert due(state, 221, engage_after_s=None).greet == ()


def test_a_colleague_puts_the_greeting_off_or_answers_it() -> None:
    state = hosting.begin()
    for t_s in (0, 50, 100):
        seen(state, t_s, 0.2, colleagues=int(t_s == 50))
    assert due(state, 120, engage_after_s=None).next_s == 170
    seen(state, 170, 0.2)
    assert [key for key, _ in due(state, 170, engage_after_s=None).greet] == ["c|g0"]
    assert seen(state, 200, 0.2, colleagues=1).greeted_s == (30,)
    assert seen(state, 210, 0.2, colleagues=1).greeted_s == ()


def test_a_stay_that_ends_is_told_and_its_greeting_forgotten() -> None:
    state = hosting.begin()
    seen(state, 0, 0.2)
    seen(state, 130, 0.2)
    due(state, 130, engage_after_s=None)
    sight = seen(state, 131, 0.8)
    assert [(stay.track, stay.dwell_s) for stay in sight.left] == [("c|g0", 130)]
    assert (sight.occupancy, sight.alive, state["helped"]) == (0, True, {})
    assert not seen(state, 132, 0.8).alive


def test_the_first_frame_holds_for_a_minute_and_others_by_their_pace() -> None:
    state = hosting.begin()
    seen(state, 0, 0.2)
    assert due(state, 60, help_after_s=60).greet
    state = hosting.begin()
    seen(state, 0, 0.2)
    assert due(state, 61, help_after_s=60) == hosting.Due(None, (), None)
    state = hosting.begin()
    seen(state, 0, 0.2)
    seen(state, 10, 0.2)
    assert due(state, 20, help_after_s=15) == hosting.Due(None, (), None)
    assert due(state, 19.9, help_after_s=15).greet


def test_stays_end_that_no_camera_has_shown_for_long() -> None:
    state = hosting.begin()
    seen(state, 0, 0.2)
    assert hosting.unseen(state, 59.0, 60) == []
    assert [stay.track for stay in hosting.unseen(state, 60.0, 60)] == ["c|g0"]
    assert state["guests"] == {}


def test_cameras_keep_their_own_guests_and_all_end_at_closing() -> None:
    state = hosting.begin()
    seen(state, 0, 0.2)
    seen(state, 1, 0.2, camera="d")
    assert set(state["guests"]) == {"c|g0", "d|g0"}
    assert len(hosting.end_all(state)) == 2
    assert state == hosting.begin()
