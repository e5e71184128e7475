"""The engine's side of an instance that runs in a process of its own (see `host`): gives it calls, checks its answers, starts it again."""

from __future__ import annotations

import logging
import os
import pickle
import select
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storeloom.core.kernel.contract import Kpi
from storeloom.core.kernel.errors import ContractFault, Finding, HostFault, StoreloomError
from storeloom.core.kernel.events import Event
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.registry import Entry
from storeloom.core.runtime import wire
from storeloom.core.runtime.frames import Place, Ring
from storeloom.core.runtime.guard import Host, HostGuard
from storeloom.core.runtime.host import Making
from storeloom.core.runtime.instance import taken_by
from storeloom.core.runtime.keeper import ended
from storeloom.core.runtime.limits import MIB
from storeloom.core.runtime.log import instant, micros
from storeloom.core.runtime.mirror import Mirror
from storeloom.core.runtime.runner import Answers, Call, Changes, Declared, Stored
from storeloom.core.runtime.seats import Chosen
from storeloom.core.runtime.state import FigureBook

WAKE = "#wake"  # what comes due for an instance whose process could not be started: another try
ALARMS_PER_OUTPUT = 10
_PART, _GRACE_S = 1 << 18, 0.5


@dataclass
class Bucket:
    """A rate with a burst, by event time: a virtual run and a live store allow the same."""

    rate_s: float
    burst: float
    left: float = 0.0
    at: int | None = None

    def take(self, count: int, now: int) -> bool:
        """Whether so many may pass at `now` (microseconds); they are counted only if so."""
        gained = self.burst if self.at is None else max(0, now - self.at) * self.rate_s / 1e6
        self.left, self.at = min(self.burst, self.left + gained), now if self.at is None else max(now, self.at)
        if count > self.left:
            return False
        self.left -= count
        return True


class RemoteInstance:
    """See `runner.Runner`. What the process says is checked; what it kept stands in a mirror here, from which a dead one is replaced.

    It is replaced when it is next given something to do; one that died in between says so first (HostFault, `starting`). `on_table` is
    told of tables that were replaced, `on_trouble` of what of the sandbox is missing on this machine. `chosen` are the models that its
    detectors use from its start on; `frames_missed` counts pictures that were overwritten before it had read them.
    """

    def __init__(
        self,
        making: Making,
        guard: HostGuard,
        env: Mapping[str, str],
        *,
        on_table: Callable[[str, list[Mapping[str, Any]]], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
        chosen: Sequence[Chosen] = (),
    ) -> None:
        self.plan, self.name = making.plan, making.plan.name
        self.declared = declared_of(making.entry)
        self.memory_mb: float | None = None
        start = micros(making.start)
        kept = making.stored or Stored(making.plan.solution, self.declared.version, None, start, start)
        self._making, self._guard, self._env = making, guard, env
        self._on_table, self._on_trouble = on_table, on_trouble
        self._limits = making.limits
        self._reflect(kept)
        self._outputs = Bucket(self._limits.outputs_s, self._limits.outputs_burst)
        self._alarms = Bucket(ALARMS_PER_OUTPUT * self._limits.outputs_s, ALARMS_PER_OUTPUT * self._limits.outputs_burst)
        self._logger = logging.getLogger(f"storeloom.solution.{self.name}")
        self.chosen = chosen
        self.frames_missed = self.life = self.untold = 0
        self.standing: wire.Standing | None = None
        self.unfit: Mapping[str, str] | None = None
        self._about = ""
        self._host: Host | None = None
        self._made = self._sent = self._ahead = False
        self._number = 0
        self._call: Call | None = None
        self._answer: wire.Answer | None = None
        self._fault: StoreloomError | None = None
        self._lent: tuple[Ring, Place] | None = None
        self._outgoing = wire.Outgoing()
        self._spawn()

    # --- what the engine asks ---

    @property
    def clock_micros(self) -> int:
        return self._mirror.clock

    @property
    def pid(self) -> int | None:
        """The process id of its host; None while there is none."""
        return self._host.pid if self._host is not None else None

    @property
    def awake(self) -> bool:
        if not self._made and self._host is not None:
            self._pump(0.0)
        return self._made or self._host is None

    def takes(self, event: Event) -> bool:
        return taken_by(self.plan, self.declared.streams, event)

    def due(self) -> tuple[int, str, str] | None:
        """What comes due next. The first time it waits until the process is ready; one that could not start has its next try due."""
        while self._mirror.upcoming is None and self._host is not None:
            self._pump(None)
        if self._mirror.upcoming is None:
            return self._mirror.clock, WAKE, ""
        return self._mirror.due()

    def due_cause(self, name: str, key: str) -> int:
        return self._mirror.alarms.cause_of(name, key)

    def begin(self, call: Call) -> None:
        self._call, self._answer, self._sent, self._ahead = call, None, False, False
        if self._host is not None:
            self._pump(0.0)  # one that died, or spoke unasked, since it was last given something
            if self._host is not None and not self._host.alive:  # its children may hold the connection open
                self._lost(self._host)
        elif self._fault is None:
            self._spawn()
        if call.kind == "due" and not self._alarms.take(1, call.now):
            self._fault = ContractFault(Finding("SL-HST-04", self._rate(call, self._alarms)))
        if self._fault is None and self._made and not self._sent:  # one that was made just now was given it then
            self._give()

    def ready(self, wait_s: float | None) -> bool:
        until = None if wait_s is None else time.monotonic() + wait_s
        while self._fault is None and self._answer is None:
            left = None if until is None else max(0.0, until - time.monotonic())
            self._pump(left)
            if left == 0.0:
                break
        return self._fault is not None or self._answer is not None

    def end(self) -> Answers:
        self.ready(None)
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        answer, call = self._answer, self._call
        assert answer is not None and call is not None
        self.memory_mb = self._host.memory_mb if self._host is not None else None
        for level, text in answer.lines:
            self._logger.log(level, "%s", text)
        if answer.problem is not None:
            self._answer = None
            raise self._refused(call, answer.problem)
        if answer.missed:
            self.frames_missed += 1
        self._ahead = True
        try:
            self._mirror.check(self.name, answer.changes)
        except wire.WireFault as error:
            raise ContractFault(self._unusable(str(error))) from error
        if not self._outputs.take(sum(len(outs) for _, outs in answer.answers), call.now):
            raise ContractFault(Finding("SL-HST-04", self._rate(call, self._outputs)))
        return answer.answers

    def keep(self) -> None:
        assert self._answer is not None
        self._mirror.take(self._answer)
        self._upcoming(self._answer)
        self._answer, self._ahead = None, False

    def undo(self) -> None:
        """A process that kept what is refused here is ended: the next one starts from what stood before."""
        if self._ahead:
            self._drop(None)
        self._answer, self._ahead = None, False

    def skip(self, call: Call) -> None:
        self._mirror.skip(call)
        if call.kind == "due" and self._host is not None:
            self._say("skip", call)

    def changes(self) -> Changes:
        return self._mirror.changes()

    def configure(self, config: Mapping[str, Any]) -> None:
        self._making = replace(self._making, config=config)
        if self._host is not None:
            self._say("config", config)

    def replace_table(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        fresh = list(rows)
        self._making = replace(self._making, tables={**self._making.tables, name: fresh})
        if self._on_table is not None:
            self._on_table(name, fresh)
        if self._host is not None:
            self._say("table", name, fresh)

    def restated(self, stored: Stored | None) -> RemoteInstance:
        """Stand where `stored` says; waits until the process, which is made already, does so. HostFault when it cannot."""
        if stored is not None:
            self._making = replace(self._making, stored=stored)
            self._reflect(stored)
        host = self._host
        if host is not None:
            self._made = False
            host.busy("start", self._limits.start_s)
            self._say("make", self._making)
        while not self._made and self._host is not None:
            self._pump(None)
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        return self

    def close(self) -> None:
        self._drop(None)

    # --- its detectors' models ---

    @property
    def running(self) -> bool:
        """Whether its process is there; it may still start."""
        return self._host is not None

    def use_models(self, chosen: Sequence[Chosen]) -> None:
        """See frames with these models, now and after each start."""
        self.chosen = chosen
        self.tell_model("use", chosen)

    def tell_model(self, *message: Any) -> None:
        """Say something of models to the process, if there is one (`seats.RemoteSeat`): `standing` is its report, None until that is here.

        `untold` counts the reports that are to come; `unfit` is what is wrong with a model that it was last told to use.
        """
        if self._host is not None:
            self.untold += 1
            if message[0] != "ask":
                self._about, self.standing, self.unfit = message[0], None, None
            self._say("model", *message)

    def listen(self) -> None:
        """Take what the process has said."""
        if self._host is not None:
            self._pump(0.0)

    # --- the process ---

    def _reflect(self, kept: Stored) -> None:
        """Begin a mirror of what the log keeps of it."""
        self._mirror = Mirror(kept, int(self._limits.state_mb * MIB))
        hours = StoreHours(str(self._making.profile["zone"]), self._making.profile["hours"])
        self.figures = FigureBook(
            self.name, self.declared.kpis, self._mirror.figures, lambda: hours.store_day(instant(self._mirror.clock)).isoformat()
        )

    def _spawn(self) -> None:
        making = self._making
        if self._mirror.upcoming is not None:  # it was made before: what it kept since is here
            making = replace(making, stored=self._mirror.as_stored(self.declared.version))
        self._made = False
        try:
            self._host = self._guard.spawn(self.name, self.declared.load, self._limits, self._env)
        except OSError as error:
            self._fault = HostFault(self._not_started({"reason": str(error)}), starting=True)
            return
        self.life += 1
        self._incoming, self._outgoing = wire.Incoming(int(self._limits.message_mb * MIB)), wire.Outgoing()
        self._rings: dict[str, int] = {}
        self._outgoing.add(pickle.dumps(making, protocol=5))
        if self.chosen:
            self.tell_model("use", self.chosen)
        self._flush()

    def _give(self) -> None:
        call, host = self._call, self._host
        assert call is not None and host is not None
        if call.name == WAKE and call.kind == "due":
            self._answer = wire.Answer(ticks=self._ticks, clock=call.now)
            return
        self._sent = True
        self._number += 1
        host.busy(call.label, self._limits.handler_s)
        self._say("call", self._number, self._lend(call))

    def _lend(self, call: Call) -> Call:
        """The call with a picture's place in shared memory instead of its pixels, where there is such memory."""
        event = call.event
        self._lent = self._guard.frames.lend(event) if event is not None and "pixels" in event.data else None
        if self._lent is None or event is None:
            return call
        ring, place = self._lent
        before = self._rings.get(event.source)
        if before != ring.number:
            self._rings[event.source] = ring.number
            self._say("ring", ring.number, before, handles=(os.dup(ring.handle),))
        return call._replace(event=replace(event, data={**event.data, "pixels": place}))

    def _return(self) -> None:
        """What was lent is needed no more."""
        if self._lent is not None:
            self._guard.frames.done(*self._lent)
            self._lent = None

    def _say(self, *message: Any, handles: tuple[int, ...] = ()) -> None:
        self._outgoing.add(pickle.dumps(message, protocol=5), handles)
        self._flush()

    def _flush(self) -> None:
        host = self._host
        if host is None:
            return
        try:
            self._outgoing.send(host.socket)
        except OSError:
            self._lost(host)

    def _pump(self, wait_s: float | None) -> None:
        """Send what waits and take what has come; waits for either, at most `wait_s` seconds (None: until something happens)."""
        host = self._host
        if host is None:
            return
        poll = select.poll()
        poll.register(host.socket, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
        events = poll.poll(None if wait_s is None else wait_s * 1000)
        if not events:
            return
        if events[0][1] & select.POLLOUT:
            self._flush()
        if events[0][1] & ~select.POLLOUT and self._host is host:
            self._receive(host)

    def _receive(self, host: Host) -> None:
        try:
            data = host.socket.recv(_PART)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost(host)
            return
        self._incoming.add(data)
        try:
            while self._host is host and (body := self._incoming.next()) is not None:
                self._took(host, body)
        except wire.WireFault as error:
            self._fail(host, self._unusable(str(error)))
        except ContractFault as error:  # what a migration made of its state
            self._fail(host, error.findings[0])

    def _took(self, host: Host, body: bytes) -> None:
        report = wire.report_of(body)
        if report is not None:
            self._reported(report)
        elif not self._made:
            self._start(host, wire.from_json(body, 0, 0))
        elif self._sent and self._answer is None and self._call is not None:
            answer = wire.from_json(body, self._number, self._call.cause)
            host.idle()
            self._return()
            self._answer = answer
            if answer.problem is not None:
                self._upcoming(answer)
        else:
            raise wire.WireFault("it spoke without being asked")

    def _reported(self, report: wire.Standing) -> None:
        if self.untold == 0:
            raise wire.WireFault("it spoke without being asked")
        self.untold -= 1
        if self.untold == 0:
            self.standing = report
            if self._about == "use" and report.state == "rolled_back":
                self.unfit = report.reason

    def _start(self, host: Host, answer: wire.Answer) -> None:
        """The process is made, or says why it could not be."""
        host.idle()
        if answer.problem is not None:
            self._fail(host, self._not_started(answer.problem))
            return
        self._mirror.check(self.name, answer.changes)
        self._mirror.take(answer)
        self._upcoming(answer)
        self._made = True
        if self._on_trouble is not None:
            for trouble in answer.troubles:
                self._on_trouble(trouble)
        if self._call is not None and self._fault is None and self._answer is None and not self._sent:
            self._give()

    def _upcoming(self, answer: wire.Answer) -> None:
        self._ticks = answer.ticks
        self._mirror.upcoming = {name: list(pair) for name, pair in answer.ticks.items()}

    def _lost(self, host: Host) -> None:
        """The connection is gone: the process has ended, or is ended now."""
        until = time.monotonic() + _GRACE_S
        while host.alive and time.monotonic() < until:
            time.sleep(0.001)
        code, words = host.code(), host.last_words()
        how = {"en": "closed its connection", "zh": "关闭了连接"} if code is None else ended(str(code))
        if host.failure:
            how = {"en": host.failure, "zh": host.failure}
        elif words:
            how = {"en": f"{how['en']} ({words})", "zh": f"{how['zh']}（{words}）"}
        what = self._call.label if self._call is not None and self._sent else "-"
        started = Finding("SL-HST-01", {"instance": self.name, "what": what, "how": how})
        self._fail(host, host.verdict or (started if self._made else self._not_started({"reason": how})))

    def _fail(self, host: Host, finding: Finding) -> None:
        """The process cannot go on; who waits for an answer is told."""
        self._fault = HostFault(finding, starting=not self._sent)
        self._drop(finding)

    def _drop(self, verdict: Finding | None) -> None:
        host, self._host = self._host, None
        self._outgoing.give_up()
        self._made, self.untold, self.standing = False, 0, None
        self._return()
        self.memory_mb = None
        if host is not None:
            self._guard.release(host, verdict)

    # --- words ---

    def _refused(self, call: Call, problem: Mapping[str, Any]) -> StoreloomError:
        if "size" in problem:
            self._ahead = True
            return ContractFault(self._unusable(f"{wire.words(problem['size'])} bytes, allowed are {int(self._limits.message_mb * MIB)}"))
        fault = wire.contract_fault(self.name, problem)
        args = {"instance": self.name, "handler": call.label, "reason": wire.words(problem.get("text", "?"))}
        return fault or ContractFault(Finding("SL-RUN-05", args))

    def _rate(self, call: Call, bucket: Bucket) -> dict[str, Any]:
        return {"instance": self.name, "what": call.label, "rate": f"{bucket.rate_s:g}", "burst": f"{bucket.burst:g}"}

    def _unusable(self, reason: str) -> Finding:
        return Finding("SL-HST-05", {"instance": self.name, "reason": wire.words(reason)})

    def _not_started(self, problem: Mapping[str, Any]) -> Finding:
        file, line = problem.get("file"), problem.get("line")
        reason = problem.get("reason", "?")
        place = f"{file}:{line}" if isinstance(file, str) and isinstance(line, int) else str(self._making.entry.file)
        args = {"instance": self.name, "reason": reason if isinstance(reason, dict) else wire.words(reason), "place": wire.words(place)}
        return Finding("SL-HST-06", args)


def declared_of(entry: Entry) -> Declared:
    """What a solution declares, from the catalogue."""
    facts = entry.facts
    return Declared(
        entry.id,
        str(facts["version"]),
        frozenset(stream.rstrip("?") for stream in facts["consumes"]),
        frozenset(facts["produces"]),
        frozenset(facts["kinds"]),
        frozenset(table.rstrip("?") for table in facts["reads"]),
        {name: Kpi(**figure) for name, figure in facts["kpis"].items()},
        str(facts["load"]),
    )
