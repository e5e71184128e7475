"""The life of a driver that keeps one connection: connect, work, break off, wait, connect again; every change of state told."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Condition
from threading import Event as Flag
from typing import Any, ClassVar, Generic, TypeVar

from storeloom.core.kernel.adapter import Adapter, Health, Receipt
from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.watch import DeviceWatch

Link = TypeVar("Link")
Facts = Generator[Fact, Receipt | None, None]
STEADY_S = 60.0


class Backoff:
    """Waits between tries: doubled from `first_s` up to `longest_s`, each spread by chance over its upper half.

    Drivers of one store draw from different seeds, so that they do not all come back at once. What has held for `STEADY_S` begins anew.
    """

    def __init__(self, first_s: float, longest_s: float, seed: str) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._chance = random.Random(seed)
        self.failures = 0

    def wait_s(self, lasted_s: float) -> float:
        """The wait after a try that held so long."""
        self.failures = 1 if lasted_s >= STEADY_S else self.failures + 1
        return min(self._longest_s, self._first_s * 2.0 ** min(self.failures - 1, 30)) * self._chance.uniform(0.5, 1.0)


class LinkDriver(Adapter, ABC, Generic[Link]):
    """Base of drivers with a connection of their own. A subclass gives `connect` and `session`, and names its kind.

    `connect` returns a context manager that holds the connection and lets it go; it raises DeviceError or OSError where the device cannot
    be reached or is not what it should be. `session` yields facts until the connection breaks (DeviceError, OSError) or `self.stopping`
    is set; it never waits longer than about a second without looking at `self.stopping`, and finds out by itself that the other side is
    gone (time-outs, keep-alives). A session that returns has nothing more to say, and the driver ends.
    """

    kind: ClassVar[str]
    first_wait_s: ClassVar[float] = 0.5
    longest_wait_s: ClassVar[float] = 30.0

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self.stopping = Flag()
        self.watch = DeviceWatch(device, self.kind)
        self._backoff = Backoff(self.first_wait_s, self.longest_wait_s, device)

    @abstractmethod
    def connect(self) -> AbstractContextManager[Link]:
        """The connection, open for use once entered."""

    @abstractmethod
    def session(self, link: Link) -> Facts:
        """What the device says while it is connected; each `yield` gives the fact's receipt."""

    def place(self) -> str:
        """Where the device is, as an operator wrote it, without a password."""
        return str(getattr(self.config, "address", self.device))

    def facts(self) -> Facts:
        self.watch.language = self.context.language
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                with self.connect() as link:
                    yield from self.tell("online")
                    yield from self.session(link)
                return
            except (DeviceError, OSError) as error:
                if self.stopping.is_set():
                    return
                yield from self.tell_failure(error)
            self.stopping.wait(self._backoff.wait_s(time.monotonic() - began))

    def tell(self, state: Any, **more: Any) -> Iterator[Fact]:
        """The fact of a change of state, if it is one; arguments as those of `DeviceWatch.note`."""
        fact = self.watch.note(state, self.now(), **more)
        if fact is not None:
            yield fact

    def tell_failure(self, error: DeviceError | OSError) -> Iterator[Fact]:
        """The fact that the device is offline, or at fault where it answers but cannot."""
        known = error if isinstance(error, DeviceError) else of_os(error, self.place())
        state = "fault" if known.code in (Code.FAILURE, Code.EXTENDED, Code.NO_SERVICE, Code.ILLEGAL) else "offline"
        yield from self.tell(state, code=known.word, words=known.words)

    def check_health(self) -> Health:
        """Connect, let go again, and say how that went."""
        try:
            with self.connect() as link:
                return Health(True, facts=self.identity(link))
        except (DeviceError, OSError) as error:
            known = error if isinstance(error, DeviceError) else of_os(error, self.place())
            return Health(False, known.words, {"code": known.word})

    def identity(self, link: Link) -> Mapping[str, str | float | bool]:
        """What the device says of itself: model, firmware, serial number."""
        return {}

    def status(self) -> Mapping[str, Any]:
        return self.watch.as_status()

    def close(self) -> None:
        self.stopping.set()


class SharedLinkDriver(LinkDriver[Link]):
    """Base of drivers whose commands go over the connection of the session.

    They have it while the session, or `connect`, is within `with self.holding(link):`. A command's thread gets it by `with self.linked() as
    link:`, which waits for it as long as `timeout_s` of the config. Where it takes one at a time, taking turns is the subclass's.
    """

    def __init__(self, device: str, config: Any) -> None:
        super().__init__(device, config)
        self._link: Link | None = None
        self._running = False
        self._changed = Condition()

    @property
    def link(self) -> Link | None:
        """The connection, None while there is none."""
        return self._link

    @contextmanager
    def holding(self, link: Link) -> Iterator[None]:
        """Let commands have the connection."""
        with self._changed:
            self._link = link
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._link = None

    @contextmanager
    def linked(self) -> Iterator[Link]:
        """The connection; while `facts` does not run, one for the moment. DeviceError when there is none within the time for an answer."""
        with self._changed:
            self._changed.wait_for(lambda: self._link is not None or not self._running or self.stopping.is_set(), self.config.timeout_s)
            link, running = self._link, self._running
        if link is not None:
            yield link
        elif running or self.stopping.is_set():
            raise DeviceError(Code.OFFLINE, f"{self.place()} is not connected", f"未连接到 {self.place()}")
        else:
            with self.for_the_moment() as momentary:
                yield momentary

    @contextmanager
    def for_the_moment(self) -> Iterator[Link]:
        """A connection for one command."""
        with self.connect() as link:
            yield link

    def facts(self) -> Facts:
        with self._changed:
            self._running = True
        try:
            yield from super().facts()
        finally:
            with self._changed:
                self._running = False
                self._changed.notify_all()

    def close(self) -> None:
        super().close()
        with self._changed:
            self._changed.notify_all()
