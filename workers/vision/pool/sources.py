"""Where a camera's frames come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from storeloom.core.kernel.events import parse_time
from storeloom.workers.vision.grab.source import Grabbed, GrabSettings, Source, Status
from storeloom.workers.vision.pool.job import CameraJob


class FrameSource(Protocol):
    """What a camera's thread needs of a source, as `grab.source.Source`."""

    def read(self, timeout_s: float) -> Grabbed | None: ...
    def status(self) -> Status: ...
    def close(self) -> None: ...


Opener = Callable[[CameraJob], FrameSource]


def open_source(job: CameraJob) -> FrameSource:
    """The source of a job; GrabError for an address that names nothing."""
    return Source(job.source, GrabSettings(fps=job.fps, as_live=job.live), start=parse_time(job.start))
