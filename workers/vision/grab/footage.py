"""Recorded footage, picture by picture: video files and animated GIFs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storeloom.workers.vision.grab.address import Address
from storeloom.workers.vision.grab.memory import Image
from storeloom.workers.vision.grab.source import GrabSettings, Source

STALL_S = 60.0


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
    image: Image


def source(path: Path | str, *, step: int = 1) -> Source:
    """Every `step`-th frame of a file, decoded by the processor, so that each machine gives the same pixels."""
    if step < 1:
        raise ValueError(f"step must be 1 or more, not {step}")
    settings = GrabSettings(open_s=STALL_S, stall_s=STALL_S, hardware=False, every=step)
    return Source(Address("file", str(path), str(path)), settings)


def probe(path: Path | str) -> Footage:
    """What a footage file says of itself; GrabError where it is missing, empty or no footage."""
    with source(path) as opened:
        status = opened.opened()
    return Footage(Path(path), status.fps, status.width, status.height, status.frames)


def frames(path: Path | str, *, step: int = 1) -> Iterator[Frame]:
    """Every `step`-th frame of a file, the first one included; one that cannot be decoded is passed over.

    GrabError on the first `next` where the file is missing, empty or no footage, and after the last readable frame where more than 2 % of
    the frames that it states cannot be read.
    """
    with source(path, step=step) as opened:
        fps = opened.opened().fps
        for grabbed in opened.frames():
            yield Frame(grabbed.number, grabbed.number / fps, grabbed.image)
