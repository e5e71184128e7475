"""Queues by hand: the zone is x 0..10 m, y 0..10 m; the line of service runs so that y above 8 m is served."""

from typing import Any

from storeloom.workers.vision import queue
from storeloom.workers.vision.lines import Line
from tests.workers.vision.people_of import at, run

ZONE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
RULE = queue.QueueRule(ZONE, Line((0.0, 0.8), (1.0, 0.8)), join_s=4, reach_m=0.7, vanish_s=3)


def go(frames: list[tuple[float, Any]], rule: queue.QueueRule = RULE) -> list[queue.QueueStep]:
    return run(lambda state, people, t_s: queue.step(state, rule, people, t_s), frames)


def test_passing_through_is_no_queue() -> None:
    steps = go([(t, {"a": at(t, 5)}) for t in range(10)])
    assert all(step.length == 0 for step in steps)
    assert all(step.ended == () for step in steps)


def test_standing_joins_dated_back_to_the_first_stop() -> None:
    steps = go([(t, {"a": at(5, 5)}) for t in range(7)])
    assert [step.length for step in steps] == [0, 0, 0, 0, 1, 1, 1]
    assert steps[-1].waiting == {"a": 6}


def test_a_small_step_is_still_standing_and_moving_up_keeps_the_place() -> None:
    steps = go([(0, {"a": at(5, 5)}), (2, {"a": at(5.5, 5)}), (4, {"a": at(5, 5)}), (5, {"a": at(5, 7)}), (6, {"a": at(5, 7)})])
    assert steps[-1].waiting == {"a": 6}


def test_served_and_gone_ends_the_wait_at_the_line() -> None:
    frames = [(t, {"a": at(5, 5)}) for t in range(6)] + [(t, {"a": at(5, 9)}) for t in range(6, 20)] + [(20, {}), (23, {}), (23.5, {})]
    steps = go(frames)
    assert steps[6].serving == ("a",) and steps[6].length == 0
    ended = [wait for step in steps for wait in step.ended]
    assert ended == [queue.Wait("a", 0, 6, 19)] and ended[0].wait_s == 6


def test_who_leaves_without_service_gave_up() -> None:
    frames: list[tuple[float, Any]] = [(t, {"a": at(5, 5)}) for t in range(11)]
    ended = [w for step in go([*frames, (14, {"a": at(15, 5)})]) for w in step.ended]
    assert ended == [queue.Wait("a", 0, None, 10)] and ended[0].wait_s == 10


def test_no_wait_for_who_walks_straight_up() -> None:
    frames: list[tuple[float, Any]] = [(0, {"a": at(5, 5)}), (1, {"a": at(5, 7)}), (2, {"a": at(5, 9)}), (6, {"a": at(5, 9)}), (10, {})]
    ended = [w for step in go(frames) for w in step.ended]
    assert ended == [queue.Wait("a", 2, 2, 6)] and ended[0].wait_s == 0


def test_staff_never_wait() -> None:
    steps = go([(0, {"a": at(5, 5, staff=True)}), *[(t, {"a": at(5, 5)}) for t in range(1, 9)]])
    assert (steps[-1].length, steps[-1].staff) == (0, 1)


def test_a_lost_track_hands_its_place_to_the_new_one() -> None:
    steps = go([*[(t, {"a": at(5, 5)}) for t in range(6)], (7, {}), (8, {"b": at(5.3, 5)})])
    assert steps[-1].waiting == {"b": 8}
    # someone who appears elsewhere is someone else
    steps = go([*[(t, {"a": at(5, 5)}) for t in range(6)], (7, {}), (8, {"b": at(2, 2)})])
    assert "b" not in steps[-1].waiting


def test_expected_wait_is_the_mean_service_times_those_waiting() -> None:
    served = [(t, {"a": at(5, 9)}) for t in range(11)]
    waiting = [(t, {"b": at(4, 5), "c": at(6, 5)}) for t in range(14, 20)]
    steps = go([*served, *waiting])
    # a was served from 0 to 10
    assert steps[10].expected_s is None
    assert steps[-1].length == 2 and steps[-1].expected_s == 20
