"""Network cameras on this machine: scripted multipart JPEG over HTTP, and GStreamer's RTSP server."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_PEER = Path(__file__).parent / "rtsp_peer.py"
Part = Callable[[bytes], None]
Script = Callable[[Part], None]


def picture(width: int, height: int, bright: int) -> bytes:
    good, data = cv2.imencode(".jpg", np.full((height, width, 3), bright, np.uint8))
    assert good
    return data.tobytes()


def film(path: Path, count: int, size: tuple[int, int] = (96, 64), fps: float = 25.0) -> Path:
    """A video whose k-th frame is evenly (k * 7) mod 200 bright."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, size)
    for k in range(count):
        writer.write(np.full((size[1], size[0], 3), k * 7 % 200, np.uint8))
    writer.release()
    return path


@contextmanager
def mjpeg_cameras() -> Iterator[Callable[[Script], str]]:
    """Serves a script's pictures to each who connects, as a network camera does; its address."""
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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def rtsp_camera(port: int, film: Path, *login: str) -> subprocess.Popen[bytes]:
    """GStreamer's RTSP server with the film, for a user and password where they are given; skips where this machine has none."""
    if shutil.which(SYSTEM_PYTHON) is None:
        pytest.skip("GStreamer's RTSP server absent")
    known = subprocess.run([SYSTEM_PYTHON, "-c", "import gi; gi.require_version('GstRtspServer', '1.0')"], capture_output=True, check=False)
    if known.returncode:
        pytest.skip("GStreamer's RTSP server absent")
    command = [SYSTEM_PYTHON, str(RTSP_PEER), str(port), str(film), *login]
    peer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert peer.stdout is not None
    assert peer.stdout.readline() == b"ready\n"
    return peer
