"""Falls by hand, in a square picture: someone standing is 0.1 wide and 0.4 high, someone lying 0.4 wide and 0.12 high."""

from typing import Any

from storeloom.workers.vision import posture
from storeloom.workers.vision.entries import picture_place
from storeloom.workers.vision.still import Person
from tests.workers.vision.people_of import run

RULE = posture.PostureRule(down_s=4, lying_s=30, recover_s=2, lost_s=5)


def person(width: float, height: float, x: float = 0.5) -> Person:
    box = (x - width / 2, 0.8 - height, width, height)
    return Person((x, 0.8), picture_place(box, 1.0), box)


UP, DOWN, BENT, SAT = person(0.1, 0.4), person(0.4, 0.12), person(0.2, 0.24), person(0.18, 0.25)


def go(frames: list[tuple[float, Any]], rule: posture.PostureRule = RULE) -> list[posture.Posture]:
    return [news for step in run(lambda s, people, t: posture.step(s, rule, people, 1.0, t), frames) for news in step]


def test_a_fall_is_told_after_lying_and_ends_on_getting_up() -> None:
    standing = [(t, {"a": UP}) for t in range(4)]
    lying = [(t, {"a": DOWN}) for t in range(4, 10)]
    assert go([*standing, *lying]) == [posture.Posture("a", "fall", 4, None)]
    up = [(t, {"a": UP}) for t in range(10, 14)]
    assert go([*standing, *lying, *up])[1] == posture.Posture("a", "fall", 4, 12)


def test_bending_and_sitting_down_are_no_falls() -> None:
    for pose in (BENT, SAT):
        assert not go([*[(t, {"a": UP}) for t in range(4)], *[(t, {"a": pose}) for t in range(4, 60)]])


def test_a_slow_lying_down_is_lying() -> None:
    frames = [(0, {"a": UP}), (1, {"a": UP}), (3, {"a": BENT}), (6, {"a": DOWN}), (20, {"a": DOWN}), (36, {"a": DOWN})]
    assert go(frames) == [posture.Posture("a", "lying", 6, None)]


def test_a_moment_down_is_nothing() -> None:
    assert not go([(0, {"a": UP}), (1, {"a": UP}), (2, {"a": DOWN}), (4, {"a": DOWN}), (5, {"a": UP}), (8, {"a": UP})])


def test_one_frame_up_does_not_end_lying() -> None:
    frames = [(0, {"a": UP}), (1, {"a": DOWN}), (3, {"a": DOWN}), (4, {"a": UP}), (5, {"a": DOWN})]
    assert go(frames) == [posture.Posture("a", "fall", 1, None)]


def test_the_fall_survives_a_new_track() -> None:
    frames = [(0, {"a": UP}), (1, {"a": UP}), (2, {}), (2.5, {"b": DOWN}), (7, {"b": DOWN})]
    assert go(frames) == [posture.Posture("b", "fall", 2.5, None)]


def test_a_person_who_is_lost_ends_what_was_told() -> None:
    frames = [(0, {"a": UP}), (1, {"a": DOWN}), (5, {"a": DOWN}), (9, {}), (11, {})]
    assert go(frames)[-1] == posture.Posture("a", "fall", 1, 5)


def test_stillness_only_where_asked_for() -> None:
    frames = [(t, {"a": UP}) for t in range(0, 130, 10)] + [(130, {"a": person(0.1, 0.4, 0.9)})]
    assert not go(frames)
    still = go(frames, posture.PostureRule(still_s=120))
    assert still == [posture.Posture("a", "still", 0, None), posture.Posture("a", "still", 0, 130)]
