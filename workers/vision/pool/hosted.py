"""What all pools do, whatever their hosts: place cameras, take in what they report, tell every change, go on elsewhere after a loss.

Nothing runs here by itself: `take` is what moves things on. The truth about a camera is here (its job, its last frame reported, its state),
so that a host may die at any moment.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from storeloom.core.kernel.events import parse_time
from storeloom.workers.vision.errors import VisionError
from storeloom.workers.vision.pool.engine import Order, Sent, Standing, Taken
from storeloom.workers.vision.pool.job import AlgorithmJob, CameraJob, Counts, Report, Told, algorithm_jobs, detector_model
from storeloom.workers.vision.pool.kept import Kept
from storeloom.workers.vision.pool.placement import Host, Load, Place, estimate_ms, place
from storeloom.workers.vision.pool.words import STATES, Code, text

ARRANGE_S = 5.0
RETRY_S = 30.0
USUAL_FPS = 15.0
INTERRUPTED = ("host_lost", "no_host", "failed")
Phase = Literal["waiting", "running", "leaving", "ended", "failed"]
News = Report | Told


class PoolError(VisionError):
    """A pool that cannot start, or a camera that it does not know."""


class NotThereError(Exception):
    """A camera is not where it was thought to be: its host died, or it has just ended."""


@dataclass(frozen=True)
class Now:
    """How a camera is: its phase, its host, the rate to which it is lowered (None: it is not), processor ms a frame (measured, or estimated
    before), and all its counts so far."""

    phase: Phase
    host: str | None
    fps: float | None
    cost_ms: float
    seq: int
    counts: Counts


class Pool(Protocol):
    """Cameras at work. `take` must be called again and again: it hands over what has come and keeps the pool going."""

    def add(self, job: CameraJob) -> None: ...
    def remove(self, camera: str) -> None: ...
    def set_algorithms(self, camera: str, algorithms: Mapping[str, Any]) -> list[str]: ...
    def take(self, timeout_s: float) -> list[News]: ...
    def now(self) -> dict[str, Now]: ...
    def close(self) -> None: ...
    @property
    def done(self) -> bool: ...


@dataclass
class Camera:
    """What the pool knows of a camera."""

    job: CameraJob
    cost_ms: float
    phase: Phase = "waiting"
    place: Place | None = None
    host: str | None = None
    run: int = 0
    after: int = -1
    kept: Kept | None = None
    standing: Standing | None = None
    counts: Counts = field(default_factory=Counts)
    number: int = 0
    time: datetime | None = None
    said: str = ""
    retry_s: float = 0.0

    @property
    def wanted_fps(self) -> float:
        """The rate that it is meant to run at, as far as it is known."""
        stated = self.standing.fps if self.standing is not None and self.standing.fps > 0 else None
        given = [fps for fps in (self.job.fps, stated) if fps is not None]
        return min(given) if given else USUAL_FPS

    @property
    def load(self) -> Load:
        fps = self.wanted_fps
        return Load(self.job.camera, self.cost_ms, fps, min(self.job.least_fps, fps), self.job.priority, not self.job.live)

    @property
    def lowered(self) -> float | None:
        """The rate to which it is lowered."""
        return None if self.place is None or self.place.fps >= self.wanted_fps else self.place.fps


class HostedPool(ABC):
    """A pool over hosts; what they are, and how one speaks to them, its children say. Use it in a `with`, or call `close`."""

    def __init__(self, jobs: Sequence[CameraJob] = ()) -> None:
        self._cameras: dict[str, Camera] = {}
        self._news: list[News] = []
        self._lock = threading.RLock()
        self._arranged_s = float("-inf")
        for job in jobs:
            self.add(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def done(self) -> bool:
        """Whether no camera will report any more."""
        with self._lock:
            return (
                all(c.phase == "ended" or (c.phase == "failed" and not c.job.source.live) for c in self._cameras.values())
                and not self._news
            )

    def add(self, job: CameraJob) -> None:
        """Begin with a camera at the next `take`; PoolError for one that is there already."""
        with self._lock:
            if job.camera in self._cameras:
                raise PoolError(f"There is a camera '{job.camera}' already.", "camera", "Remove it first.")
            self._cameras[job.camera] = Camera(job, estimate_ms(detector_model(job.model).card.speed))
            self._arranged_s = float("-inf")

    def remove(self, camera: str) -> None:
        """End with a camera; what it has not reported yet is gone. PoolError for an unknown one."""
        with self._lock:
            found = self._known(camera)
            del self._cameras[camera]
            if found.host is not None and found.phase in ("running", "leaving"):
                self._order(found.host, "stop", camera)

    def set_algorithms(self, camera: str, algorithms: Mapping[str, Any]) -> list[str]:
        """Let a camera run these algorithms (as in its job) from a frame boundary on; returns the names of those that begin anew.

        Algorithms that stay as they are keep their state, no frame is lost, and other cameras notice nothing. JobFault with all that is
        wrong with them, and then all is as it was; PoolError for an unknown camera.
        """
        wanted = algorithm_jobs(algorithms, camera)
        with self._lock:
            found = self._known(camera)
            found.job = replace(found.job, algorithms=wanted)
            host = found.host if found.phase == "running" else None
        if host is not None:
            try:
                return self._change(host, camera, wanted)
            except NotThereError:
                host = None
        known = {} if found.kept is None else found.kept.algorithms["algorithms"]
        return [name for name in wanted if name not in known]

    def take(self, timeout_s: float) -> list[News]:
        """Reports and what is told of cameras, waited for `timeout_s` at most; empty where nothing came."""
        with self._lock:
            self._arrange()
            waiting = bool(self._news)
        taken, lost = self._pull(0.0 if waiting else timeout_s)
        with self._lock:
            for host, one in taken:
                self._absorb(host, one)
            for host, reason in lost:
                self._lose(host, reason)
            news, self._news = self._news, []
            return news

    def now(self) -> dict[str, Now]:
        """How each camera is."""
        with self._lock:
            return {name: Now(c.phase, c.host, c.lowered, c.cost_ms, c.after, c.counts) for name, c in self._cameras.items()}

    @abstractmethod
    def close(self) -> None:
        """End all cameras; what was not taken is gone."""

    @abstractmethod
    def _hosts(self) -> list[Host]:
        """The hosts that live."""

    @abstractmethod
    def _order(self, host: str, what: Literal["begin", "stop", "set_rate"], *args: object) -> None:
        """Let an engine do something, in the order of the calls, without waiting for it; nothing where the host is lost."""

    @abstractmethod
    def _change(self, host: str, camera: str, wanted: Mapping[str, AlgorithmJob]) -> list[str]:
        """`Engine.set_algorithms` there; NotThereError where the camera or the host is not there any more."""

    @abstractmethod
    def _pull(self, timeout_s: float) -> tuple[list[tuple[str, Taken]], list[tuple[str, str]]]:
        """What hosts hand over, waited for, and the hosts that were lost, with the reason."""

    def _known(self, camera: str) -> Camera:
        if camera not in self._cameras:
            raise PoolError(f"There is no camera '{camera}'.", "camera", f"Cameras: {', '.join(self._cameras) or '-'}.")
        return self._cameras[camera]

    def _arrange(self) -> None:
        """Place the cameras where it is time to; start, slow down, move and suspend them accordingly, and tell each such change."""
        now = time.monotonic()
        if now - self._arranged_s < ARRANGE_S:
            return
        self._arranged_s = now
        for camera in self._cameras.values():
            if camera.phase == "failed" and camera.job.source.live and now >= camera.retry_s:
                camera.phase = "waiting"
        active = {name: c for name, c in self._cameras.items() if c.phase in ("waiting", "running", "leaving")}
        hosts = self._hosts()
        if not hosts:
            for camera in active.values():
                self._tell(camera, "no_host")
            return
        before = {name: c.place for name, c in active.items() if c.place is not None}
        places = place([c.load for c in active.values()], hosts, before)
        for name, camera in active.items():
            self._go(camera, places[name])

    def _go(self, camera: Camera, new: Place) -> None:
        """Bring a camera to its place."""
        old, was_lowered = camera.place, camera.lowered
        camera.place = new
        if camera.phase == "running" and camera.host is not None:
            if new.host != camera.host:
                self._order(camera.host, "stop", camera.job.camera)
                camera.phase = "leaving"
            elif camera.lowered != was_lowered:
                self._order(camera.host, "set_rate", camera.job.camera, camera.lowered)
        elif camera.phase == "waiting" and new.host is not None:
            self._begin(camera, new.host)
        facts = {"priority": camera.job.priority, "wanted": camera.wanted_fps, "fps": new.fps, "host": new.host}
        if new.host is None:
            self._tell(camera, "suspended", **facts)
        elif camera.lowered is not None:
            self._tell(camera, "lowered", **facts)
        elif was_lowered is not None:
            self._tell(camera, "restored", **facts)
        elif old is None or (old.host == new.host and camera.said.partition("|")[0] in INTERRUPTED):
            self._tell(camera, "running", **facts)
        elif old.host != new.host:
            self._tell(camera, "moved", old=old.host, **facts)

    def _begin(self, camera: Camera, host: str) -> None:
        camera.run += 1
        camera.phase, camera.host, camera.standing = "running", host, None
        self._order(host, "begin", Order(camera.job, camera.run, camera.kept, camera.after, camera.lowered))

    def _absorb(self, host: str, taken: Taken) -> None:
        """Take in what a host hands over; what comes from an earlier start of a camera is not counted."""
        for sent in taken.sent:
            camera = self._cameras.get(sent.camera)
            if camera is None or sent.run != camera.run or camera.host != host:
                continue
            report = sent.report
            if report is not None and report.first > camera.after:
                camera.after, camera.time = report.seq, report.time
                camera.counts += report.counts
                self._news.append(report)
            camera.kept = sent.kept if sent.kept is not None else camera.kept
            if sent.over:
                self._over(camera, sent)
        for standing in taken.standings:
            camera = self._cameras.get(standing.camera)
            if camera is not None and camera.run == standing.run and camera.host == host:
                self._stand(camera, standing)

    def _over(self, camera: Camera, sent: Sent) -> None:
        """A camera has come to an end on its host."""
        camera.host = None
        if sent.over == "stopped":
            camera.phase = "waiting"
            if camera.place is not None and camera.place.host is not None:
                self._begin(camera, camera.place.host)
        elif sent.over == "ended":
            camera.phase = "ended"
            self._tell(camera, "ended", after=camera.after)
        else:
            camera.phase, camera.retry_s = "failed", time.monotonic() + RETRY_S
            self._tell(camera, "failed", reason=sent.trouble)

    def _stand(self, camera: Camera, standing: Standing) -> None:
        """Note how a camera is, and tell when its stream is lost or back or an algorithm was switched off."""
        before, camera.standing = camera.standing, standing
        if standing.cost_ms > 0:
            camera.cost_ms = standing.cost_ms
        for words in standing.off[len(before.off) if before is not None else 0 :]:
            self._tell(camera, "algorithm_off", reason=words)
        if standing.source == "waiting":
            self._tell(camera, "stream_lost", reason=standing.trouble)
        elif standing.source == "open" and camera.said == "stream_lost":
            self._tell(camera, "stream_back", host=camera.host)

    def _lose(self, host: str, reason: str) -> None:
        """A host died: its cameras wait for another place, each with the state that was kept last."""
        for camera in self._cameras.values():
            if camera.host == host and camera.phase in ("running", "leaving"):
                kept = -1 if camera.kept is None else camera.kept.seq
                camera.phase, camera.host = "waiting", None
                self._tell(camera, "host_lost", old=host, reason=reason, kept=kept, after=camera.after)
        self._arranged_s = float("-inf")

    def _tell(self, camera: Camera, code: Code, **args: object) -> None:
        """Add what happened to the news, once: the same thing in the same words is not told twice running."""
        words = text(code, **args)
        said = f"{code}|{words['en']}" if code not in ("stream_lost", "no_host") else code
        if said == camera.said:
            return
        camera.said = said
        at = camera.time if camera.time is not None else parse_time(camera.job.start)
        at = datetime.now(UTC) if camera.job.live else at
        metrics = {} if camera.place is None else {"fps": camera.place.fps, "cost_ms": round(camera.cost_ms, 2)}
        self._news.append(Told(camera.job.camera, camera.number, at, STATES[code], code, words, metrics))
        camera.number += 1
