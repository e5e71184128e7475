"""The cameras of one process, a thread each: what the inline pool runs on, and what an actor of the Ray pool holds.

What they read waits in a basket of limited size until it is taken; a full basket holds recordings back and makes live sources drop frames.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storeloom.workers.vision.detectors import DetectorFactory
from storeloom.workers.vision.grab.source import Grabbed
from storeloom.workers.vision.pool.job import AlgorithmJob, CameraJob, Counts, Noted, Report, told_of
from storeloom.workers.vision.pool.kept import Kept
from storeloom.workers.vision.pool.sources import FrameSource, Opener, open_source
from storeloom.workers.vision.pool.work import CameraWork, Models

Over = Literal["", "stopped", "ended", "failed"]
BASKET = 64
POLL_S = 0.1
MEASURED = 50
WARMING = 3
FAILURES = 3
WITHIN_S = 300.0
EARLY_S = 1e-6


@dataclass(frozen=True)
class Pace:
    """How often a camera's threads report: after so many seconds or readings; its state goes along every `keep_s` seconds."""

    report_s: float = 0.5
    readings: int = 200
    keep_s: float = 2.0


@dataclass(frozen=True)
class Order:
    """Begin with a camera: its job, the number of this start, what it goes on from, the last frame that is reported already (-1: none),
    and the rate to which it is lowered (None: it is not)."""

    job: CameraJob
    run: int
    kept: Kept | None = None
    after: int = -1
    fps: float | None = None


@dataclass(frozen=True)
class Sent:
    """What start `run` of a camera hands over: a report, its state after it now and then, and at last how it came to its end."""

    camera: str
    run: int
    report: Report | None = None
    kept: Kept | None = None
    over: Over = ""
    trouble: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Standing:
    """How a camera is: its source's state and trouble, the rate of its source (0: not known), processor ms a frame (0: not measured yet),
    and the algorithms that were switched off, in words."""

    camera: str
    run: int
    source: str = "opening"
    trouble: Mapping[str, str] | None = None
    fps: float = 0.0
    cost_ms: float = 0.0
    off: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Taken:
    """What an engine hands over at a time."""

    sent: tuple[Sent, ...]
    standings: tuple[Standing, ...]


class Basket:
    """What waits to be taken, so much at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Sent] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, sent: Sent) -> None:
        """Wait for room; after `close` it is thrown away."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._waiting) < self._limit)
            if not self._closed:
                self._waiting.append(sent)
                self._changed.notify_all()

    def take(self, timeout_s: float) -> tuple[Sent, ...]:
        """All that waits, at the latest after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout_s)
            found = tuple(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return found

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()


class CameraRun:
    """One camera in a thread of its own, from an order until it is stopped, its source ends, or it fails."""

    def __init__(self, order: Order, models: Models, basket: Basket, opener: Opener, pace: Pace) -> None:
        self.order = order
        self._models, self._basket, self._opener, self._pace = models, basket, opener, pace
        self._work: CameraWork | None = None
        self._wanted: dict[str, AlgorithmJob] = dict(order.job.algorithms)
        self._source: FrameSource | None = None
        self._rate, self._due = order.fps, 0.0
        self._stopping = threading.Event()
        self._noted: list[Noted] = []
        self._first, self._last, self._time = -1, -1, datetime.min
        self._end: tuple[int, datetime] | None = None
        self._counts, self._lost = Counts(), 0
        self._reported_s = self._kept_s = time.monotonic()
        self._costs: deque[float] = deque(maxlen=MEASURED)
        self._looked = 0
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"camera {order.job.camera}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the frame in hand; the last report comes with the state."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def set_rate(self, fps: float | None) -> None:
        """Look at so many frames a second at most; None for all that come."""
        self._rate = fps

    def set_algorithms(self, wanted: Mapping[str, AlgorithmJob]) -> list[str]:
        """As `CameraWork.set_algorithms`."""
        with self._lock:
            if self._work is not None:
                return self._work.set_algorithms(wanted)
            self._wanted = dict(wanted)
            return sorted(wanted)

    def standing(self) -> Standing:
        job, work, source = self.order.job, self._work, self._source
        status = None if source is None else source.status()
        off = () if work is None else tuple(one.words for one in work.standings() if not one.on and one.words is not None)
        costs = list(self._costs)
        if status is None:
            return Standing(job.camera, self.order.run)
        trouble = None if status.fault is None else status.fault.words
        cost_ms = sum(costs) / len(costs) + status.decode_ms if costs else 0.0
        return Standing(job.camera, self.order.run, status.state, trouble, status.fps, cost_ms, off)

    def _run(self) -> None:
        over: Over = "failed"
        trouble: Mapping[str, str] | None = None
        try:
            with self._lock:
                job = CameraJob(**{**vars(self.order.job), "algorithms": self._wanted})
                self._work = CameraWork(job, self._models, self.order.kept)
            self._source = self._opener(self.order.job)
            over = self._follow(self._source, self._work)
            if over == "ended" and not self.order.job.live:
                self._note_rest(self._work)
        except Exception as error:
            trouble = told_of(error)
        finally:
            if self._source is not None:
                self._source.close()
        kept = self._work.state() if self._work is not None and over == "stopped" else None
        self._basket.put(Sent(self.order.job.camera, self.order.run, self._report(), kept, over, trouble))

    @property
    def _known(self) -> int:
        return -1 if self.order.kept is None else self.order.kept.seq

    def _follow(self, source: FrameSource, work: CameraWork) -> Over:
        """Look at the frames until there are no more; raises what cannot be borne."""
        mark = time.thread_time()
        while not self._stopping.is_set():
            grabbed = source.read(POLL_S)
            if grabbed is not None and self._frame(grabbed, work):
                now = time.thread_time()
                self._looked += 1
                if self._looked > WARMING:
                    self._costs.append(1000 * (now - mark))
                mark = now
            elif grabbed is None and source.status().state in ("ended", "closed", "failed"):
                return "ended"
            self._hand_over(work)
        return "stopped"

    def _frame(self, grabbed: Grabbed, work: CameraWork) -> bool:
        """One frame, and whether it was looked at. Those that are known from before are passed over; those that are reported already are
        looked at and not reported again."""
        live = self.order.job.live
        seq = self.order.after + 1 + grabbed.seq if live else grabbed.seq
        self._end = seq, grabbed.time
        if not live and seq <= self._known:
            return False
        looked = self._is_due(grabbed.time.timestamp())
        failed = 0
        noted: list[Noted] = []
        if looked:
            try:
                noted = work.look(seq, grabbed.time, grabbed.image)
            except Exception:
                failed = 1
                self._failures.append(grabbed.time.timestamp())
                if len(self._failures) == FAILURES and self._failures[-1] - self._failures[0] <= WITHIN_S:
                    raise
        if seq > self.order.after:
            self._first = seq if self._first < 0 else self._first
            self._last, self._time = seq, grabbed.time
            self._noted += noted
            self._counts += Counts(frames=int(looked), skipped=int(not looked), failed=failed)
        return looked

    def _note_rest(self, work: CameraWork) -> None:
        """At the end of a recording, tell the windows that are still open, noted after its last frame, were that reported before or not."""
        if self._end is None:
            return
        seq, time = self._end
        self._noted += work.rest(seq + 1, time)
        self._first = seq + 1 if self._first < 0 else self._first
        self._last, self._time = seq, time

    def _is_due(self, t_s: float) -> bool:
        rate = self._rate
        if rate is None:
            return True
        if t_s < self._due - EARLY_S:
            return False
        self._due = max(self._due, t_s - 1 / rate) + 1 / rate
        return True

    def _hand_over(self, work: CameraWork) -> None:
        """Report where it is time to."""
        now = time.monotonic()
        if now - self._reported_s < self._pace.report_s and len(self._noted) < self._pace.readings:
            return
        self._reported_s = now
        report = self._report()
        if report is None:
            return
        kept = None
        if now - self._kept_s >= self._pace.keep_s:
            self._kept_s, kept = now, work.state()
        self._basket.put(Sent(self.order.job.camera, self.order.run, report, kept))

    def _report(self) -> Report | None:
        """What has come together since the last one; None where no frame came."""
        if self._first < 0:
            return None
        status = None if self._source is None else self._source.status()
        lost = 0 if status is None else status.dropped + status.bad
        counts = self._counts + Counts(lost=lost - self._lost)
        report = Report(self.order.job.camera, self._first, self._last, self._time, tuple(self._noted), counts)
        self._noted, self._counts, self._lost, self._first = [], Counts(), lost, -1
        return report


class Engine:
    """The cameras of this process. `threads` is for one run of a network; `factories` make the detectors of models of their own."""

    def __init__(
        self,
        *,
        threads: int = 1,
        opener: Opener = open_source,
        factories: Mapping[str, DetectorFactory] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._models = Models(threads, factories)
        self._opener = opener
        self._pace = pace if pace is not None else Pace()
        self._basket = Basket(BASKET)
        self._runs: dict[str, CameraRun] = {}
        self._lock = threading.Lock()

    def begin(self, order: Order) -> None:
        """Start a camera; one that runs already is stopped first, without being heard any more."""
        run = CameraRun(order, self._models, self._basket, self._opener, self._pace)
        with self._lock:
            before = self._runs.get(order.job.camera)
            self._runs[order.job.camera] = run
        if before is not None:
            before.stop()
        run.start()

    def stop(self, camera: str) -> None:
        """Stop a camera; its last report is `over` "stopped". Nothing for one that is not here."""
        run = self._runs.get(camera)
        if run is not None:
            run.stop()

    def stop_all(self) -> None:
        """Stop every camera, for a driver that had given this process up and begins anew with it."""
        with self._lock:
            runs = list(self._runs.values())
            self._runs.clear()
        for run in runs:
            run.stop()

    def set_rate(self, camera: str, fps: float | None) -> None:
        """Lower a camera's rate, or (None) take that back."""
        run = self._runs.get(camera)
        if run is not None:
            run.set_rate(fps)

    def set_algorithms(self, camera: str, wanted: Mapping[str, AlgorithmJob]) -> list[str]:
        """As `CameraWork.set_algorithms`; KeyError for a camera that is not here."""
        return self._runs[camera].set_algorithms(wanted)

    def take(self, timeout_s: float) -> Taken:
        """What has come since the last time, at the latest after `timeout_s`, and how each camera is."""
        sent = self._basket.take(timeout_s)
        with self._lock:
            for one in sent:
                run = self._runs.get(one.camera)
                if one.over and run is not None and run.order.run == one.run:
                    del self._runs[one.camera]
            runs: Sequence[CameraRun] = list(self._runs.values())
        return Taken(sent, tuple(run.standing() for run in runs))

    def close(self) -> None:
        """Stop all cameras; what was not taken is gone."""
        with self._lock:
            runs = list(self._runs.values())
            self._runs.clear()
        self._basket.close()
        for run in runs:
            run.stop()
        for run in runs:
            run.join(10.0)
