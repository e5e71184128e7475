"""Footage: what is read, and each way in which it cannot be."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from storeloom.workers.vision.errors import FootageError
from storeloom.workers.vision.grab.footage import frames, probe


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Forty frames of 64 x 48 pixels at 20 a second, frame k of brightness 6 k."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    noise = np.random.default_rng(1).integers(0, 6, (48, 64, 3), np.uint8)
    for k in range(40):
        writer.write(noise + np.uint8(6 * k))
    writer.release()
    return path


def test_every_frame_and_every_third(clip: Path) -> None:
    read = list(frames(clip))
    assert [f.seq for f in read] == list(range(40))
    assert [f.t_s for f in read[:3]] == [0.0, 0.05, 0.1]
    assert all(f.image.shape == (48, 64, 3) and f.image.dtype == np.uint8 for f in read)
    assert read[30].image.mean() == pytest.approx(182.5, abs=3)
    third = list(frames(str(clip), step=3))
    assert [f.seq for f in third] == list(range(0, 40, 3))
    assert np.array_equal(third[5].image, read[15].image)


def test_probe_tells_rate_size_and_length(clip: Path) -> None:
    footage = probe(clip)
    assert (footage.fps, footage.width, footage.height, footage.frames) == (20.0, 64, 48, 40)


def test_real_footage(video: Callable[[str], Path]) -> None:
    person = probe(video("one-by-one-person-detection.mp4"))
    assert (person.fps, person.width, person.height, person.frames) == (10.0, 768, 432, 1394)
    gif = video("store-aisle-detection.gif")
    assert len(list(frames(gif))) == 67
    assert (probe(gif).width, probe(gif).height) == (480, 270)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="no such file") as caught:
        probe(tmp_path / "none.mp4")
    assert caught.value.path == str(tmp_path / "none.mp4")
    assert caught.value.remedy.startswith("Check the path")
    with pytest.raises(FootageError, match="no such file"):
        next(frames(tmp_path))


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(FootageError, match="0 bytes"):
        next(frames(tmp_path / "empty.mp4"))


def test_what_is_no_footage_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video here " * 100)
    with pytest.raises(FootageError, match="cannot be read as footage"):
        probe(tmp_path / "text.mp4")


def test_a_cut_off_file_gives_its_frames_and_then_tells(clip: Path) -> None:
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) * 3 // 4])
    read = []
    with pytest.raises(FootageError, match=r"cut off or damaged: \d+ frames can be read, it states 40"):
        for frame in frames(clip):
            read.append(frame.seq)
    assert 20 < len(read) < 32


def test_a_cut_off_real_file_is_told(video: Callable[[str], Path], tmp_path: Path) -> None:
    whole = video("bottle-detection.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FootageError, match=r"cut off|cannot be read"):
        for _ in frames(cut):
            pass


def test_step_must_be_positive(clip: Path) -> None:
    with pytest.raises(ValueError, match="step"):
        next(frames(clip, step=0))
