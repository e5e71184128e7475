"""A camera over peers on this machine: what it hands in, and what it says when it cannot."""

import itertools
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import AdapterContext
from storeloom.core.kernel.errors import InputFault
from storeloom.core.kernel.events import Fact
from storeloom.core.runtime.clock import wall_utc
from storeloom.hardware_adapters.camera.camera import Camera
from tests.workers.vision.peers import Script, film, free_port, mjpeg_cameras, picture, rtsp_camera

FOOTAGE = Path(__file__).resolve().parents[4] / "shared" / "data" / "video"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
PASSWORD = "p@ss:/w"


@pytest.fixture
def mjpeg() -> Iterator[Callable[[Script], str]]:
    with mjpeg_cameras() as serve:
        yield serve


def footage(name: str) -> Path:
    path = FOOTAGE / name
    if not path.is_file():
        pytest.skip(f"footage {name} absent")
    return path


def camera(source: str, clock: Callable[[], datetime] = wall_utc, **config: Any) -> Camera:
    limits = {"open_s": 2, "stall_s": 1, "longest_wait_s": 1, **config}
    made = Camera("cam-1", Camera.Config(source=source, **limits))
    made.context = AdapterContext(clock, {"cam-password": PASSWORD}, "zh")
    return made


class Fed:
    """A camera's facts, taken in by a thread; `wait` until they are as wanted."""

    def __init__(self, adapter: Camera) -> None:
        self.adapter = adapter
        self.facts: list[Fact] = []
        self.fault: InputFault | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            for fact in self.adapter.facts():
                self.facts.append(fact)
        except InputFault as fault:
            self.fault = fault

    def __enter__(self) -> "Fed":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.adapter.close()
        self.thread.join(20)
        assert not self.thread.is_alive(), "closing ends the facts"

    def wait(self, met: Callable[[], bool], limit_s: float = 30) -> None:
        deadline = time.monotonic() + limit_s
        while not met():
            assert time.monotonic() < deadline, (self.adapter.status(), self.fault)
            time.sleep(0.02)

    @property
    def frames(self) -> list[Fact]:
        return [fact for fact in self.facts if fact.stream == "camera.frame"]

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(fact.data["state"], fact.data.get("code", "")) for fact in self.facts if fact.stream == "device.status"]

    def state(self) -> str:
        return str(self.adapter.status().get("state", ""))

    def why(self) -> str:
        return str(self.adapter.status().get("text", {}).get("en", ""))


def test_frames_bear_the_stores_time_and_fit_their_streams(mjpeg: Callable[[Script], str]) -> None:
    def script(part: Callable[[bytes], None]) -> None:
        for _ in range(200):
            part(picture(64, 48, 90))
            time.sleep(0.02)

    ticks = itertools.count()
    with Fed(camera(mjpeg(script), lambda: NOW + timedelta(seconds=next(ticks)), fps=20)) as fed:
        fed.wait(lambda: len(fed.frames) >= 5 and fed.state() == "online")
    assert [fact.data["seq"] for fact in fed.frames] == list(range(len(fed.frames)))
    assert [fact.received for fact in fed.frames] == sorted(fact.received for fact in fed.frames)
    assert all(NOW <= fact.received <= NOW + timedelta(seconds=next(ticks)) for fact in fed.facts)
    assert {fact.source for fact in fed.facts} == {"cam-1"}
    assert fed.frames[0].data["pixels"].shape == (48, 64, 3)
    assert fed.told == [("online", "")]
    for fact in fed.facts:
        data = fact.data | ({"pixels": "in process"} if fact.stream == "camera.frame" else {})
        assert schemas.first_error(schemas.stream_file(fact.stream), data) is None


def test_the_rate_is_kept(mjpeg: Callable[[Script], str]) -> None:
    served = 0

    def script(part: Callable[[bytes], None]) -> None:
        nonlocal served
        for _ in range(60):
            served += 1
            part(picture(64, 48, 90))
            time.sleep(0.02)

    with Fed(camera(mjpeg(script), fps=4)) as fed:
        fed.wait(lambda: served >= 60)
    assert 2 <= len(fed.frames) <= 10


def test_a_stream_that_stalls_is_told_and_taken_up_again(mjpeg: Callable[[Script], str]) -> None:
    served, mended = 0, threading.Event()

    def script(part: Callable[[bytes], None]) -> None:
        nonlocal served
        served += 1
        for _ in range(20 if served == 1 else 500):
            part(picture(64, 48, 90))
            time.sleep(0.01)
        mended.wait(30)

    with Fed(camera(mjpeg(script), fps=50)) as fed:
        fed.wait(lambda: fed.why() in ("No frame came for 1 s.", "The stream broke off after 20 frames.") and len(fed.frames) > 0)
        assert fed.state() == "offline"
        before = len(fed.frames)
        fed.wait(lambda: fed.state() == "online" and len(fed.frames) > before)
        assert fed.adapter.status()["figures"]["reconnects"] >= 1
        seqs = [fact.data["seq"] for fact in fed.frames]
        assert seqs == list(range(len(seqs))), "frames count on over a reconnection"
        mended.set()


def test_a_video_file_plays_as_if_live_again_and_again(tmp_path: Path) -> None:
    path = film(tmp_path / "a.avi", 10, fps=20.0)
    with Fed(camera(str(path), fps=120)) as fed:
        fed.wait(lambda: len(fed.frames) >= 15)
    assert fed.told == [("online", "")]


def test_a_probe_tells_size_and_rate(mjpeg: Callable[[Script], str]) -> None:
    def script(part: Callable[[bytes], None]) -> None:
        for _ in range(400):
            part(picture(64, 48, 90))
            time.sleep(0.02)

    health = camera(mjpeg(script), fps=10).check_health()
    assert health.ok and health.facts["size"] == "64x48"
    assert 2 <= float(health.facts["fps"]) <= 14


def test_a_probe_of_a_camera_that_gives_nothing_ends_in_time_and_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        health = camera(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam", open_s=0.5, stall_s=0.5).check_health()
    assert (health.ok, health.facts) == (False, {"code": "no_answer"})
    assert camera("ftp://10.0.0.5/ch1").check_health().words["zh"].startswith("无法打开 'ftp' 类视频流")


def test_a_silent_peer_is_told_and_closing_does_not_wait_for_it() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Fed(camera(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam", open_s=0.5)) as fed,
    ):
        fed.wait(lambda: fed.told != [])
    assert fed.told == [("offline", "no_answer")]
    assert fed.frames == []


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("", "no_source", "未填写来源"),
        ("ftp://10.0.0.5/ch1", "scheme", "无法打开 'ftp' 类视频流"),
        ("usb:front", "usb_name", "不是 USB 摄像头"),
        ("/nowhere/film.mp4", "no_file", "文件不存在"),
        ("rtsp://u:topsecret@127.0.0.1:1/cam", "password_in_address", "摄像头地址中写有密码"),
    ],
)
def test_an_address_that_names_nothing_is_a_finding(source: str, code: str, words: str) -> None:
    adapter = camera(source)
    with Fed(adapter) as fed:
        fed.thread.join(20)
    assert fed.fault is not None
    (found,) = fed.fault.findings
    assert found.code == "SL-INP-08"
    assert words in found.text("zh") and found.fix("zh") and found.fix("en")
    assert fed.told == [("offline", code)]
    assert "topsecret" not in f"{found.render('en')}{found.render('zh')}{fed.facts}{adapter.status()}"


def test_nobody_at_the_address_is_told_in_words() -> None:
    with Fed(camera(f"rtsp://127.0.0.1:{free_port()}/cam")) as fed:
        fed.wait(lambda: fed.told != [])
        assert fed.why() == "Nothing listens at the address."


def test_rtsp_with_user_and_password_out_of_a_secret() -> None:
    port, path = free_port(), footage("bottle-detection.mp4")
    peer = rtsp_camera(port, path, "ad min", PASSWORD)
    where = f"rtsp://127.0.0.1:{port}/cam"
    try:
        with Fed(camera(where, user="ad min", password="cam-password", open_s=5, stall_s=5)) as right:
            right.wait(lambda: len(right.frames) >= 3)
        wrong = camera(where, user="somebody", password="cam-password")
        with Fed(wrong) as refused:
            refused.wait(lambda: refused.told != [])
        with Fed(camera(where.replace("/cam", "/none"), user="ad min", password="cam-password")) as lost:
            lost.wait(lambda: lost.told != [])
    finally:
        peer.kill()
        peer.wait()
    assert right.told == [("online", "")]
    assert refused.told == [("offline", "login_refused")]
    assert lost.told == [("offline", "no_stream")]
    assert PASSWORD not in f"{refused.facts}{wrong.status()}{wrong.__dict__}"


def test_rtsp_that_hangs_breaks_and_comes_back_in_another_size() -> None:
    port, path, other = free_port(), footage("bottle-detection.mp4"), footage("one-by-one-person-detection.mp4")
    peer = rtsp_camera(port, path)
    try:
        with Fed(camera(f"rtsp://127.0.0.1:{port}/cam", open_s=5, stall_s=1.5)) as fed:
            fed.wait(lambda: len(fed.frames) >= 3)
            assert fed.frames[-1].data["pixels"].shape == (360, 640, 3)
            peer.send_signal(signal.SIGSTOP)
            fed.wait(lambda: fed.why() == "No frame came for 1.5 s.")
            assert fed.state() == "offline"
            peer.kill()
            peer.wait()
            peer = rtsp_camera(port, other)
            fed.wait(lambda: fed.state() == "online" and fed.frames[-1].data["width"] == 768)
            assert fed.frames[-1].data["pixels"].shape == (432, 768, 3)
            assert fed.adapter.status()["figures"]["reconnects"] >= 1
    finally:
        peer.kill()
        peer.wait()
