"""ByteTrack's promises on made-up walks, and its filter against the textbook matrices."""

import numpy as np
import pytest

from storeloom.workers.vision.things import Detection
from storeloom.workers.vision.track import FRAME_S, STD_POSITION, STD_VELOCITY, BoxFilter, Tracker, TrackSettings


def person(x: float, score: float = 0.9, cls: str = "person") -> Detection:
    return Detection(cls, score, (x, 0.2, 0.1, 0.4))


def test_two_walkers_keep_their_names_when_they_pass() -> None:
    tracker = Tracker("c1")
    seen = []
    for k in range(21):
        left = Detection("person", 0.9, (0.1 + 0.03 * k, 0.2, 0.1, 0.4))
        right = Detection("person", 0.8, (0.7 - 0.03 * k, 0.25, 0.1, 0.4))
        pair = [left, right] if k % 2 else [right, left]
        names = tracker.update(pair, 0.1 * k)
        seen.append(names if k % 2 else names[::-1])
    assert seen[0] == ["c1#2", "c1#1"]
    assert all(names == seen[0] for names in seen)


def test_an_unsure_box_continues_a_track_but_starts_none() -> None:
    tracker = Tracker()
    assert tracker.update([person(0.2, 0.2)], 0.0) == [None]
    assert tracker.update([person(0.2)], 0.1) == ["t#1"]
    assert tracker.update([person(0.2)], 0.2) == ["t#1"]
    assert tracker.update([person(0.2, 0.15), person(0.7, 0.15)], 0.3) == ["t#1", None]
    assert tracker.update([person(0.2, 0.05)], 0.4) == [None]


def test_a_box_between_high_and_new_starts_no_track() -> None:
    tracker = Tracker()
    assert tracker.update([person(0.2, 0.44)], 0.0) == [None]
    assert tracker.update([person(0.2, 0.45)], 0.1) == ["t#1"]
    assert tracker.update([person(0.2, 0.36)], 0.2) == ["t#1"]


@pytest.mark.parametrize(("away_s", "name"), [(1.4, "t#1"), (1.6, "t#2")])
def test_a_vanished_track_comes_back_in_time_or_not_at_all(away_s: float, name: str) -> None:
    tracker = Tracker(settings=TrackSettings(keep_s=1.5))
    for k in range(5):
        tracker.update([person(0.3)], 0.1 * k)
    tracker.update([], 0.5)
    assert tracker.update([person(0.3)], 0.4 + away_s) == [name]


def test_a_flash_of_one_frame_is_forgotten_at_once() -> None:
    tracker = Tracker()
    tracker.update([person(0.3)], 0.0)
    tracker.update([], 0.1)
    assert tracker.tracks == []
    assert tracker.update([person(0.3)], 0.2) == ["t#2"]


def test_a_lost_track_is_found_where_it_was_heading() -> None:
    tracker = Tracker()
    for k in range(10):
        tracker.update([person(0.1 + 0.02 * k)], 0.1 * k)
    # unseen for 0.6 s at 0.2 a second: the old place no longer overlaps, the predicted one does
    assert tracker.update([person(0.1 + 0.02 * 15)], 1.5) == ["t#1"]


def test_an_unsure_box_does_not_bring_back_a_lost_track() -> None:
    tracker = Tracker()
    for k in range(3):
        tracker.update([person(0.2)], 0.1 * k)
    tracker.update([], 0.3)
    assert tracker.update([person(0.2, 0.2)], 0.4) == [None]
    assert tracker.update([person(0.2)], 0.5) == ["t#1"]


def test_a_slow_mover_is_not_extrapolated_over_a_long_gap() -> None:
    tracker = Tracker()
    for k in range(20):
        tracker.update([person(0.2 + 0.002 * k)], 0.1 * k)
    assert tracker.update([person(0.25)], 62.0) == ["t#1"]


def test_things_sampled_once_a_minute_keep_their_names_where_they_stand() -> None:
    tracker = Tracker()
    for k, x in enumerate((0.30, 0.31, 0.32)):
        assert tracker.update([person(x), person(0.7)], 60.0 * k) == ["t#1", "t#2"]


def test_classes_do_not_share_tracks() -> None:
    tracker = Tracker()
    assert tracker.update([person(0.3), person(0.3, cls="chair")], 0.0) == ["t#1", "t#2"]
    assert tracker.update([person(0.3, cls="chair"), person(0.3)], 0.1) == ["t#2", "t#1"]
    assert tracker.update([person(0.3, cls="dog")], 0.2) == ["t#3"]


def test_time_does_not_run_backwards() -> None:
    tracker = Tracker()
    tracker.update([], 1.0)
    with pytest.raises(ValueError, match="in order of time"):
        tracker.update([], 0.9)


def test_filter_agrees_with_the_matrix_form() -> None:
    box, dt = (0.2, 0.3, 0.1, 0.4), 0.2
    filter_ = BoxFilter(box)
    state, var = np.array([0.25, 0.0]), np.diag([(2 * STD_POSITION * 0.1) ** 2, (10 * STD_VELOCITY * 0.1) ** 2])
    move, look = np.array([[1, dt], [0, 1]]), np.array([[1.0, 0.0]])
    noise = np.diag([STD_POSITION**2, STD_VELOCITY**2]) * 0.1**2 * dt / FRAME_S
    for x in (0.22, 0.25, 0.27):
        filter_.predict(dt)
        state, var = move @ state, move @ var @ move.T + noise
        assert filter_.place[0] == pytest.approx(state[0])
        # the width stays what it was, so the noise of the centre does too
        gain = var @ look.T / (look @ var @ look.T + (STD_POSITION * 0.1) ** 2)
        state = state + (gain * (x + 0.05 - state[0])).ravel()
        var = (np.eye(2) - gain @ look) @ var
        filter_.correct((x, 0.3, 0.1, 0.4))
        assert (filter_.place[0], filter_.speed[0]) == pytest.approx(tuple(state))
        assert (filter_.var_place[0], filter_.cov[0], filter_.var_speed[0]) == pytest.approx((var[0, 0], var[0, 1], var[1, 1]))
    assert 0.05 < filter_.speed[0] < 0.2
