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


def test_what_jumps_past_its_own_box_is_found_within_its_reach() -> None:
    # 0.5 s at 0.3 of the height a second: 0.15 / 0.4 is 0.375 sizes, within 1 size a second; a square picture
    settings = TrackSettings(aspect=1.0, first_iou=0.2)
    tracker = Tracker(settings=settings)
    assert tracker.update([person(0.2)], 0.0) == ["t#1"]
    assert tracker.update([person(0.35)], 0.5) == ["t#1"]
    # 0.25 / 0.4 is 0.625 sizes in half a second: too far from where it was seen and from where it was heading
    far = Tracker(settings=settings)
    far.update([person(0.2)], 0.0)
    assert far.update([person(0.45)], 0.5) == ["t#2"]


def test_reach_counts_the_width_of_the_picture() -> None:
    # the same jump in a picture twice as wide as high is twice as far in heights
    tracker = Tracker(settings=TrackSettings(aspect=2.0))
    tracker.update([person(0.2)], 0.0)
    assert tracker.update([person(0.35)], 0.5) == ["t#2"]


@pytest.mark.parametrize(
    ("second", "name"),
    [
        (Detection("person", 0.9, (0.34, 0.2, 0.1, 0.4)), "t#1"),
        (Detection("chair", 0.9, (0.34, 0.2, 0.1, 0.4)), "t#2"),
        (Detection("person", 0.36, (0.34, 0.2, 0.1, 0.4)), "t#1"),
        (Detection("person", 0.3, (0.34, 0.2, 0.1, 0.4)), None),
        (Detection("person", 0.9, (0.37, 0.35, 0.04, 0.2)), "t#2"),
    ],
    ids=["alike", "other class", "sure enough to go on", "unsure", "a fifth of the area"],
)
def test_only_a_sure_box_of_the_same_class_and_size_is_reached(second: Detection, name: str | None) -> None:
    tracker = Tracker(settings=TrackSettings(aspect=1.0))
    tracker.update([person(0.2)], 0.0)
    assert tracker.update([second], 0.5) == [name]


def test_reach_ends_after_its_time_and_can_be_done_without() -> None:
    for settings, after_s in ((TrackSettings(aspect=1.0, reach_s=0.4), 0.5), (TrackSettings(aspect=1.0, reach_sizes_s=0.0), 0.5)):
        tracker = Tracker(settings=settings)
        tracker.update([person(0.2)], 0.0)
        assert tracker.update([person(0.35)], after_s) == ["t#2"]


def test_two_that_jump_together_keep_their_names() -> None:
    tracker = Tracker(settings=TrackSettings(aspect=1.0))
    assert tracker.update([person(0.2), person(0.6)], 0.0) == ["t#1", "t#2"]
    assert tracker.update([person(0.72), person(0.32)], 0.5) == ["t#2", "t#1"]


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
