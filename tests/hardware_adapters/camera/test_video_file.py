"""A recording as a camera: what is handed in and when, and each way in which it cannot be."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.hardware_adapters.camera.video_file import VideoFile

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "video"
START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def camera(path: Path | str, **config: Any) -> VideoFile:
    return VideoFile("cam-1", VideoFile.Config(path=str(path), start="2026-03-02T18:00:00+08:00", **config))


def finding(path: Path | str, **config: Any) -> Finding:
    """The finding that playing a file to its end brings."""
    with pytest.raises(InputFault) as caught:
        for _ in camera(path, **config).facts():
            pass
    (found,) = caught.value.findings
    return found


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve frames of 64 x 48 pixels at 4 a second, frame k of brightness 20 k."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 4.0, (64, 48))
    noise = np.random.default_rng(1).integers(0, 6, (48, 64, 3), np.uint8)
    for k in range(12):
        writer.write(noise + np.uint8(20 * k))
    writer.release()
    return path


def test_each_picture_becomes_a_frame_at_its_time(clip: Path) -> None:
    facts = list(camera(clip).facts())
    assert [fact.received for fact in facts] == [START + timedelta(seconds=k / 4) for k in range(12)]
    assert {(fact.stream, fact.source) for fact in facts} == {("camera.frame", "cam-1")}
    assert [fact.data["seq"] for fact in facts] == list(range(12))
    assert {(fact.data["camera"], fact.data["width"], fact.data["height"]) for fact in facts} == {("cam-1", 64, 48)}
    pixels = facts[6].data["pixels"]
    assert (pixels.shape, pixels.dtype) == ((48, 64, 3), np.uint8)
    assert pixels.mean() == pytest.approx(122.5, abs=3)
    assert schemas.first_error(schemas.stream_file("camera.frame"), facts[6].data | {"pixels": "in process"}) is None


def test_every_nth_picture_and_another_rate(clip: Path) -> None:
    facts = list(camera(clip, every_nth=5, fps=10.0).facts())
    assert [fact.data["seq"] for fact in facts] == [0, 1, 2]
    assert [fact.received for fact in facts] == [START + timedelta(seconds=s) for s in (0, 0.5, 1)]
    assert facts[2].data["pixels"].mean() == pytest.approx(202.5, abs=3)


def test_real_footage() -> None:
    path = REAL / "one-by-one-person-detection.mp4"
    if not path.is_file():
        pytest.skip(f"footage {path.name} absent")
    facts = list(camera(path, every_nth=100).facts())
    assert len(facts) == 14
    assert facts[-1].received == START + timedelta(seconds=130)


def test_what_cannot_be_played_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video here " * 100)
    for name, words, zh in (
        ("none.mp4", "no such file", "文件不存在"),
        ("empty.mp4", "empty (0 bytes)", "文件为空"),
        ("text.mp4", "cannot be read as footage", "无法作为录像读取"),
    ):
        found = finding(tmp_path / name)
        assert (found.code, found.file) == ("SL-INP-01", str(tmp_path / name))
        assert words in found.text("en") and ".." not in found.text("en").replace("...", "")
        assert zh in found.text("zh") and found.fix("en")
    assert "no path is set" in finding("").text("en")
    assert "未设置路径" in finding("").text("zh")


def test_a_cut_off_recording_gives_its_pictures_and_then_tells(clip: Path) -> None:
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) * 4 // 5])
    played = []
    with pytest.raises(InputFault, match=r"clip\.avi: The footage is cut off or damaged: \d+ frames can be read, it states 12"):
        for fact in camera(clip).facts():
            played.append(fact.data["seq"])
    assert played == list(range(len(played))) and 4 <= len(played) <= 11


def test_a_real_recording_cut_in_half_is_told(tmp_path: Path) -> None:
    path = REAL / "bottle-detection.mp4"
    if not path.is_file():
        pytest.skip(f"footage {path.name} absent")
    whole = path.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    found = finding(cut, every_nth=50)
    assert found.file == str(cut)
    assert "cut off" in found.text("en") or "cannot be read as footage" in found.text("en")


def test_a_start_without_a_zone_is_told(clip: Path) -> None:
    with pytest.raises(InputFault, match=r'config.start +\[SL-CFG-03\]\s+Value "2026-03-02 10:00" is outside'):
        next(VideoFile("cam-1", VideoFile.Config(path=str(clip), start="2026-03-02 10:00")).facts())


def test_without_opencv_the_extra_is_named(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "storeloom.workers.vision.grab.footage", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputFault) as caught:
        next(camera(clip).facts())
    assert caught.value.findings[0].render("en").startswith("[SL-INP-03]\n  video_file needs the extra 'vision'.")
