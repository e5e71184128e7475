"""Recorded footage: video files and animated GIFs, read with OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.errors import FootageError

SHORT_BY = 0.02
NOT_VIDEO = "Give a video file that OpenCV can read (MP4, AVI, MKV, GIF) and copy it again if it was cut off."


@dataclass(frozen=True)
class Footage:
    """What a file says of itself: frames a second, size in pixels, number of frames."""

    path: Path
    fps: float
    width: int
    height: int
    frames: int


@dataclass(frozen=True)
class Frame:
    """One picture: number in the file from 0, seconds from its start, BGR uint8 pixels."""

    seq: int
    t_s: float
    image: NDArray[np.uint8]


def probe(path: Path | str) -> Footage:
    """What a footage file says of itself; FootageError where it is missing, empty or no footage."""
    with _opened(Path(path)) as (_, footage):
        return footage


def frames(path: Path | str, *, step: int = 1) -> Iterator[Frame]:
    """Every `step`-th frame of a file, the first one included.

    FootageError on the first `next` where the file is missing, empty or no footage, and after the last readable frame where it ends
    more than 2 % before the length that it states.
    """
    if step < 1:
        raise ValueError(f"step must be 1 or more, not {step}")
    with _opened(Path(path)) as (capture, footage):
        seq = 0
        while capture.grab():
            if seq % step == 0:
                good, image = capture.retrieve()
                if not good:
                    break
                yield Frame(seq, seq / footage.fps, np.asarray(image, np.uint8))
            seq += 1
        if seq < footage.frames - max(1.0, SHORT_BY * footage.frames):
            what = f"The footage is truncated: {seq} frames can be read, it states {footage.frames}."
            raise FootageError(what, str(footage.path), "Copy the file again from its source.")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[cv2.VideoCapture, Footage]]:
    """An open file and what it states, released at the end."""
    if not path.is_file():
        raise FootageError("There is no such file.", str(path), "Check the path, or bind another camera source.")
    if path.stat().st_size == 0:
        raise FootageError("The file is empty (0 bytes).", str(path), "Record it again, or copy it again from its source.")
    capture = cv2.VideoCapture(str(path))
    try:
        yield capture, _stated(capture, path)
    finally:
        capture.release()


def _stated(capture: cv2.VideoCapture, path: Path) -> Footage:
    if not capture.isOpened():
        raise FootageError("The file cannot be read as footage.", str(path), NOT_VIDEO)
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps, count = float(capture.get(cv2.CAP_PROP_FPS)), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if width <= 0 or height <= 0:
        raise FootageError(f"Its pictures are {width} x {height} pixels.", str(path), NOT_VIDEO)
    if not fps > 0 or count <= 0:
        raise FootageError(f"It states {count} frames at {fps:g} a second.", str(path), NOT_VIDEO)
    return Footage(path, fps, width, height, count)
