"""The parent's side of the campaigns: starts store processes, tells them facts, kills them, and reads along."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import LogFault
from storeloom.core.runtime.log import Record
from storeloom.core.runtime.reader import LogReader

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


class Life:
    """One store process, by its id and two pipes; `words` holds all that it told, in order."""

    def __init__(self, pid: int, orders: int, told: int) -> None:
        self.pid = pid
        self.words: list[dict[str, Any]] = []
        self.ended = False
        self._orders, self._told, self._rest = orders, told, b""
        self._unsent = b""
        os.set_blocking(orders, False)

    def order(self, **what: Any) -> None:
        """Give an order. It is sent as fast as the process reads; to one that has ended, not at all."""
        self._unsent += json.dumps(what).encode() + b"\n"
        self._send()

    def _send(self) -> None:
        try:
            while self._unsent and not self.ended:
                self._unsent = self._unsent[os.write(self._orders, self._unsent[:65536]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = b""

    def listen(self, wait_s: float) -> list[dict[str, Any]]:
        """What it has told since; waits up to `wait_s` for something."""
        self._send()
        ready, _, _ = select.select([self._told], [], [], wait_s)
        if not ready or self.ended:
            return []
        got = os.read(self._told, 1 << 20)
        self.ended = not got
        *lines, self._rest = (self._rest + got).split(b"\n")
        words = [json.loads(line) for line in lines]
        self.words += words
        return words

    def kill(self) -> list[dict[str, Any]]:
        """SIGKILL; what it told before."""
        os.kill(self.pid, signal.SIGKILL)
        return self.last_words()

    def last_words(self) -> list[dict[str, Any]]:
        """What it tells until it ends. TimeoutError when it does not end."""
        until, words = time.monotonic() + PATIENCE_S, []
        while not self.ended:
            words += self.listen(1.0)
            if time.monotonic() > until:
                raise TimeoutError(f"process {self.pid} does not end")
        os.close(self._orders)
        os.close(self._told)
        return words


class Nursery:
    """Where store processes come from: a process that has all imported forks them in a few milliseconds; `preload` is put into it."""

    start_s = 0.1

    def __init__(self, preload: Path | None = None) -> None:
        ours, theirs = socket.socketpair()
        env = os.environ | ({"LD_PRELOAD": str(preload)} if preload else {})
        command = [sys.executable, "-m", "tests.faults.shop", "--nursery", str(theirs.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=(theirs.fileno(),))
        theirs.close()
        self._socket = ours

    def life(self, data: Path, **request: Any) -> Life:
        """A store process on a data folder; its bundle stands in the folder around it."""
        (orders, give), (take, told) = os.pipe(), os.pipe()
        request |= {"data": str(data), "folder": str(data.parent)}
        socket.send_fds(self._socket, [json.dumps(request).encode()], [orders, told])
        pid = int(self._socket.recv(64))
        os.close(orders)
        os.close(told)
        return Life(pid, give, take)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(PATIENCE_S)


@contextmanager
def nursery(preload: Path | None = None) -> Iterator[Nursery]:
    made = Nursery(preload)
    try:
        yield made
    finally:
        made.close()


class Processes:
    """Store processes that are started from nothing, as a keeper does it."""

    start_s = 0.8

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def life(self, data: Path, **_: Any) -> Life:
        for one in self._started:
            one.wait(PATIENCE_S)
        command = [sys.executable, "-m", "tests.faults.shop", str(data)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None and process.stdout is not None
        self._started = [process]
        pipes = os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno())
        process.stdin.close()
        process.stdout.close()
        return Life(process.pid, *pipes)


class Follower:
    """A reader in another process than the store's, from the first record on, whoever writes."""

    def __init__(self, file: Path) -> None:
        self.records: list[Record] = []
        self.fault: BaseException | None = None
        self._file = file
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while (reader := self._open()) is None:
                time.sleep(0.002)
            self.records.extend(reader.follow(0, wait=self._wait))
            reader.close()
        except BaseException as error:  # told to who asks for the records
            self.fault = error

    def _open(self) -> LogReader | None:
        """None while there is no log yet."""
        try:
            return LogReader(self._file)
        except LogFault:
            if self._stop:
                raise
            return None

    def _wait(self) -> bool:
        stopping = self._stop
        time.sleep(0.003)
        return not stopping

    def end(self) -> list[Record]:
        """All that it read, up to the log's end. Raises what ended it before."""
        self._stop = True
        self._thread.join(PATIENCE_S)
        if self.fault is not None:
            raise self.fault
        return self.records


def acks(words: list[dict[str, Any]]) -> list[int]:
    """The facts that were acknowledged. AssertionError when the store refused one or ended on a fault."""
    odd = [one for one in words if not one.keys() & {"ready", "ack", "done"}]
    assert odd == [], odd
    return [one["ack"] for one in words if "ack" in one]


def told(words: list[dict[str, Any]], what: str) -> Mapping[str, Any] | None:
    return next((one for one in words if what in one), None)
