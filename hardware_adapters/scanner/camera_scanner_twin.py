"""The virtual twin of a camera that looks at codes: a motion JPEG stream over HTTP (multipart/x-mixed-replace)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.wire_twin import WireTwin
from storeloom.workers.gs1 import check_digit

BOUNDARY = "frame"
FRAME_S = 0.1
SHAPE = (480, 640)


def picture(kind: str, content: str) -> Any:
    """A grey picture (480 x 640, uint8) of a code on white; `content` has AIs in brackets for GS1 codes."""
    import numpy as np
    import zxingcpp

    options = {"gs1": True} if content.startswith("(") else {}
    code = np.array(zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, kind), **options).to_image(scale=3))
    page = np.full(SHAPE, 255, np.uint8)
    top, left = ((size - part) // 2 for size, part in zip(SHAPE, code.shape, strict=True))
    page[top : top + code.shape[0], left : left + code.shape[1]] = code
    return page


class CameraScannerTwin(WireTwin):
    """`odd`: pictures without a code. The others are those of a camera's network."""

    faults: ClassVar[tuple[str, ...]] = ("refuse", "silent", "reset", "vanish", "slow", "cut", "odd", "reboot")
    slow_s = 0.05

    def __init__(self) -> None:
        self._frame = b""
        self._closed = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def serve(self) -> int:
        twin = self

        class Talk(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.end_headers()
                while not twin._closed.wait(FRAME_S) and twin.fault != "reboot":
                    frame = twin._frame
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + frame + b"\r\n")
                    except OSError:  # the driver went away; that is its right
                        return

            def log_message(self, *_: object) -> None:
                """Nothing is written on the console."""

        self._show(None)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="camera-twin", daemon=True)
        self._thread.start()
        return self._server.server_port

    def settings(self) -> Mapping[str, Any]:
        place = f"http://127.0.0.1:{self.port}/codes.mjpg"
        return {"source": place, "repeat_s": 0.2, "fps": 20, "open_s": 2, "stall_s": 1, "longest_wait_s": 1, "hardware": False}

    def _show(self, page: Any) -> None:
        import cv2
        import numpy as np

        done, frame = cv2.imencode(".jpg", np.full(SHAPE, 200, np.uint8) if page is None else page)
        assert done
        self._frame = frame.tobytes()

    def act(self, number: int) -> Sequence[Said]:
        stem = f"69012345{number % 10000:04d}"
        gtin = stem + str(check_digit(stem))
        kinds: Sequence[tuple[str, str, Mapping[str, Any]]] = (
            ("EAN13", gtin, {"code": gtin, "symbology": "ean13", "gtin": gtin}),
            ("DataMatrix", f"(01)0{gtin}(17)270101(10)A{number}", {"symbology": "gs1_datamatrix", "gtin": gtin}),
            ("QRCode", f"https://id.gs1.org/01/0{gtin}/10/B{number}", {"symbology": "digital_link", "gtin": gtin}),
        )
        kind, content, said = kinds[number % len(kinds)]
        self._show(None if self.fault == "odd" else picture(kind, content))
        return [Said("scanner.code", {"scanner": "unit-1", **said})]

    def shut(self) -> None:
        self._closed.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()
