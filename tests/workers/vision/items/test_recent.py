"""What a camera showed a moment ago: bounded, a minute long, and nothing of a person."""

from datetime import UTC, datetime, timedelta

import numpy as np

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.items.recent import MOST_OF_A_CAMERA, Look, Recent

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
BOX: Box = (0.2, 0.2, 0.4, 0.4)


def look(seq: int, box: Box = BOX, s: float = 0) -> Look:
    return Look(seq, AT + timedelta(seconds=s), box, np.array([1.0, 0, 0], np.float32))


def test_a_look_is_found_by_camera_frame_and_box() -> None:
    recent = Recent()
    recent.keep("a", look(1), [])
    recent.keep("a", look(1, (0.7, 0.7, 0.2, 0.2)), [])
    found = recent.find("a", 1, [0.2, 0.2, 0.4, 0.4])
    assert found is not None and found.box == BOX
    # 0.39 of 0.40 in width: iou 0.975; half the width: iou 0.5
    assert recent.find("a", 1, [0.2, 0.2, 0.39, 0.4]) is found
    assert recent.find("a", 1, [0.2, 0.2, 0.2, 0.4]) is None
    assert recent.find("a", 2, BOX) is None and recent.find("b", 1, BOX) is None


def test_of_a_number_that_comes_again_the_newest_counts() -> None:
    recent = Recent()
    recent.keep("a", look(1), [])
    recent.keep("a", look(1, s=5), [])
    found = recent.find("a", 1, BOX)
    assert found is not None and found.at == AT + timedelta(seconds=5)


def test_the_same_box_of_a_frame_is_kept_once_with_its_answers() -> None:
    recent = Recent()
    recent.keep("a", look(1), [])
    found = recent.find("a", 1, BOX)
    assert found is not None
    found.answers["shop", "g"] = "learnt"
    recent.keep("a", look(1), [])
    assert recent.find("a", 1, BOX) is found


def test_a_minute_of_frames_later_it_is_gone() -> None:
    recent = Recent()
    recent.keep("a", look(1), [])
    recent.pass_time("a", AT + timedelta(seconds=60))
    assert recent.find("a", 1, BOX) is not None
    recent.pass_time("b", AT + timedelta(seconds=61))
    assert recent.find("a", 1, BOX) is not None
    recent.pass_time("a", AT + timedelta(seconds=61))
    assert recent.find("a", 1, BOX) is None


def test_no_more_than_the_last_looks_are_kept() -> None:
    recent = Recent()
    for seq in range(MOST_OF_A_CAMERA + 1):
        recent.keep("a", look(seq), [])
    assert recent.find("a", 0, BOX) is None and recent.find("a", 1, BOX) is not None
    recent.forget("a")
    assert recent.find("a", 1, BOX) is None


def test_a_box_with_a_tenth_of_a_person_is_not_kept() -> None:
    recent = Recent()
    # the box covers x 0.2..0.6: a person up to x = 0.239 covers 9.75 % of it, one up to 0.24 exactly a tenth
    recent.keep("a", look(1), [(0.0, 0.0, 0.239, 1.0)])
    recent.keep("a", look(2), [(0.0, 0.0, 0.2401, 1.0)])
    assert recent.find("a", 1, BOX) is not None and recent.find("a", 2, BOX) is None
