"""One event loop for all drivers of this process whose library is asynchronous, in a thread that begins and ends with its users.

`with shared_loop() as loop:` in any thread; `loop.call(work, seconds)` runs a coroutine there and waits for its result. What runs in the
loop must never block: one driver's wait would be every driver's.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event as Flag
from typing import Any, TypeVar

Result = TypeVar("Result")
LOOK_S = 0.2
END_S = 5.0
log = logging.getLogger(__name__)


class Stopped(Exception):
    """The driver that waited is to end."""


class LoopThread:
    """An event loop in a thread of its own. `loop` is for a library's own calls, from inside the loop only."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_told)
        self._thread = threading.Thread(target=self._run, name="device-loop", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Begin to run a coroutine in the loop; from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def call(self, work: Coroutine[Any, Any, Result], timeout_s: float | None = None, stopping: Flag | None = None) -> Result:
        """The result of a coroutine, from any thread but the loop's. What it raises is raised here.

        TimeoutError when it has not ended in time, Stopped when `stopping` is set meanwhile; it is cancelled then.
        """
        future = self.start(work)
        until = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while True:
                left = None if until is None else until - time.monotonic()
                wait = left if stopping is None else LOOK_S if left is None else min(LOOK_S, left)
                try:
                    return future.result(None if wait is None else max(0.0, wait))
                except TimeoutError:
                    if future.done():
                        raise
                if stopping is not None and stopping.is_set():
                    raise Stopped
                if until is not None and time.monotonic() >= until:
                    raise TimeoutError
        finally:
            future.cancel()

    def close(self) -> None:
        """Cancel what runs, end the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(self._end())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=END_S)
            for task in late:
                log.warning("a task of a device does not end: %r", task)
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()


def _told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a library let fall in a callback: mostly bytes of a device that it could not read."""
    log.warning("%s (%r)", context.get("message"), context.get("exception"))


_lock = threading.Lock()
_shared: LoopThread | None = None
_users = 0


@contextmanager
def shared_loop() -> Iterator[LoopThread]:
    """The process's loop for devices: begun with its first user, ended with its last. Never to be entered from inside the loop."""
    global _shared, _users  # noqa: PLW0603
    with _lock:
        if _shared is None:
            _shared = LoopThread()
        one = _shared
        _users += 1
    try:
        yield one
    finally:
        with _lock:
            _users -= 1
            last = _users == 0
            if last:
                _shared = None
        if last:
            one.close()
