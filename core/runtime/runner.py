"""What the engine asks of a running instance, in the engine's process or in one of its own, and what the log keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from storeloom.core.kernel.events import Event, Out
from storeloom.core.kernel.plan import InstancePlan

if TYPE_CHECKING:
    from storeloom.core.runtime.state import FigureBook

Answers = list[tuple[str, list[Out]]]
Row = tuple[str, bytes | None]


class AlarmRow(NamedTuple):
    """One alarm: `due` in microseconds since 1970, None when it is gone; `cause` is the log sequence of the event that set it."""

    name: str
    key: str
    due: int | None
    data: bytes
    cause: int


@dataclass
class Stored:
    """What the log keeps of an instance: where it stood (`offset` None: level with all others) and all that it remembers, as JSON bytes."""

    solution: str
    version: str
    offset: int | None
    clock: int
    started: int
    state: dict[str, bytes] = field(default_factory=dict)
    figures: dict[str, bytes] = field(default_factory=dict)
    ticks: dict[str, bytes] = field(default_factory=dict)
    alarms: list[AlarmRow] = field(default_factory=list)


@dataclass
class Changes:
    """What an instance changed since it was last saved; a value of None is a deleted key."""

    state: list[Row] = field(default_factory=list)
    figures: list[Row] = field(default_factory=list)
    ticks: list[Row] = field(default_factory=list)
    alarms: list[AlarmRow] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.state or self.figures or self.ticks or self.alarms)


class Call(NamedTuple):
    """One thing for an instance to do. `cause` is the log sequence of the event behind it (0: none), `now` the engine's time (microseconds
    since 1970).

    `start` and `event` explain themselves; `due` runs what came due `at` (microseconds): alarm `name` and `key`, or handler `name` of a
    schedule with an empty key; `table` tells that table `name` was replaced.
    """

    kind: Literal["start", "event", "due", "table"]
    now: int
    cause: int = 0
    event: Event | None = None
    at: int = 0
    name: str = ""
    key: str = ""

    @property
    def label(self) -> str:
        """What is being handled, for a reader: the stream, the alarm or handler, the table."""
        if self.event is not None:
            return self.event.stream
        return {"start": "start", "table": f"table {self.name}"}.get(self.kind, f"{self.name} {self.key}".strip())

    @property
    def ref(self) -> str:
        """What tells this call from all others of the instance; outputs' ids are made from it."""
        if self.event is not None:
            return self.event.id
        due = f"{self.name}|{self.key}|{self.at}"
        if self.cause:  # two events may set one alarm to the same instant, one after the other
            due += f"|{self.cause}"
        return {"start": "start", "table": f"table:{self.name}"}.get(self.kind, due)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a solution declared, known without running it: from the static catalogue."""

    solution: str
    version: str
    streams: frozenset[str]
    produces: frozenset[str]
    kinds: frozenset[str]
    reads: frozenset[str]
    kpis: Mapping[str, Any]
    load: str


class Runner(Protocol):
    """One running instance. The engine gives it one call at a time: `begin`, then `end` once it is `ready`, then `keep` or `undo`."""

    name: str
    plan: InstancePlan
    declared: Declared
    figures: FigureBook
    memory_mb: float | None  # resident memory of its own process; None when it shares the engine's
    frames_missed: int  # pictures that were overwritten before it had read them

    @property
    def awake(self) -> bool:
        """Whether it can be given calls at once; False while its own process still starts."""

    @property
    def clock_micros(self) -> int:
        """The instance's time: the arrival of what it last handled."""

    def takes(self, event: Event) -> bool:
        """Whether an event is for this instance: of a stream it handles, from a source it is wired to, not its own."""

    def due(self) -> tuple[int, str, str] | None:
        """What comes due next: instant (microseconds), handler or alarm name, alarm key ("" for a schedule)."""

    def due_cause(self, name: str, key: str) -> int:
        """The log sequence of the event that set an alarm (`Call.cause` of the call that runs it); 0 for a schedule."""

    def begin(self, call: Call) -> None:
        """Start on a call; one in its own process starts at once, one in this process waits for `end`."""

    def ready(self, wait_s: float | None) -> bool:
        """Whether `end` would return at once; waits up to `wait_s` seconds, None: until it is or its time is over."""

    def end(self) -> Answers:
        """The call's outputs by handler; raises what the handler raised, or HostFault when its process died or was killed."""

    def keep(self) -> None:
        """The call's changes stand."""

    def undo(self) -> None:
        """The call's changes are taken back, as if it had never been given: its alarm still stands, its schedule's instant is still due."""

    def skip(self, call: Call) -> None:
        """The call is given up, after `undo`: its alarm is gone, its schedule's instant has passed; for an event nothing is to do."""

    def changes(self) -> Changes:
        """What was kept since this was last asked, to be written in the log's transaction."""

    def configure(self, config: Mapping[str, Any]) -> None:
        """Switch to another config, live."""

    def replace_table(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take new rows of a table (an instance in this process shares the engine's tables and need do nothing)."""

    def close(self) -> None:
        """Let it go; a process of its own ends."""


@runtime_checkable
class Movable(Protocol):
    """A runner whose process is costly to start, and can be brought to another standing instead."""

    def restated(self, stored: Stored | None) -> Runner:
        """This instance standing where `stored` says, ready for calls; HostFault when its process cannot be brought there."""
