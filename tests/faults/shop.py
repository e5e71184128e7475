"""A store process for the campaigns: two tallies, facts told by number over a pipe, speakers that note their commands in a file.

`python -m tests.faults.shop DATA` reads orders from its standard input and tells on its standard output what became of them, one JSON value
a line. With `--nursery FD` it is a process that has all imported and forks such stores; it is asked over a socket.

Orders: `{"feed": [NUMBER...]}`, `{"finish": SECONDS}`: let the time pass to so many seconds after T0, end when nothing is left to do.
Told: `{"ready": PID}`, `{"ack": NUMBER}` once a fact is durable, `{"done": true}`, `{"fault": WORDS}`.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.compose import Composition, compose
from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.events import Fact, rfc3339
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import ROOT, Package, Registry, read_catalogue
from storeloom.core.runtime import live
from storeloom.core.runtime.clock import LiveClock
from storeloom.core.runtime.intake import Ticket
from storeloom.core.runtime.live import LiveStore, Parts, newest_instant
from tests.faults import reference

PACKAGES = Path(__file__).parents[1] / "packages"
STORE = "s1"
BUNDLE = """
document = "bundle/1"
{tallies}
[runtime]
keep_days = {keep_days}
lateness_d = {lateness_d}
[store]
store = "s1"
format = "supermarket"
zone = "Asia/Shanghai"
language = "en"
hours = {{ open = "08:00", close = "22:00" }}
edge = {{ cores = 4, memory_mb = 4096 }}
[store.devices]
speaker-a = {{ kind = "audio" }}
speaker-b = {{ kind = "audio" }}
"""
TALLY = """
[solutions.{name}]
solution = "tally"
[solutions.{name}.config]
step = {step}
fail_on = "{fail_on}"
[solutions.{name}.devices]
audio = ["speaker-{name}"]
"""


@cache
def registry(version: int = 1) -> Registry:
    """The built-in plugins, and the tally in its first or second version."""
    return Registry(read_catalogue(installed(version)))


def installed(version: int = 2) -> list[Package]:
    """The packages, as if this version of the tally were the one that is installed."""
    if str(PACKAGES) not in sys.path:
        sys.path.insert(0, str(PACKAGES))
    return [
        Package("storeloom", ROOT),
        Package("tally", PACKAGES / "tally") if version == 1 else Package("tally.next", PACKAGES / "tally" / "next"),
    ]


def composed(folder: Path, version: int = 1, fail_on: str = "", keep_days: float = 35) -> Composition:
    """The bundle of the campaigns, written into a folder and composed."""
    tallies = "".join(TALLY.format(name=name, step=step, fail_on=fail_on) for name, step in reference.STEPS.items())
    file = folder / f"bundle-{version}{fail_on}.toml"
    file.write_text(BUNDLE.format(tallies=tallies, keep_days=keep_days, lateness_d=min(30, keep_days)), encoding="utf-8")
    return compose(file, registry(version))


class Hands:
    """The hands of wall clock and monotonic clock: store time is what the facts say, and never goes back."""

    def __init__(self, at: datetime) -> None:
        self.at = self._seen = at
        self._least = at + timedelta(microseconds=1)

    def move(self, to: datetime) -> None:
        self.at = max(self.at, self._least, to)

    def monotonic(self) -> float:
        self._seen = self.at
        return (self._seen - reference.T0).total_seconds()

    def wall(self) -> datetime:
        """As of the last `monotonic`, which a clock asks first."""
        return self._seen


class Speaker(Adapter):
    """Notes the id of each command in DATA/heard, then answers."""

    def __init__(self, device: str, data: Path) -> None:
        super().__init__(device, None)
        self._file = os.open(data / "heard", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def command(self, stream: str, data: Mapping[str, Any], at: datetime) -> Iterator[Fact]:
        line = f"{data['cmd']}\n".encode()
        if os.write(self._file, line) != len(line):
            raise OSError("a command was noted in part")
        played = {"zone": data["zone"], "kind": data["kind"], "speaker": self.device, "cmd": data["cmd"]}
        yield Fact(at, reference.PLAYED, self.device, {**played, "started": rfc3339(at), "duration_s": 1, "complete": True})

    def close(self) -> None:
        os.close(self._file)


def open_store(data: Path, plan: Plan, code: Registry) -> tuple[LiveStore, Hands]:
    """A live store on a folder, its clock where the log ends; facts come a microsecond later, so that none meets an alarm's instant."""
    data.mkdir(exist_ok=True)
    newest = newest_instant(data / "store.db")
    hands = Hands(newest or reference.T0)
    clock = LiveClock(newest, wall=hands.wall, monotonic=hands.monotonic)
    speakers = {f"speaker-{name}": Speaker(f"speaker-{name}", data) for name in reference.STEPS}
    return LiveStore(Parts("tallies", plan, code, data, adapters=speakers, clock=clock)), hands


def offer(store: LiveStore, hands: Hands, number: int) -> Ticket:
    """Hand in the number-th fact at its time."""
    fact = reference.made(number)
    hands.move(fact.arrival)
    return store.intake.offer(Fact(store.clock.now(), reference.MOVEMENT, fact.source, fact.data, fact.time), fact.key)


def idle(store: LiveStore) -> bool:
    """Whether nothing is left to do but to wait."""
    waiting = store.log.outbox()
    return not (
        waiting.get("waiting") or waiting.get("answered") or store.log.waiting_facts() or any(q.waiting for q in store.intake.statuses())
    )


class Server:
    """One store, driven by orders."""

    def __init__(self, data: Path, plan: Plan, orders: TextIO, tell: Callable[[Mapping[str, Any]], None]) -> None:
        live.IDLE_S = 0.01
        self._orders, self._tell = orders, tell
        self._tickets: queue.Queue[tuple[int, Ticket] | None] = queue.Queue()
        self._until: datetime | None = None
        self._ended = False
        self._store, self._hands = open_store(data, plan, registry())

    def run(self) -> None:
        self._tell({"ready": os.getpid()})
        teller = threading.Thread(target=self._tell_acks, daemon=True)
        for thread in (teller, threading.Thread(target=self._take_orders, daemon=True)):
            thread.start()
        self._store.run(self._stop)
        if self._until is not None:
            teller.join()
            self._tell({"done": True})

    def _take_orders(self) -> None:
        for line in self._orders:
            order = json.loads(line)
            for number in order.get("feed", ()):
                self._tickets.put((number, offer(self._store, self._hands, number)))
            if "finish" in order:
                self._tickets.put(None)
                until = reference.T0 + timedelta(seconds=order["finish"])
                self._hands.move(until)
                self._until = until
        self._ended = True

    def _tell_acks(self) -> None:
        while (one := self._tickets.get()) is not None:
            number, ticket = one
            outcome = ticket.wait()
            if outcome is None:
                return
            self._tell({"ack": number} if outcome else {"refused": number})

    def _stop(self) -> bool:
        if self._until is None:
            return self._ended
        return self._store.engine.now >= self._until and idle(self._store)


def serve(data: Path, plan: Plan, orders: int, out: int) -> int:
    """A store process's whole life; how it ends."""

    def tell(what: Mapping[str, Any]) -> None:
        os.write(out, json.dumps(what).encode() + b"\n")

    try:
        Server(data, plan, os.fdopen(orders, encoding="utf-8", closefd=False), tell).run()
    except StoreloomError as fault:
        tell({"fault": fault.findings[0].code, "words": fault.findings[0].text()})
        return 1
    return 0


def arm(how: int, first: int, last: int) -> None:
    """Let the `first`-th to `last`-th change of a file fail (see refuse.c), from now on."""
    ctypes.CDLL(None).refuse_arm(ctypes.c_int(how), ctypes.c_long(first), ctypes.c_long(last))


def met() -> int:
    """How many changes of files there were since `arm`."""
    ctypes.CDLL(None).refuse_met.restype = ctypes.c_long
    return int(ctypes.CDLL(None).refuse_met())


def nursery(asked: socket.socket) -> None:
    """Fork a process for each request, which comes with its two pipes; answer with its id."""
    from tests.faults import stages

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children are reaped as they end
    plans: dict[str, Plan] = {}
    while True:
        line, pipes, _, _ = socket.recv_fds(asked, 65536, 2)
        if not line:
            return
        request = json.loads(line)
        data = Path(request["data"])
        if request["folder"] not in plans:
            plans[request["folder"]] = composed(Path(request["folder"]), keep_days=request.get("keep_days", 35)).require()
            registry(2).load("tally")
            registry().load("tally")
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked.close()
            code = 70
            try:
                if "stages" in request:
                    code = stages.serve(data, plans[request["folder"]], request, *pipes)
                else:
                    if "full" in request:
                        arm(**request["full"])
                    code = serve(data, plans[request["folder"]], *pipes)
            finally:
                sys.stderr.flush()
                os._exit(code)
        for pipe in pipes:
            os.close(pipe)
        asked.send(str(pid).encode())


def main() -> int:
    if sys.argv[1] == "--nursery":
        nursery(socket.socket(fileno=int(sys.argv[2])))
        return 0
    data = Path(sys.argv[1])
    return serve(data, composed(data.parent).require(), 0, 1)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a thread may still wait for orders
