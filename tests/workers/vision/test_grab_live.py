"""Live sources: the newest frame, broken streams, silent and hanging peers, cameras that come back; against peers on this machine."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storeloom.workers.vision.grab.address import Address
from storeloom.workers.vision.grab.faults import Fault
from storeloom.workers.vision.grab.source import Grabbed, GrabSettings, Source, Status
from tests.workers.vision.peers import Script, film, free_port, mjpeg_cameras, picture, rtsp_camera

QUICK = GrabSettings(open_s=2, stall_s=1, first_wait_s=0.1, longest_wait_s=0.4)


@pytest.fixture
def camera() -> Iterator[Callable[[Script], str]]:
    with mjpeg_cameras() as serve:
        yield serve


def until(source: Source, met: Callable[[Status], bool], limit_s: float = 20) -> Status:
    """The status once it is as wanted, frames read meanwhile."""
    deadline = time.monotonic() + limit_s
    while not met(source.status()):
        assert time.monotonic() < deadline, source.status()
        source.read(0.05)
    return source.status()


def test_the_newest_frame_is_given_and_the_rest_counted(camera: Callable[[Script], str]) -> None:
    def script(part: Callable[[bytes], None]) -> None:
        for k in range(400):
            part(picture(64, 48, k * 5 % 250))
            time.sleep(0.02)

    with Source(camera(script), QUICK) as source:
        assert source.read(20) is not None
        time.sleep(0.5)
        late = source.read(1)
        assert late is not None
        age_s = time.time() - late.time.timestamp()
        status = source.status()
    assert age_s < 0.3
    assert late.seq == 1
    assert status.dropped >= 10
    assert status.grabbed >= status.delivered + status.dropped


def test_a_size_that_changes_in_mid_stream_breaks_nothing_and_counts_from_the_next_opening(camera: Callable[[Script], str]) -> None:
    served = 0

    def script(part: Callable[[bytes], None]) -> None:
        nonlocal served
        served += 1
        for k in range(40):
            part(picture(64, 48, 80) if k < 20 and served == 1 else picture(320, 240, 160))
            time.sleep(0.02)

    seen: list[tuple[tuple[int, ...], float, int]] = []
    with Source(camera(script), QUICK) as source:
        deadline = time.monotonic() + 20
        while (not seen or seen[-1][0] != (240, 320, 3)) and time.monotonic() < deadline:
            grabbed = source.read(1)
            if grabbed is not None:
                seen.append((grabbed.image.shape, round(float(grabbed.image.mean()), -1), source.status().reconnects))
    assert {(shape, bright) for shape, bright, again in seen if again == 0} == {((48, 64, 3), 80.0), ((48, 64, 3), 160.0)}
    assert seen[-1] == ((240, 320, 3), 160.0, 1)


def test_pictures_that_cannot_be_decoded_do_not_end_the_stream(camera: Callable[[Script], str]) -> None:
    def script(part: Callable[[bytes], None]) -> None:
        for k in range(300):
            part(b"\xff\xd8 torn" if k % 10 == 5 else picture(64, 48, 90))
            time.sleep(0.01)

    with Source(camera(script), QUICK) as source:
        status = until(source, lambda s: s.grabbed >= 60)
    assert status.reconnects == 0
    assert status.bad >= 5
    assert (status.width, status.height) == (64, 48)


def test_a_stream_that_stalls_is_opened_again(camera: Callable[[Script], str]) -> None:
    def script(part: Callable[[bytes], None]) -> None:
        for _ in range(30):
            part(picture(64, 48, 90))
        time.sleep(30)

    with Source(camera(script), QUICK) as source:
        stalled = until(source, lambda s: s.state == "waiting")
        back = until(source, lambda s: s.reconnects >= 1 and s.state == "open")
    assert stalled.trouble.startswith("http://127.0.0.1:")
    assert back.trouble == ""
    assert back.reconnects >= 1


def test_a_peer_that_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with Source(f"rtsp://u:secret@127.0.0.1:{port}/cam", GrabSettings(open_s=0.5, stall_s=0.5, first_wait_s=0.1)) as source:
            status = until(source, lambda s: s.reconnects >= 1)
    assert status.grabbed == 0
    assert "secret" not in repr(status)


def test_a_process_that_hangs_for_ever_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storeloom.workers.vision.grab.source.START_S", 0.5)
    pipe = tmp_path / "camera"
    os.mkfifo(pipe)
    settings = GrabSettings(open_s=0.5, stall_s=0.5, first_wait_s=60)
    start = time.monotonic()
    with Source(Address("network", str(pipe), "camera"), settings) as source:
        status = until(source, lambda s: s.state == "waiting")
        assert time.monotonic() - start < 6
    assert status.trouble == (
        "camera: It did not open within 1.5 s. Check the camera's power and network, or the disk that the file lies on."
    )


def test_one_camera_that_hangs_leaves_the_others_alone(tmp_path: Path, camera: Callable[[Script], str]) -> None:
    def script(part: Callable[[bytes], None]) -> None:
        for _ in range(400):
            part(picture(64, 48, 90))
            time.sleep(0.02)

    pipe = tmp_path / "camera"
    os.mkfifo(pipe)
    with Source(Address("network", str(pipe), "hanging"), QUICK) as hanging, Source(camera(script), QUICK) as well:
        until(well, lambda s: s.delivered >= 20)
        assert hanging.status().grabbed == 0


def test_whoever_is_refused_tries_again_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cameras lock out an account after a few wrong passwords."""

    def refuse(source: Source) -> Fault:
        return Fault("login_refused")

    monkeypatch.setattr(Source, "_grab_once", refuse)
    waits = noted_waits(monkeypatch, 1)
    with Source("rtsp://u:secret@127.0.0.1/cam") as source:
        source._thread.join(10)
        assert source.status().trouble.startswith("rtsp://127.0.0.1/cam: The camera refuses the user or the password. Check the user")
    assert 150 <= waits[0] <= 300


def test_a_file_played_as_live_keeps_its_rate_and_begins_again(tmp_path: Path) -> None:
    settings = GrabSettings(as_live=True, loop=True, stall_s=1.5)  # shorter than its frames are apart: that is no stall
    with Source(film(tmp_path / "a.avi", 2, fps=0.5), settings) as source:
        seen = [source.read(20) for _ in range(3)]
        status = source.status()
    grabbed = [one for one in seen if one is not None]
    seconds = [(one.time - grabbed[0].time).total_seconds() for one in grabbed]
    assert len(grabbed) == 3 and status.reconnects == 0
    assert seconds[1] >= 2 * 0.75  # the first may be late, not early
    assert [one.number for one in grabbed] == [0, 1, 0]
    assert abs(time.time() - grabbed[-1].time.timestamp()) < 5


def noted_waits(monkeypatch: pytest.MonkeyPatch, count: int) -> list[float]:
    """Takes note of so many long waits instead of waiting, then lets the source end."""
    waits: list[float] = []

    class Noting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is not None and timeout > 1:
                waits.append(timeout)
                if len(waits) == count:
                    self.set()
                return len(waits) == count
            return super().wait(timeout)

    monkeypatch.setattr(threading, "Event", Noting)
    return waits


def test_waits_double_and_are_scattered(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = noted_waits(monkeypatch, 6)
    with Source("usb:77", GrabSettings(first_wait_s=4, longest_wait_s=30), seed=1) as source:
        source._thread.join(30)
    assert len(waits) == 6
    for wait, most in zip(waits, (4, 8, 16, 30, 30, 30), strict=True):
        assert most / 2 <= wait <= most
    assert len({wait / most for wait, most in zip(waits, (4, 8, 16, 30, 30, 30), strict=True)}) == 6


def test_an_rtsp_camera_that_goes_and_comes_back(video: Callable[[str], Path]) -> None:
    film, port = video("bottle-detection.mp4"), free_port()
    peer = rtsp_camera(port, film)
    first: Grabbed | None = None
    try:
        with Source(f"rtsp://127.0.0.1:{port}/cam", GrabSettings(stall_s=2, first_wait_s=0.2, longest_wait_s=1)) as source:
            first = source.read(20)
            assert first is not None and first.image.shape == (360, 640, 3)
            assert abs(time.time() - first.time.timestamp()) < 2
            until(source, lambda s: s.delivered >= 20)
            peer.kill()
            peer.wait()
            until(source, lambda s: s.state == "waiting")
            before = source.status().delivered
            peer = rtsp_camera(port, film)
            status = until(source, lambda s: s.delivered > before + 5, 30)
        assert status.reconnects >= 1
        assert 25 < status.fps < 35
    finally:
        peer.kill()
        peer.wait()
