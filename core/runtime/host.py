"""The process that one isolated instance runs in: `python -m storeloom.core.runtime.host FD PARENT`, started by the guard.

It is given everything over the socket FD, shuts itself in before it imports the plugin, and then answers one call at a time. It ends when
the socket closes. What the plugin prints goes nowhere; what it logs goes along with the answers.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
import traceback
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import ContractFault, Finding, StoreloomError
from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.kernel.registry import Entry, Plugin, import_plugin, solution_class
from storeloom.core.runtime import wire
from storeloom.core.runtime.context import StoreView, Workers
from storeloom.core.runtime.frames import Lent, Place
from storeloom.core.runtime.instance import Instance, make_instance
from storeloom.core.runtime.limits import MIB, Limits, set_rlimits
from storeloom.core.runtime.log import instant, micros
from storeloom.core.runtime.outputs import check_output
from storeloom.core.runtime.runner import Answers, Call, Stored
from storeloom.core.runtime.sandbox import confine, die_with_parent
from storeloom.core.runtime.schedule import instants, resolve
from storeloom.core.runtime.seats import LocalSeat
from storeloom.core.runtime.tables import TableSet

MOST_HANDLES = 16


@dataclass(frozen=True, slots=True)
class Making:
    """All that a host needs to make its instance: `config` is the plan's or what it was switched to, `tables` are those it declares."""

    entry: Entry
    plan: InstancePlan
    config: Mapping[str, Any]
    stored: Stored | None
    profile: Mapping[str, Any]
    tables: Mapping[str, list[Mapping[str, Any]]]
    start: datetime
    strict: bool
    secrets: Mapping[str, str] | None
    limits: Limits
    readable: tuple[Path, ...]


class Log(logging.Handler):
    """Keeps what the solution logs until the next answer."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < wire.MOST_LOG_LINES:
            self.lines.append((max(0, min(record.levelno, 50)), wire.words(record.getMessage())))

    def taken(self) -> list[tuple[int, str]]:
        lines, self.lines = self.lines, []
        return lines


class Hosted:
    """The instance and its answers."""

    def __init__(self, making: Making, log: Log, lent: Lent, workers: Workers) -> None:
        self.limits, self._log, self._lent = making.limits, log, lent
        entry = making.entry
        module = import_plugin(entry.id, entry.package, entry.path)
        plugin = Plugin(entry, module, *solution_class(entry.id, entry.file, module))
        store = StoreView(making.profile)
        self._hours = store.hours
        self.tables = TableSet(making.tables, store.hours)
        self.one: Instance = make_instance(
            plugin, making.plan, making.stored, store, self.tables, workers, making.start, strict=making.strict, secrets=making.secrets
        )
        self._schedules = {name: resolve(mark, self.one.solution.config) for name, mark in _marks(self.one)}
        self._ticks: wire.Ticks = {}
        self.one.configure(making.config)

    def answer(self, number: int, call: Call) -> bytes:
        """Run one call and say what came of it."""
        one = self.one
        call = self._seen(call)
        if call.event is not None and isinstance(call.event.get("pixels"), Place):
            return wire.to_json(number, self._said(wire.Answer(missed=True)))
        try:
            one.begin(call)
            answers = one.end()
            for _, outs in answers:
                for item in outs:
                    check_output(one.declared, one.name, item)
            one.keep()
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: they are the plugin's, not this process's
            one.undo()
            return wire.to_json(number, self._said(wire.Answer(problem=_problem(error, one.cls.__module__))))
        return self._told(number, answers)

    def _seen(self, call: Call) -> Call:
        """The call with the pixels of a picture that lies in shared memory; with its place still where it was overwritten."""
        event = call.event
        place = event.get("pixels") if event is not None else None
        if event is None or not isinstance(place, Place) or (pixels := self._lent.take(place)) is None:
            return call
        return call._replace(event=replace(event, data={**event.data, "pixels": pixels}))

    def ready(self, troubles: list[str]) -> bytes:
        """The first answer: that it is made, with what a migration changed."""
        return wire.to_json(0, self._said(wire.Answer(changes=self.one.changes(), troubles=troubles)))

    def _told(self, number: int, answers: Answers) -> bytes:
        body = wire.to_json(number, self._said(wire.Answer(answers=answers, changes=self.one.changes())))
        if len(body) > self.limits.message_mb * MIB:
            return wire.to_json(number, self._said(wire.Answer(problem={"size": len(body)})))
        return body

    def _said(self, answer: wire.Answer) -> wire.Answer:
        answer.ticks, answer.clock, answer.lines = self._upcoming(), self.one.clock_micros, self._log.taken()
        return answer

    def _upcoming(self) -> wire.Ticks:
        """Each schedule's next instant and the one after it."""
        for name, at in self.one.next_ticks().items():
            if self._ticks.get(name, (None,))[0] != at:
                following = micros(next(instants(self._schedules[name], self._hours, instant(at))))
                self._ticks[name] = at, following
        return self._ticks


def _marks(one: Instance) -> list[tuple[str, Any]]:
    handlers = {name: getattr(one.cls, name).__dict__ for name in one.next_ticks()}
    return [(name, marks["__schedule__"]) for name, marks in handlers.items()]


def _problem(error: BaseException, module: str) -> dict[str, Any]:
    """What a handler raised: a breach of contract by its code, anything else with its line in the plugin."""
    if isinstance(error, ContractFault):
        finding = error.findings[0]
        return {"code": finding.code, "args": dict(finding.args)}
    lines = [frame.tb_lineno for frame in _frames(error) if frame.tb_frame.f_globals.get("__name__") == module]
    place = f" (line {lines[-1]})" if lines else ""
    try:
        text = str(error)
    except Exception as worse:  # an exception that cannot even be read
        text = f"({type(worse).__name__})"
    return {"text": wire.words(f"{type(error).__name__}: {text}") + place}


def _frames(error: BaseException) -> list[Any]:
    found, frame = [], error.__traceback__
    while frame is not None:
        found.append(frame)
        frame = frame.tb_next
    return found


def _failed(error: BaseException) -> bytes:
    """Why it could not start: the finding's words, or the exception with its last place."""
    if isinstance(error, StoreloomError):
        finding: Finding = error.findings[0]
        reason = str(finding.args.get("reason", "")) or finding.text()
        problem: dict[str, Any] = {"reason": reason, "file": finding.file, "line": finding.line}
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        problem = {"reason": f"{type(error).__name__}: {error}", "file": last.filename, "line": last.lineno}
    problem["reason"] = wire.words(problem["reason"])
    return wire.to_json(0, wire.Answer(problem=problem))


class Line:
    """The connection to the engine. `handles` are the file descriptors that came along, oldest first."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.handles: deque[int] = deque()

    def message(self) -> Any:
        """The next message; the process ends where the engine has gone."""
        return pickle.loads(self._receive(wire.LENGTH.unpack(self._receive(wire.LENGTH.size))[0]))

    def say(self, body: bytes) -> None:
        self.end.sendall(wire.framed(body))

    def _receive(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            part, handles, _, _ = socket.recv_fds(self.end, min(size - len(data), 1 << 20), MOST_HANDLES, socket.MSG_CMSG_CLOEXEC)
            if not part:
                os._exit(0)
            self.handles.extend(handles)
            data += part
        return data


def _shut_in(making: Making) -> list[str]:
    """Give up all that the plugin needs not have."""
    set_rlimits(making.limits)
    return confine(making.readable, Path.cwd(), children=making.limits.processes > 0)


def serve(line: Line) -> None:
    """Make the instance and answer calls until the engine goes."""
    making: Making = line.message()
    log, lent, workers = Log(), Lent(), Workers()
    seat: LocalSeat | None = None
    troubles = _shut_in(making)
    logger = logging.getLogger("storeloom.solution")
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    logger.propagate = False

    def make(making: Making) -> Hosted | None:
        """The instance, and word to the engine that it is made or why it cannot be."""
        try:
            hosted = Hosted(making, log, lent, workers)
            line.say(hosted.ready(troubles))
        except BaseException as error:  # a module may raise SystemExit
            line.say(_failed(error))
            return None
        return hosted

    hosted = make(making)
    while hosted is not None:
        kind, *rest = line.message()
        if kind == "call":
            line.say(hosted.answer(*rest))
        elif kind == "ring":
            lent.add(rest[0], line.handles.popleft(), instead_of=rest[1])
        elif kind == "model":
            seat = seat or LocalSeat(workers.vision)
            line.say(_settled(seat, *rest))
        elif kind == "make":
            hosted = make(rest[0])
        elif kind == "skip":
            hosted.one.skip(rest[0])
        elif kind == "config":
            hosted.one.configure(rest[0])
        else:
            hosted.tables.replace(*rest)


def _settled(seat: LocalSeat, what: str, *rest: Any) -> bytes:
    """Do what is said of the detectors' models, and report where they stand."""
    if what == "begin":
        seat.begin(*rest)
    elif what == "settle":
        seat.settle(*rest)
    elif what == "use":
        seat.use(*rest)
    return seat.standing().to_json()


def main(arguments: list[str]) -> None:
    """Run as a host: the socket's descriptor and the process id of the engine."""
    descriptor, parent = int(arguments[0]), int(arguments[1])
    die_with_parent(parent)
    end = socket.socket(fileno=descriptor)
    end.setblocking(True)
    try:
        serve(Line(end))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
