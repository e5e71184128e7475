"""What the engine keeps of an instance that runs in a process of its own, so that a dead process loses nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from storeloom.core.kernel.errors import ContractFault, Finding
from storeloom.core.runtime.log import instant
from storeloom.core.runtime.runner import AlarmRow, Call, Changes, Row, Stored
from storeloom.core.runtime.state import Alarms, State
from storeloom.core.runtime.wire import Answer, WireFault, figure_kinds


@dataclass
class Mirror:
    """State, figures, schedules and alarms as the instance last kept them; `most` bounds the bytes of its state.

    `upcoming` holds each schedule's next instants as far as they are known; None before the process has said any.
    """

    stored: Stored
    most: int
    state: dict[str, bytes] = field(init=False)
    fired: dict[str, bytes] = field(init=False)
    figures: State = field(init=False)
    alarms: Alarms = field(init=False)
    upcoming: dict[str, list[int]] | None = None

    def __post_init__(self) -> None:
        kept = self.stored
        self.clock = kept.clock
        self.state, self.fired, self.figures = dict(kept.state), dict(kept.ticks), State(kept.figures)
        self.alarms = Alarms(kept.alarms)
        self._rows = {(row.name, row.key): row for row in kept.alarms}
        self._size = sum(len(key) + len(value) for key, value in self.state.items())
        self._kinds: dict[str, str] = {}
        for day in self.figures.snapshot().values():
            self._kinds |= figure_kinds(day)
        self._state: dict[str, bytes | None] = {}
        self._fired: dict[str, bytes | None] = {}

    def as_stored(self, version: str) -> Stored:
        """All of it, for a new process."""
        figures = {day: orjson.dumps(cells) for day, cells in self.figures.snapshot().items()}
        kept = self.stored
        alarms = list(self._rows.values())
        return Stored(kept.solution, version, None, self.clock, kept.started, dict(self.state), figures, dict(self.fired), alarms)

    def check(self, instance: str, changes: Changes) -> None:
        """Refuse, before anything is taken over, figures that change their kind (WireFault) and state beyond its bound (ContractFault)."""
        kinds = dict(self._kinds)
        for _, day in changes.figures:
            for name, kind in figure_kinds(orjson.loads(day)).items() if day is not None else ():
                if kinds.setdefault(name, kind) != kind:
                    raise WireFault(f"figure '{name[:60]}' was {kinds[name]} and is {kind}")
        size = self._size + sum(len(key) + len(value or b"") for key, value in changes.state)
        size -= sum(len(key) + len(self.state[key]) for key, _ in changes.state if key in self.state)
        if size > self.most:
            args = {"instance": instance, "key": "state_mb", "limit": f"{self.most / (1 << 20):g}", "got": f"{size / (1 << 20):.1f}"}
            raise ContractFault(Finding("SL-HST-03", args))

    def take(self, answer: Answer) -> None:
        """The answer's changes stand."""
        changes = answer.changes
        for key, value in changes.state:
            self._put(key, value)
        for key, day in changes.figures:
            if day is None:
                self.figures.pop(key, None)
            else:
                self.figures[key] = orjson.loads(day)
                self._kinds |= figure_kinds(self.figures[key])
        self.figures.keep()
        for key, value in changes.ticks:
            self._note(key, value)
        for row in changes.alarms:
            self._set(row)
        self.clock = max(self.clock, answer.clock)

    def _put(self, key: str, value: bytes | None) -> None:
        before = self.state.pop(key, None)
        if before is not None:
            self._size -= len(key) + len(before)
        if value is not None:
            self.state[key] = value
            self._size += len(key) + len(value)
        self._state[key] = value

    def _note(self, name: str, value: bytes | None) -> None:
        self._fired[name] = value
        if value is None:
            self.fired.pop(name, None)
        else:
            self.fired[name] = value

    def _set(self, row: AlarmRow) -> None:
        if row.due is None:
            self._rows.pop((row.name, row.key), None)
            self.alarms.cancel(row.name, row.key)
        else:
            self._rows[row.name, row.key] = row
            self.alarms.cause = row.cause
            self.alarms.set(row.name, row.key, instant(row.due), orjson.loads(row.data))
        self.alarms.keep()

    def skip(self, call: Call) -> None:
        """What was due is given up: the schedule's instant has passed, the alarm is gone."""
        if call.kind != "due":
            return
        if not call.key and self.upcoming is not None and call.name in self.upcoming:
            self._note(call.name, orjson.dumps(call.at))
            self.upcoming[call.name] = [at for at in self.upcoming[call.name] if at > call.at]
        elif (call.name, call.key) in self._rows:
            self._set(AlarmRow(call.name, call.key, None, b"{}", 0))

    def due(self) -> tuple[int, str, str] | None:
        """What comes due next; alarms go before schedules of the same instant."""
        ticks = self.upcoming or {}
        tick = min(((instants[0], name) for name, instants in ticks.items() if instants), default=None)
        alarm = self.alarms.next()
        if tick is not None and (alarm is None or tick[0] < alarm[0]):
            return tick[0], tick[1], ""
        return alarm

    def changes(self) -> Changes:
        """What was kept since this was last asked."""
        state: list[Row] = sorted(self._state.items())
        fired: list[Row] = sorted(self._fired.items())
        self._state, self._fired = {}, {}
        return Changes(state, self.figures.changes(), fired, self.alarms.changes())
