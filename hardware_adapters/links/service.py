"""For drivers of services (mail, payment, chat ...): commands out, looks at the service, what comes in handed on once it is stored.

A driver gives any of

- `do(stream, data, at)`: carry out a command, from any thread; what it returns are the answers;
- `look()`: the facts of a look at the service, every `look_s` of its config, in a thread of its own; DeviceError where it is not there.
  Each is yielded with its `key` and `time`, so that the same may be told again;
- `ways_in()`: a context in which facts come in by `inbox`.

The rest is done here: `device.status` (offline or fault while calls fail, degraded while what comes in makes no sense), back-off, and that
a command which comes again with the same `cmd` has no second effect once it was carried out. What comes in is taken also while the service
itself does not answer.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from typing import Any

from storeloom.core.kernel.adapter import Health
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.driver import Backoff, Facts, LinkDriver
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.inbox import Inbox
from storeloom.hardware_adapters.links.kept import Done

DONE = 500
JOIN_S = 3.0
TELL_S = 1.0
FAULTS = (Code.FAILURE, Code.EXTENDED, Code.NO_SERVICE, Code.ILLEGAL)
OF_THE_COMMAND = (Code.ILLEGAL, Code.NO_EXIST, Code.BUSY)


class ServiceDriver(LinkDriver[None]):
    """Base of drivers of services. Its config has `look_s`."""

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.inbox = Inbox()
        self._state = threading.Lock()
        self._telling = threading.Lock()
        self._good_at = 0.0
        self._away: DeviceError | None = None
        self._bad: Mapping[str, str] | None = None
        self._known = False
        self._running = False
        self._done = Done(self, DONE)
        self._begun: set[str] = set()
        self._doing = threading.Lock()

    def do(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """Carry out a command. DeviceError where that fails."""
        raise DeviceError(Code.ILLEGAL, f"it takes no {stream}", f"不支持 {stream}")

    @abstractmethod
    def look(self) -> Iterable[Fact]:
        """Ask whether the service is there, and for what it has to say."""

    def stored(self, fact: Fact) -> None:
        """A fact of a look or a webhook is durable now: what is to be told no more, or asked after no more, may be noted."""

    def _decided(self, fact: Fact, kept: bool) -> None:
        if kept:
            self.stored(fact)

    def ways_in(self) -> AbstractContextManager[None]:
        """Held open while the driver is at work; DeviceError where it cannot be opened."""
        return nullcontext()

    def told_secret(self, name: str) -> str:
        """A secret's value, empty where none is named. DeviceError where the store has none of this name."""
        if not name:
            return ""
        try:
            return self.secret(name)
        except LookupError as error:
            en, zh = f"the store has no secret '{name}'", f"门店没有名为“{name}”的密钥"
            raise DeviceError(Code.ILLEGAL, en, zh) from error

    @contextmanager
    def connect(self) -> Iterator[None]:
        with self.ways_in():
            ending = threading.Event()
            thread = threading.Thread(target=self._looks, args=(ending,), name=f"looks-{self.device}", daemon=True)
            self._running = True
            thread.start()
            try:
                yield None
            finally:
                self._running = False
                ending.set()
                thread.join(JOIN_S)

    def session(self, link: None) -> Facts:
        yield from self.inbox.flow(self.stopping)

    def _looks(self, ending: threading.Event) -> None:
        """Look at the service until the end; after a failure sooner, with ever longer waits."""
        backoff = Backoff(self.first_wait_s, self.longest_wait_s, f"{self.device}|look")
        while not self._over(ending):
            wait_s, began = self.config.look_s, time.monotonic()
            try:
                self._look_once(ending)
            except (DeviceError, OSError) as error:
                self.calls(error if isinstance(error, DeviceError) else of_os(error, self.place()), began)
                wait_s = min(wait_s, backoff.wait_s(0.0))
            except Exception as error:  # a driver's own fault: raised where its facts are taken
                self.inbox.fail(error)
                return
            else:
                backoff.failures = 0
            ending.wait(wait_s)

    def _look_once(self, ending: threading.Event) -> None:
        told = False
        for fact in self.look():
            if not told:
                self.calls(None)
                told = True
            self.put(fact, ending, partial(self._decided, fact))
        if not told:
            self.calls(None)

    def _over(self, ending: threading.Event) -> bool:
        return ending.is_set() or self.stopping.is_set()

    def put(self, fact: Fact, ending: threading.Event, stored: Callable[[bool], None] | None = None) -> None:
        """Hand in a fact; waits while the store does not keep up."""
        while not self._over(ending) and not self.inbox.put(fact, stored, 0.1):
            continue

    def calls(self, error: DeviceError | None, began: float = 0.0) -> list[Fact]:
        """Take note of how a call went that began then (monotonic), and tell the change of state that this brings.

        A failure says nothing where another call has succeeded since it began. While `facts` does not run the change is returned.
        """
        with self._telling:
            if error is None:
                self._good_at = time.monotonic()
            elif began < self._good_at or (error.code is Code.CLOSED and self.stopping.is_set()):
                return []
            self._away, self._known = error, True
            return self._tell()

    def odd(self, words: Mapping[str, str] | None) -> None:
        """Take note of something that came in and made no sense, or with None of something that did."""
        with self._telling:
            if self._bad != words:
                self._bad = words
                self._tell()

    def _tell(self) -> list[Fact]:
        """Hand the change of state in, in its place among the others; it has come to the store when this returns, if the store keeps up."""
        fact = self._stands()
        if fact is None or not self._running:
            return [] if fact is None else [fact]
        came = threading.Event()
        while self._running and not self.stopping.is_set() and not self.inbox.put(fact, lambda _: came.set(), 0.1):
            continue
        until = time.monotonic() + TELL_S
        while self._running and not self.stopping.is_set() and time.monotonic() < until and not came.wait(0.05):
            continue
        return []

    def _stands(self) -> Fact | None:
        away, bad = self._away, self._bad
        if away is not None:
            return self.watch.note("fault" if away.code in FAULTS else "offline", self.now(), code=away.word, words=away.words)
        if bad is not None:
            return self.watch.note("degraded", self.now(), code="bad_message", words=bad)
        return self.watch.note("online", self.now()) if self._known else None

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        """Being at work says nothing yet of the service: that is for the first look to tell."""
        if state != "online":
            yield from super().tell(state, **more)

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterable[Fact]:
        """Carry out a command once; a repeat of one that was carried out does nothing and has the same answers."""
        name = str(data.get("cmd", ""))
        before = self._begin(name) if name else None
        if before is not None:
            return before
        facts: list[Fact] | None = None
        began = time.monotonic()
        try:
            if self.serves(stream, data) is False:
                raise DeviceError(Code.NO_EXIST, f"this {stream} is for another device", f"该 {stream} 指令属于其他设备")
            facts = list(self.do(stream, data, at))
        except (DeviceError, OSError) as error:
            known = error if isinstance(error, DeviceError) else of_os(error, self.place())
            if known.code not in OF_THE_COMMAND:
                self.calls(known, began)
            if known is error:
                raise
            raise known from error
        finally:
            if name:
                self._end(name, facts)
        return [*facts, *self.calls(None)]

    def _begin(self, name: str) -> list[Fact] | None:
        """The answers where this command was carried out before. DeviceError while it is being carried out."""
        with self._doing:
            if name in self._done:
                return self._done[name]
            if name in self._begun:
                raise DeviceError(Code.BUSY, "this command is being carried out", "该命令正在执行")
            self._begun.add(name)
            return None

    def _end(self, name: str, facts: list[Fact] | None) -> None:
        with self._doing:
            self._begun.discard(name)
            if facts is not None:
                self._done[name] = facts

    def check_health(self) -> Health:
        """Look at the service once, and say how that went."""
        try:
            for _ in self.look():
                break
            return Health(True)
        except (DeviceError, OSError) as error:
            known = error if isinstance(error, DeviceError) else of_os(error, self.place())
            return Health(False, known.words, {"code": known.word})
