"""The process that grabs the frames of one source. It is started by `source` and speaks only to it.

It reads its orders as one line of JSON, then a byte for each frame that was taken, from standard input, and ends when that is closed, even
while a read hangs. It writes lines of JSON to the pipe that it was given: opened, a frame and where its pixels lie, a bad frame, the end,
a fault. Pixels go through `memory`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from storeloom.workers.vision.grab.memory import SLOTS, Image, Writer

SHORT_BY = 0.02
BAD_RUNNING = 50
RETRY_S = 0.01
PRINTED = (1, 2)
WARNINGS = "24"  # FFmpeg's level
REFUSALS = {
    "login_refused": re.compile(r"(failed|error):? 40[13]"),
    "no_stream": re.compile(r"(failed|error):? 404"),
    "nobody_listens": re.compile("Connection refused"),
    "no_host": re.compile("resolve hostname"),
    "no_route": re.compile("No route to host|Network is unreachable|Host is down|timed out"),
}
ACCELERATIONS = {
    cv2.VIDEO_ACCELERATION_NONE: "none",
    cv2.VIDEO_ACCELERATION_D3D11: "d3d11",
    cv2.VIDEO_ACCELERATION_VAAPI: "vaapi",
    cv2.VIDEO_ACCELERATION_MFX: "mfx",
}


class Stop(Exception):
    """What stops the source: a key of `faults.TEXTS`, and what its words name."""

    def __init__(self, code: str, **args: Any) -> None:
        super().__init__(code)
        self.code, self.args_of = code, args


@dataclass(frozen=True)
class Orders:
    """What to open and how; `interval_s` is the least time between two frames handed on, 0 for all; of them every `every`-th.

    `newest`: the reader takes the newest frame, and none waits for it. A file then plays at its own rate, or at `rate` frames a second;
    `loop`: again and again.
    """

    kind: str
    target: str
    open_s: float
    stall_s: float
    interval_s: float
    hardware: bool
    every: int = 1
    newest: bool = True
    rate: float | None = None
    loop: bool = False


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
        Grabber(orders, parent, Writer(pixels)).grab()
    except Stop as stop:
        parent.tell(fault=[stop.code, stop.args_of])
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


class Grabber:
    """Opens the source and hands on its frames; `handed` counts them, over all rounds of a file that is played again and again."""

    def __init__(self, orders: Orders, parent: Parent, writer: Writer) -> None:
        self.orders, self.parent, self.writer = orders, parent, writer
        self.live = orders.kind != "file"
        self.handed = 0

    def grab(self) -> None:
        """Until the source ends; Stop where it cannot be opened or breaks off."""
        while True:
            number = self.once()
            if not self.orders.loop:
                self.parent.tell(end=number)
                return

    def once(self) -> int:
        """From the opening to the end; how many frames there were."""
        capture = opened(self.orders)
        try:
            fps, stated = float(capture.get(cv2.CAP_PROP_FPS)), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            size = [int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))]
            if not self.live and (not fps > 0 or stated <= 0):
                raise Stop("no_frames", stated=stated, fps=fps)
            hardware = ACCELERATIONS.get(int(capture.get(cv2.CAP_PROP_HW_ACCELERATION)), "other")
            self.parent.tell(opened={"fps": fps, "frames": max(stated, 0), "size": size, "hardware": hardware})
            number, good = self.follow(capture, fps=fps, stated=stated)
        finally:
            capture.release()
        if self.live:
            raise Stop("broke_off", good=good)
        if good < stated - max(1.0, SHORT_BY * stated):
            raise Stop("cut_off", good=good, stated=stated)
        return number

    def follow(self, capture: cv2.VideoCapture, *, fps: float, stated: int) -> tuple[int, int]:
        """Hand on frames until no more come; how many there were, and how many of them were good.

        A frame that cannot be decoded is passed over; so many running are taken for the end.
        """
        number = good = bad = 0
        due, began, rate = 0.0, time.monotonic(), self.orders.rate or fps
        while bad < BAD_RUNNING:
            start = time.process_time()
            grabbed = capture.grab()
            if not grabbed and not self.live and number >= stated:
                break
            at = time.time() if self.live else number / rate
            wanted = grabbed and number % self.orders.every == 0 and at + 1e-6 >= due
            image = pixels(capture) if wanted else None
            number += 1
            if not grabbed or (wanted and image is None):
                bad += 1
                time.sleep(RETRY_S if self.live else 0.0)
                continue
            if bad:
                self.parent.tell(bad=bad)
            good, bad = good + 1, 0
            if image is not None:
                decode_ms = 1000 * (time.process_time() - start)
                due = max(due, at - self.orders.interval_s) + self.orders.interval_s
                self.wait(began + at)
                self.send(image, number=number - 1, at=time.time() if self.orders.newest else at, decode_ms=decode_ms)
        return number, good

    def wait(self, due: float) -> None:
        """Until the reader has room for a frame, or until the frame of a file that plays at its own rate is due (monotonic s)."""
        if not self.orders.newest:
            self.parent.free.acquire()
        elif not self.live:
            time.sleep(max(0.0, due - time.monotonic()))

    def send(self, image: Image, *, number: int, at: float, decode_ms: float) -> None:
        height, width = image.shape[:2]
        offset = self.writer.put(image, self.handed)
        self.parent.tell(frame=self.handed, number=number, at=at, offset=offset, height=height, width=width, decode_ms=decode_ms)
        self.handed += 1


def pixels(capture: cv2.VideoCapture) -> Image | None:
    """The BGR pixels of the frame grabbed; None where OpenCV gives nothing or a picture without size, for it could not decode the frame."""
    found, image = capture.retrieve()
    if not found or not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        return None
    return np.asarray(image, np.uint8)


def opened(orders: Orders) -> cv2.VideoCapture:
    """The open source; Stop where it cannot be."""
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1000 * orders.open_s), cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(1000 * orders.stall_s)]
    wish = cv2.VIDEO_ACCELERATION_ANY if orders.hardware else cv2.VIDEO_ACCELERATION_NONE
    ask = [cv2.CAP_PROP_HW_ACCELERATION, wish]
    if orders.kind == "usb":
        capture = cv2.VideoCapture(int(orders.target), cv2.CAP_ANY)
        code = "usb_absent"
    elif orders.kind == "network":
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = WARNINGS
        began = time.monotonic()
        with overheard() as said:
            capture = cv2.VideoCapture(orders.target, cv2.CAP_FFMPEG, [*limits, *ask])
        code = refusal(said[0])
        if code == "not_opened" and time.monotonic() - began >= orders.open_s:
            raise Stop("no_answer", limit_s=orders.open_s)
    else:
        check_file(Path(orders.target))
        capture = cv2.VideoCapture(orders.target, cv2.CAP_FFMPEG, ask)
        code = "no_footage"
    if not capture.isOpened():
        raise Stop(code)
    return capture


@contextmanager
def overheard() -> Iterator[list[str]]:
    """What libraries print meanwhile; it is in the list at the end, for the codes in it: addresses in it may hold passwords."""
    said: list[str] = []
    kept = [os.dup(handle) for handle in PRINTED]
    with tempfile.TemporaryFile() as file:
        for handle in PRINTED:
            os.dup2(file.fileno(), handle)
        try:
            yield said
        finally:
            ctypes.CDLL(None).fflush(None)
            for handle, before in zip(PRINTED, kept, strict=True):
                os.dup2(before, handle)
                os.close(before)
            file.seek(0)
            said.append(file.read().decode(errors="replace"))


def refusal(said: str) -> str:
    """Which fault FFmpeg's words on a stream that did not open mean."""
    return next((code for code, words in REFUSALS.items() if words.search(said)), "not_opened")


def check_file(path: Path) -> None:
    """Stop for a file that is missing or empty."""
    if not path.is_file():
        raise Stop("no_file")
    if path.stat().st_size == 0:
        raise Stop("empty_file")


if __name__ == "__main__":
    main()
