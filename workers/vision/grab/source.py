"""A source of frames that cannot hang its caller: its own process, watched, killed when it stalls, and started again.

Of a live source (network, USB) the newest frame is given and older ones are dropped; of a file every frame, in order, unless it is played
as if live. A live source that breaks off is opened again after a growing, scattered wait; a file that breaks off raises.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import statistics
import subprocess
import sys
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from storeloom.workers.vision.grab.address import Address, address
from storeloom.workers.vision.grab.faults import Fault, GrabError
from storeloom.workers.vision.grab.memory import SLOTS, Image, Reader, new_memory

State = Literal["opening", "open", "waiting", "ended", "failed", "closed"]
CHILD = "storeloom.workers.vision.grab.child"
TIMED = 100
POLL_S = 0.25
START_S = 10.0
LOGIN_WAIT_S = 300.0


@dataclass(frozen=True)
class GrabSettings:
    """Limits of a source.

    `open_s`: time to open a stream, on top of the start of the process; `stall_s`: longest time without a frame, after which the process
    is killed; `first_wait_s`, `longest_wait_s`: bounds of the wait before a live source is opened again, which doubles from one to the
    other and is drawn from its upper half (five minutes where a login was refused, for cameras lock out who fails often); `fps`: frames
    handed on a second at most, None for all; `every`: of them only every so-manieth; `hardware`: ask for hardware decoding.
    `as_live`: a file is played at its own rate, or at `rate` frames a second, and gives its newest frame as a camera does; `loop`: again
    and again.
    """

    open_s: float = 5.0
    stall_s: float = 5.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    fps: float | None = None
    hardware: bool = True
    every: int = 1
    as_live: bool = False
    rate: float | None = None
    loop: bool = False


@dataclass(frozen=True)
class Grabbed:
    """A frame: its number among those handed on since the source was opened first, the time at which it was taken, BGR uint8 pixels, and
    its number in the file, or in the stream since that was opened last."""

    seq: int
    time: datetime
    image: Image
    number: int


@dataclass
class Status:
    """How a source is. `hardware` is the decoder's acceleration, "none" for the processor; `decode_ms` the processor time of
    a frame, a median over the last ones.

    `dropped` counts frames that a newer one came before, `bad` those without pixels, `reconnects` how often the source was opened again.
    `fps` and `frames` are what the source states of itself. `trouble` is the last fault in words, empty while all is well, `fault` the
    same for whoever puts it into other words. OpenCV scales the pictures of a stream that changes its size to the size
    that it had when it was opened.
    """

    state: State = "opening"
    trouble: str = ""
    hardware: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    grabbed: int = 0
    delivered: int = 0
    dropped: int = 0
    bad: int = 0
    reconnects: int = 0
    decode_ms: float = 0.0
    frames: int = 0
    fault: Fault | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Child:
    """A grabbing process: the pipe to it, the pipe from it, its memory, and when it was last heard of (monotonic s)."""

    process: subprocess.Popen[bytes]
    orders: int
    messages: int
    memory: int
    reader: Reader
    heard: float
    opened: bool = False
    rest: bytes = b""

    def taken(self) -> None:
        """Tell the process that a frame's buffer is free; one that has ended needs no telling."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.orders, b".")

    def end(self) -> None:
        """Kill the process and free what it held."""
        self.process.kill()
        self.process.wait()
        for handle in (self.orders, self.messages, self.memory):
            os.close(handle)


class Source:
    """Frames of one source. Opened when made; use it in a `with`, or call `close`.

    `start` is the time of a file's first frame (a file carries no date). `seed` scatters the waits; by default it comes from the address,
    so that cameras behind one switch do not come back at the same moment. GrabError for an address that names nothing.
    """

    def __init__(
        self,
        where: str | Path | Address,
        settings: GrabSettings | None = None,
        *,
        start: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        seed: int | None = None,
    ) -> None:
        self.address = where if isinstance(where, Address) else address(where)
        self.settings = settings if settings is not None else GrabSettings()
        self._start = start
        self._chance = random.Random(zlib.crc32(self.address.target.encode()) if seed is None else seed)
        self._status = Status()
        self._times: deque[float] = deque(maxlen=TIMED)
        self._inbox: deque[tuple[Child, dict[str, Any]]] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._newest = self.address.live or self.settings.as_live
        self._thread = threading.Thread(target=self._run, name=f"grab {self.address.shown}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process and wait for the thread; frames not yet read are gone."""
        self._closing.set()
        self._thread.join()
        with self._changed:
            self._inbox.clear()
            if self._status.state not in ("ended", "failed"):
                self._status.state = "closed"
            self._changed.notify_all()

    def status(self) -> Status:
        """A copy of the status now."""
        with self._changed:
            decode_ms = round(statistics.median(self._times), 3) if self._times else 0.0
            return replace(self._status, decode_ms=decode_ms)

    def opened(self) -> Status:
        """The status once the source was opened first, with what it states of itself; GrabError as `read`."""
        with self._changed:
            self._changed.wait_for(lambda: self._status.state != "opening" or self._status.grabbed)
            self._raise_failure()
        return self.status()

    def _raise_failure(self) -> None:
        if self._status.state == "failed" and self._status.fault is not None:
            raise GrabError(self._status.fault, self.address.shown)

    def read(self, timeout_s: float) -> Grabbed | None:
        """The next frame, waited for `timeout_s` at most: the newest one not yet read of a live source, the next one of a file.

        None where none came in time, and for a file that has ended or a source that was closed (`status` says which). GrabError for a
        file that cannot be read, after its last good frame.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            with self._changed:
                while not self._inbox:
                    left = deadline - time.monotonic()
                    self._raise_failure()
                    if left <= 0 or self._status.state in ("ended", "closed"):
                        return None
                    self._changed.wait(left)
                child, message = self._inbox.popleft()
                self._changed.notify_all()
                image = child.reader.take(message["offset"], message["frame"], message["height"], message["width"])
                if not self._newest:
                    child.taken()
                if image is None:
                    self._status.dropped += 1
                    continue
                seq, self._status.delivered = self._status.delivered, self._status.delivered + 1
            return Grabbed(seq, self._time(message["at"]), image, message["number"])

    def frames(self) -> Iterator[Grabbed]:
        """Frames until the file ends or the source is closed; raises as `read`."""
        while True:
            grabbed = self.read(POLL_S)
            if grabbed is not None:
                yield grabbed
            elif self.status().state in ("ended", "closed"):
                return

    def _time(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC) if self._newest else self._start + timedelta(seconds=at)

    def _run(self) -> None:
        """In the thread: keep a process grabbing until the source ends or is closed."""
        failures = 0
        while not self._closing.is_set():
            grabbed = self._status.grabbed
            fault = self._grab_once()
            if self._closing.is_set():
                return
            if fault is None or not self.address.live:
                self._finish(fault)
                return
            failures = 0 if self._status.grabbed > grabbed else failures
            self._wait(fault, failures)
            failures += 1

    def _finish(self, fault: Fault | None) -> None:
        with self._changed:
            self._status.state = "ended" if fault is None else "failed"
            self._note(fault)
            self._changed.notify_all()

    def _wait(self, fault: Fault, failures: int) -> None:
        """Rest before the source is opened again."""
        most = min(self.settings.longest_wait_s, self.settings.first_wait_s * 2 ** min(failures, 30))
        if fault.code == "login_refused":
            most = max(most, LOGIN_WAIT_S)
        with self._changed:
            self._status.state = "waiting"
            self._note(fault)
            self._changed.notify_all()
        if not self._closing.wait(self._chance.uniform(most / 2, most)):
            with self._changed:
                self._status.reconnects += 1
                self._status.state = "opening"

    def _note(self, fault: Fault | None) -> None:
        """Say what is wrong, or that all is well; called under the lock."""
        self._status.fault = fault
        self._status.trouble = "" if fault is None else str(GrabError(fault, self.address.shown))

    def _grab_once(self) -> Fault | None:
        """One process from start to end; why it ended, None for a file that was read to its end."""
        child = self._started()
        ended: Fault | bool | None = None
        try:
            while ended is None and not self._closing.is_set():
                ended = self._listen(child)
            if not self._newest:
                self._drain()
        finally:
            self._leave(child)
        return ended if isinstance(ended, Fault) else None

    @property
    def _interval_s(self) -> float:
        return 1 / self.settings.fps if self.settings.fps else 0.0

    def _started(self) -> Child:
        orders = {
            "kind": self.address.kind,
            "target": self.address.target,
            "open_s": self.settings.open_s,
            "stall_s": self.settings.stall_s,
            "interval_s": self._interval_s,
            "hardware": self.settings.hardware,
            "every": self.settings.every,
            "newest": self._newest,
            "rate": self.settings.rate,
            "loop": self.settings.loop,
        }
        memory = new_memory()
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", CHILD, str(theirs_out), str(memory)],
            stdin=theirs_in,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs_out, memory),
        )
        os.close(theirs_in)
        os.close(theirs_out)
        child = Child(process, ours_out, ours_in, memory, Reader(memory), time.monotonic())
        with contextlib.suppress(BrokenPipeError):
            os.write(ours_out, json.dumps(orders).encode() + b"\n")
        return child

    def _listen(self, child: Child) -> Fault | bool | None:
        """Take in what the process says for a moment: True at the end of a file, a fault, or None to go on."""
        ready, _, _ = select.select([child.messages], [], [], POLL_S)
        if not ready:
            return self._late(child)
        data = os.read(child.messages, 65536)
        if not data:
            status = child.process.wait()
            return Fault("process_ended", {"status": status})
        *complete, child.rest = (child.rest + data).split(b"\n")
        child.heard = time.monotonic()
        for line in complete:
            ended = self._take_in(child, json.loads(line))
            if ended is not None:
                return ended
        return None

    def _late(self, child: Child) -> Fault | None:
        """Whether a silent process has had its time. One that waits for its frames to be read has all the time it wants."""
        with self._changed:
            full = not self._newest and len(self._inbox) >= SLOTS
            plays = self.settings.as_live and not self.address.live
            between_s = self.settings.every / (self.settings.rate or self._status.fps or 1.0) if plays else 0.0
        if full:
            child.heard = time.monotonic()
        limit_s = self.settings.stall_s + (0.0 if child.opened else START_S + self.settings.open_s)
        if time.monotonic() - child.heard <= limit_s + max(self._interval_s, between_s):
            return None
        return Fault("stalled" if child.opened else "no_answer", {"limit_s": limit_s})

    def _take_in(self, child: Child, message: dict[str, Any]) -> Fault | bool | None:
        """One message: True at the end of a file, a fault, or None."""
        if "fault" in message:
            code, args = message["fault"]
            return Fault(code, args)
        if "end" in message:
            return True
        with self._changed:
            if "opened" in message:
                child.opened = True
                self._status.state = "open"
                self._note(None)
                stated = message["opened"]
                self._status.hardware, self._status.fps, self._status.frames = stated["hardware"], stated["fps"], stated["frames"]
                self._status.width, self._status.height = stated["size"]
                self._changed.notify_all()
            elif "bad" in message:
                self._status.bad += message["bad"]
            else:
                self._frame(child, message)
        return None

    def _frame(self, child: Child, message: dict[str, Any]) -> None:
        """Note a frame; called under the lock."""
        self._status.grabbed += 1
        self._status.width, self._status.height = message["width"], message["height"]
        self._times.append(message["decode_ms"])
        if self._newest and self._inbox:
            self._status.dropped += len(self._inbox)
            self._inbox.clear()
        self._inbox.append((child, message))
        self._changed.notify_all()

    def _drain(self) -> None:
        """Wait until the last frames of a file are read: they lie in memory that is about to be let go."""
        with self._changed:
            while self._inbox and not self._closing.is_set():
                self._changed.wait(POLL_S)

    def _leave(self, child: Child) -> None:
        """End a process; a live frame of it that waits is dropped with it."""
        with self._changed:
            self._status.dropped += len(self._inbox)
            self._inbox.clear()
            child.end()
