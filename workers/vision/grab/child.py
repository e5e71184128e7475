"""The process that grabs the frames of one source. It is started by `source` and speaks only to it.

It reads its orders as one line of JSON, then a byte for each frame that was taken, from standard input, and ends when that is closed, even
while a read hangs. It writes lines of JSON to the pipe that it was given: opened, a frame and where its pixels lie, a bad frame, the end,
a fault. Pixels go through `memory`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from storeloom.workers.vision.grab.memory import SLOTS, Image, Writer

SHORT_BY = 0.02
BAD_RUNNING = 50
RETRY_S = 0.01
ACCELERATIONS = {
    cv2.VIDEO_ACCELERATION_NONE: "none",
    cv2.VIDEO_ACCELERATION_D3D11: "d3d11",
    cv2.VIDEO_ACCELERATION_VAAPI: "vaapi",
    cv2.VIDEO_ACCELERATION_MFX: "mfx",
}


class Fault(Exception):
    """What stops the source: what is wrong, and the next step."""


@dataclass(frozen=True)
class Orders:
    """What to open and how; `interval_s` is the least time between two frames handed on, 0 for all."""

    kind: str
    target: str
    open_s: float
    stall_s: float
    interval_s: float
    hardware: bool


class Parent:
    """The other end: messages to it, and which frames it has taken."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.free = threading.Semaphore(SLOTS)

    def tell(self, **message: Any) -> None:
        os.write(self._handle, json.dumps(message).encode() + b"\n")

    def listen(self) -> None:
        """In a thread: note the frames taken; end the process when the parent is gone."""
        while taken := os.read(0, 64):
            self.free.release(len(taken))
        os._exit(0)


def main() -> None:
    """Grab until the source ends or the parent does."""
    messages, pixels = int(sys.argv[1]), int(sys.argv[2])
    orders = Orders(**json.loads(read_line()))
    parent = Parent(messages)
    threading.Thread(target=parent.listen, daemon=True).start()
    cv2.setNumThreads(1)
    try:
        grab(orders, parent, Writer(pixels))
    except Fault as fault:
        parent.tell(fault=list(fault.args))
    except BrokenPipeError:
        os._exit(0)


def read_line() -> bytes:
    """One line of standard input, and no byte more."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        line += byte
    return line


def grab(orders: Orders, parent: Parent, writer: Writer) -> None:
    """Open the source and hand on its frames; Fault where it cannot be opened or breaks off."""
    live = orders.kind != "file"
    capture = opened(orders)
    fps, stated = float(capture.get(cv2.CAP_PROP_FPS)), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if not live and (not fps > 0 or stated <= 0):
        raise Fault(f"It states {stated} frames at {fps:g} a second.", "Give a video file that OpenCV can read.")
    hardware = ACCELERATIONS.get(int(capture.get(cv2.CAP_PROP_HW_ACCELERATION)), "other")
    parent.tell(opened={"fps": fps, "frames": max(stated, 0), "hardware": hardware})
    number, good = follow(capture, orders, parent, writer, fps=fps, stated=stated)
    if live:
        raise Fault(f"The stream broke off after {good} frames.", "Check the camera's power and network.")
    if good < stated - max(1.0, SHORT_BY * stated):
        what = f"The footage is cut off or damaged: {good} frames can be read, it states {stated}."
        raise Fault(what, "Copy the file again from its source.")
    parent.tell(end=number)


def follow(capture: cv2.VideoCapture, orders: Orders, parent: Parent, writer: Writer, *, fps: float, stated: int) -> tuple[int, int]:
    """Hand on frames until no more come; how many there were, and how many of them were good.

    A frame that cannot be decoded is passed over; so many running are taken for the end.
    """
    live = orders.kind != "file"
    number = good = handed = bad = 0
    due = 0.0
    while bad < BAD_RUNNING:
        start = time.process_time()
        grabbed = capture.grab()
        if not grabbed and not live and number >= stated:
            break
        at = time.time() if live else number / fps
        wanted = grabbed and at + 1e-6 >= due
        image = pixels(capture) if wanted else None
        number += 1
        if not grabbed or (wanted and image is None):
            bad += 1
            time.sleep(RETRY_S if live else 0.0)
            continue
        if bad:
            parent.tell(bad=bad)
        good, bad = good + 1, 0
        if image is not None:
            decode_ms = 1000 * (time.process_time() - start)
            due = max(due, at - orders.interval_s) + orders.interval_s
            if not live:
                parent.free.acquire()
            send(parent, writer, image, handed, number=number - 1, at=at, decode_ms=decode_ms)
            handed += 1
    return number, good


def send(parent: Parent, writer: Writer, image: Image, seq: int, *, number: int, at: float, decode_ms: float) -> None:
    height, width = image.shape[:2]
    offset = writer.put(image, seq)
    parent.tell(frame=seq, number=number, at=at, offset=offset, height=height, width=width, decode_ms=decode_ms)


def pixels(capture: cv2.VideoCapture) -> Image | None:
    """The BGR pixels of the frame grabbed; None where OpenCV gives nothing or a picture without size, for it could not decode the frame."""
    found, image = capture.retrieve()
    if not found or not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        return None
    return np.asarray(image, np.uint8)


def opened(orders: Orders) -> cv2.VideoCapture:
    """The open source; Fault where it cannot be."""
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1000 * orders.open_s), cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(1000 * orders.stall_s)]
    wish = cv2.VIDEO_ACCELERATION_ANY if orders.hardware else cv2.VIDEO_ACCELERATION_NONE
    ask = [cv2.CAP_PROP_HW_ACCELERATION, wish]
    if orders.kind == "usb":
        capture = cv2.VideoCapture(int(orders.target), cv2.CAP_ANY)
        remedy = "Check that the camera is plugged in and that this account may use it."
    elif orders.kind == "network":
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        capture = cv2.VideoCapture(orders.target, cv2.CAP_FFMPEG, [*limits, *ask])
        remedy = "Check the camera's address, user, password and network."
    else:
        check_file(Path(orders.target))
        capture = cv2.VideoCapture(orders.target, cv2.CAP_FFMPEG, ask)
        remedy = "Give a video file that OpenCV can read (MP4, AVI, MKV, GIF) and copy it again if it was cut off."
    if not capture.isOpened():
        raise Fault("The source cannot be opened.", remedy)
    return capture


def check_file(path: Path) -> None:
    """Fault for a file that is missing or empty."""
    if not path.exists():
        raise Fault("There is no such file.", "Check the path, or bind another camera source.")
    if path.is_file() and path.stat().st_size == 0:
        raise Fault("The file is empty (0 bytes).", "Record it again, or copy it again from its source.")


if __name__ == "__main__":
    main()
