"""Live sources: the newest frame, broken streams, silent and hanging peers, cameras that come back; against peers on this machine."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from storeloom.workers.vision.grab.address import Address
from storeloom.workers.vision.grab.source import Grabbed, GrabSettings, Source, Status

SYSTEM_PYTHON = "/usr/bin/python3"
PEER = Path(__file__).parent / "rtsp_peer.py"
QUICK = GrabSettings(open_s=2, stall_s=1, first_wait_s=0.1, longest_wait_s=0.4)
Script = Callable[[Callable[[bytes], None]], None]


def picture(width: int, height: int, bright: int) -> bytes:
    good, data = cv2.imencode(".jpg", np.full((height, width, 3), bright, np.uint8))
    assert good
    return data.tobytes()


@pytest.fixture
def camera() -> Iterator[Callable[[Script], str]]:
    """Serves a script's pictures as a network camera does (multipart JPEG over HTTP); its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(script: Script) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()

                def part(data: bytes) -> None:
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    self.wfile.write(head.encode() + data + b"\r\n")

                try:
                    script(part)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/cam.mjpg"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


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


def test_waits_double_and_are_scattered(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Noting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is not None and timeout > 1:
                waits.append(timeout)
                if len(waits) == 6:
                    self.set()
                return len(waits) == 6
            return super().wait(timeout)

    monkeypatch.setattr(threading, "Event", Noting)
    with Source("usb:77", GrabSettings(first_wait_s=4, longest_wait_s=30), seed=1) as source:
        source._thread.join(30)
    assert len(waits) == 6
    for wait, most in zip(waits, (4, 8, 16, 30, 30, 30), strict=True):
        assert most / 2 <= wait <= most
    assert len({wait / most for wait, most in zip(waits, (4, 8, 16, 30, 30, 30), strict=True)}) == 6


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def rtsp_camera(port: int, film: Path) -> subprocess.Popen[bytes]:
    """GStreamer's RTSP server with the film; skips where this machine has none."""
    known = subprocess.run([SYSTEM_PYTHON, "-c", "import gi; gi.require_version('GstRtspServer', '1.0')"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip("GStreamer's RTSP server absent")
    peer = subprocess.Popen([SYSTEM_PYTHON, str(PEER), str(port), str(film)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert peer.stdout is not None
    assert peer.stdout.readline() == b"ready\n"
    return peer


def test_an_rtsp_camera_that_goes_and_comes_back(video: Callable[[str], Path]) -> None:
    if shutil.which(SYSTEM_PYTHON) is None:
        pytest.skip("GStreamer's RTSP server absent")
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
