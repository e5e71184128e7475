"""The share of frames that a camera missed, as stream density counts it."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.bench.vision_density import missed_share, trial
from storeloom.workers.vision.pool.job import Counts, Report

START = datetime(2026, 1, 1, tzinfo=UTC)


def report(at_s: float, **counts: int) -> Report:
    return Report("a", 0, 0, START + timedelta(seconds=at_s), (), Counts(**counts))


def test_the_share_is_of_the_frames_lost_or_of_those_that_never_came() -> None:
    assert missed_share([report(0, frames=9), report(5, frames=50), report(10, frames=50)], 10) == 0
    assert missed_share([report(0), report(10, frames=99)], 10) == 0, "a frame at an end is forgiven"
    assert missed_share([report(0), report(10, frames=90, lost=8, skipped=1, failed=1)], 10) == 0.1
    assert missed_share([report(0), report(10, frames=79)], 10) == pytest.approx(0.2)
    assert missed_share([report(0, frames=9)], 10) == 1


def test_a_camera_that_does_not_start_is_an_error(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="camera-0"):
        trial(tmp_path / "none.avi", 1, 5.0, 0.1)
