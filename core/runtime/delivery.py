"""One device's worker: calls its driver in a thread of its own, so that a slow or hanging device holds up no one else.

A thread cannot be killed. A call that outlasts its time is given up: its thread is left to itself, its late answer is ignored, a new
thread goes on with the rest. So that a dead device does not eat threads, no more than MAX_HANGING of them are left hanging at a time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from storeloom.core.kernel.events import Fact, fact_row

Driver = Callable[[str, Mapping[str, Any], datetime], Iterable[Fact]]
MAX_ANSWERS = 1000
MAX_HANGING = 4
MAX_REASON = 300


class Job(NamedTuple):
    """A command for the device; `lane` groups those that must keep their order: after a failure the rest of its lane is not tried."""

    command: str
    lane: str
    stream: str
    data: Mapping[str, Any]
    at: datetime


class Result(NamedTuple):
    """What became of a job. `failure` is None when the device took it, else the reason in words; `tried` tells one passed over from one
    that failed. `answers` are the device's facts as JSON."""

    job: Job
    answers: tuple[dict[str, Any], ...] = ()
    failure: str | None = None
    tried: bool = True


@dataclass
class _Call:
    """What the thread is doing: the job, and until when it may (monotonic seconds)."""

    job: Job
    deadline: float


class DeviceWorker:
    """Takes batches of jobs and gives back results, in order; at most `limit` jobs at a time. The thread starts with the first job.

    `wake` is called after each result, mostly from the worker's thread; it must return at once. All other methods are for the thread that
    owns the store log.
    """

    def __init__(
        self,
        device: str,
        driver: Driver,
        *,
        timeout_s: float = 30.0,
        limit: int = 32,
        wake: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = device
        self._driver = driver
        self._timeout_s, self._limit, self._wake, self._monotonic = timeout_s, limit, wake, monotonic
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._results: list[Result] = []
        self._broken: set[str] = set()
        self._call: _Call | None = None
        self._owner: threading.Thread | None = None
        self._hanging: list[threading.Thread] = []
        self._closed = False

    def room(self) -> int:
        """How many jobs it would take."""
        with self._changed:
            return 0 if self._closed else self._limit - len(self._jobs) - (self._call is not None)

    @property
    def hanging(self) -> int:
        """How many calls have outlasted their time and hang still."""
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        return len(self._hanging)

    def submit(self, jobs: Iterable[Job]) -> None:
        """Hand jobs over. No job of a lane may be handed over while one of an earlier batch of that lane has no result yet."""
        with self._changed:
            for job in jobs:
                self._broken.discard(job.lane)
                self._jobs.append(job)
            self._start()
            self._changed.notify_all()

    def _start(self) -> None:
        """See that a thread works on the jobs; where too many hang already, the jobs fail."""
        if self._owner is not None or not self._jobs:
            return
        if self.hanging >= MAX_HANGING:
            reason = f"{self.hanging} calls of the driver hang"
            while self._jobs:
                job = self._jobs.popleft()
                self._note(_passed_over(job) if job.lane in self._broken else Result(job, failure=reason))
            return
        self._owner = threading.Thread(target=self._work, name=f"device-{self.device}", daemon=True)
        self._owner.start()

    def collect(self) -> list[Result]:
        """Results since the last time; a call whose time is over is given up first."""
        with self._changed:
            call = self._call
            if call is not None and self._monotonic() >= call.deadline and self._owner is not None:
                self._hanging.append(self._owner)
                self._owner, self._call = None, None
                self._note(Result(call.job, failure=f"no answer within {self._timeout_s:g} s"))
                self._start()
            results, self._results = self._results, []
        return results

    def idle(self) -> bool:
        """Whether it has nothing to do and nothing to tell."""
        with self._changed:
            return not self._jobs and self._call is None and not self._results

    def close(self) -> None:
        """Take no more jobs and begin none of those that wait; the call at work may end."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    def join(self, wait_s: float) -> bool:
        """Wait for the call at work; False when it did not end in time."""
        owner = self._owner
        if owner is not None:
            owner.join(wait_s)
        return owner is None or not owner.is_alive()

    def _work(self) -> None:
        me = threading.current_thread()
        while True:
            job = self._next(me)
            if job is None:
                return
            result = self._carry_out(job)
            with self._changed:
                if self._owner is not me:
                    return
                self._call = None
                self._note(result)

    def _next(self, me: threading.Thread) -> Job | None:
        """The next job that is to be carried out; None when this thread is to end."""
        with self._changed:
            while self._owner is me and not self._closed:
                if not self._jobs:
                    self._changed.wait()
                    continue
                job = self._jobs.popleft()
                if job.lane not in self._broken:
                    self._call = _Call(job, self._monotonic() + self._timeout_s)
                    return job
                self._note(_passed_over(job))
        return None

    def _note(self, result: Result) -> None:
        if result.failure is not None:
            self._broken.add(result.job.lane)
        self._results.append(result)
        self._wake()

    def _carry_out(self, job: Job) -> Result:
        try:
            answers = self._driver(job.stream, job.data, job.at)
            facts = tuple(fact_row(fact) for fact in itertools.islice(answers or (), MAX_ANSWERS + 1))
            if len(facts) > MAX_ANSWERS:
                raise ValueError(f"more than {MAX_ANSWERS} answers to one command")
        except BaseException as error:  # whatever a driver raises, SystemExit too, is this command's failure and no one else's
            return Result(job, failure=f"{type(error).__name__}: {error}".rstrip(": ")[:MAX_REASON])
        return Result(job, facts)


def _passed_over(job: Job) -> Result:
    return Result(job, failure="one before it failed", tried=False)
