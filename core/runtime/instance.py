"""One solution instance in the engine's process: its context, its handlers, and what is due next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from storeloom.core.kernel.contract import Due, Solution
from storeloom.core.kernel.events import Event
from storeloom.core.kernel.plan import InstancePlan
from storeloom.core.kernel.registry import Plugin, call_hook
from storeloom.core.runtime.context import InstanceClock, InstanceContext, StoreView, Workers
from storeloom.core.runtime.log import instant, micros
from storeloom.core.runtime.outputs import collect
from storeloom.core.runtime.runner import Answers, Call, Changes, Declared, Stored
from storeloom.core.runtime.schedule import instants, resolve
from storeloom.core.runtime.state import Alarms, FigureBook, State
from storeloom.core.runtime.tables import DeclaredTables, TableSet


class Instance:
    """Decides what is due and runs handlers; the engine decides what becomes of their outputs. See `runner.Runner`."""

    memory_mb: float | None = None
    frames_missed: int = 0
    awake = True

    def __init__(
        self,
        plan: InstancePlan,
        cls: type[Solution],
        stored: Stored | None,
        store: StoreView,
        tables: TableSet,
        workers: Workers,
        start: datetime,
        *,
        strict: bool = False,
        secrets: Mapping[str, str] | None = None,
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        kept = stored or Stored(plan.solution, cls.version, None, micros(start), micros(start))
        self.plan, self.cls, self.name = plan, cls, plan.name
        self.clock = InstanceClock(instant(kept.clock))
        self.state = State(kept.state, strict=strict, fetch=fetch)
        self.alarms = Alarms(kept.alarms)
        self._figure_state = State(kept.figures, strict=strict)
        self._fired = State(kept.ticks)
        self._hours = store.hours
        self.figures = FigureBook(self.name, cls.kpis, self._figure_state, self._day)
        workers.bring(cls)
        context = InstanceContext(
            self.name,
            self.state,
            self.alarms,
            self.figures,
            DeclaredTables(self.name, cls.reads, tables, lambda: self.clock.now),
            self.clock,
            store,
            plan.devices,
            workers,
            logging.getLogger(f"storeloom.solution.{self.name}"),
            secrets,
            workers.pictures(self.name),
        )
        self.pictures = context.pictures
        self.solution = cls(cls.Config(**plan.config), context)  # type: ignore[arg-type]
        self._call: Call | None = None
        self._handlers: dict[str, list[str]] = {}
        self._alarm_handlers: dict[str, str] = {}
        self._table_handlers: dict[str, list[str]] = {}
        self._ticks: dict[str, Iterator[datetime]] = {}
        self._next_tick: dict[str, int] = {}
        self._read_handlers(instant(kept.started))
        self.declared = declared(plan.solution, cls, frozenset(self._handlers))

    def _read_handlers(self, started: datetime) -> None:
        for name in dir(self.cls):
            marks = getattr(getattr(self.cls, name), "__dict__", {})
            for stream in marks.get("__streams__", ()):
                self._handlers.setdefault(stream.rstrip("?"), []).append(name)
            for table in marks.get("__tables__", ()):
                self._table_handlers.setdefault(table, []).append(name)
            if "__timer__" in marks:
                self._alarm_handlers[marks["__timer__"]] = name
            if "__schedule__" in marks:
                schedule = resolve(marks["__schedule__"], self.solution.config)
                last = self._fired.get(name)
                self._ticks[name] = instants(schedule, self._hours, started if last is None else instant(last))
                self._turn(name)

    def _turn(self, name: str) -> None:
        """Go on to a schedule's next instant; one of a store that never opens again has none."""
        following = next(self._ticks[name], None)
        if following is None:
            self._next_tick.pop(name, None)
        else:
            self._next_tick[name] = micros(following)

    def _day(self) -> str:
        return self._hours.store_day(self.clock.now).isoformat()

    @property
    def clock_micros(self) -> int:
        return micros(self.clock.now)

    def takes(self, event: Event) -> bool:
        return taken_by(self.plan, self.declared.streams, event)

    def configure(self, config: Mapping[str, Any]) -> None:
        self.solution.config = self.cls.Config(**config)

    def replace_table(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Nothing to do: the tables are the engine's own."""

    def due(self) -> tuple[int, str, str] | None:
        """What comes due next; alarms go before schedules of the same instant."""
        alarm = self.alarms.next()
        tick = min(((at, name) for name, at in self._next_tick.items()), default=None)
        if tick is not None and (alarm is None or tick[0] < alarm[0]):
            return tick[0], tick[1], ""
        return (alarm[0], alarm[1], alarm[2]) if alarm else None

    def next_ticks(self) -> dict[str, int]:
        """Each schedule's next instant (microseconds)."""
        return dict(self._next_tick)

    def due_cause(self, name: str, key: str) -> int:
        return self.alarms.cause_of(name, key)

    def begin(self, call: Call) -> None:
        self._call = call

    def ready(self, wait_s: float | None) -> bool:
        return True

    def end(self) -> Answers:
        call = self._call
        assert call is not None
        self.clock.now = max(self.clock.now, instant(call.now))
        self.alarms.cause = call.cause
        self.pictures.tidy(self.clock.now)
        if call.kind == "start":
            return [("start", collect(self.name, "start", self.solution.start()))]
        if call.kind == "table":
            return [self._answer(handler, call.name) for handler in self._table_handlers.get(call.name, ())]
        if call.event is not None:
            self.clock.now = max(self.clock.now, call.event.received or call.event.time)
            return [self._answer(handler, call.event) for handler in self._handlers[call.event.stream]]
        return self._fire(call)

    def _answer(self, handler: str, argument: Any) -> tuple[str, list[Any]]:
        return handler, collect(self.name, handler, getattr(self.solution, handler)(argument))

    def _fire(self, call: Call) -> Answers:
        at = instant(call.at)
        self.clock.now = max(self.clock.now, at)
        if self._is_tick(call):
            return [self._answer(call.name, Due(at, call.name))]
        data = self.alarms.take(call.name, call.key)
        handler = self._alarm_handlers.get(call.name)
        if handler is None:
            raise LookupError(f"no @timer handler for alarm '{call.name}'")
        return [self._answer(handler, Due(at, call.name, call.key, data))]

    def _is_tick(self, call: Call) -> bool:
        return call.kind == "due" and not call.key and call.name in self._next_tick

    def _pass(self, call: Call) -> None:
        """A schedule's instant has passed."""
        if self._is_tick(call):
            self._fired[call.name] = call.at
            self._fired.keep()
            self._turn(call.name)

    def keep(self) -> None:
        assert self._call is not None
        self.state.keep()
        self.alarms.keep()
        self._figure_state.keep()
        self._pass(self._call)
        self._call = None

    def undo(self) -> None:
        self.state.undo()
        self.alarms.undo()
        self._figure_state.undo()
        self._call = None

    def skip(self, call: Call) -> None:
        if self._is_tick(call):
            self._pass(call)
        elif call.kind == "due":
            self.alarms.cancel(call.name, call.key)
            self.alarms.keep()

    def changes(self) -> Changes:
        return Changes(self.state.changes(), self._figure_state.changes(), self._fired.changes(), self.alarms.changes())

    def carry_over(self, state: Mapping[str, Any]) -> None:
        """Put another state in place of the one that was stored."""
        for key in [key for key in self.state if key not in state]:
            del self.state[key]
        for key, value in state.items():
            self.state[key] = value
        self.state.keep()

    def close(self) -> None:
        """Nothing to do: it ends with the engine."""


def make_instance(
    plugin: Plugin,
    plan: InstancePlan,
    stored: Stored | None,
    store: StoreView,
    tables: TableSet,
    workers: Workers,
    start: datetime,
    *,
    strict: bool = False,
    secrets: Mapping[str, str] | None = None,
    fetch: Callable[[str], bytes] | None = None,
) -> Instance:
    """A plugin's instance. One that an older version left behind has its state carried over by the plugin's hook.

    `fetch` reads one value of its state from the log; without it all of it stays in memory.
    """
    made = Instance(plan, plugin.cls, stored, store, tables, workers, start, strict=strict, secrets=secrets, fetch=fetch)
    if stored is not None and stored.version != plugin.cls.version:
        moved = call_hook(plugin, "storeloom_migrate_state", state=made.state.snapshot(), version=stored.version)
        if moved is not None:
            made.carry_over(moved)
    return made


def taken_by(plan: InstancePlan, streams: frozenset[str], event: Event) -> bool:
    """Whether an instance takes an event: of a stream it handles, from a source it is wired to, not its own."""
    if event.stream not in streams or event.source == plan.name:
        return False
    sources = plan.sources.get(event.stream)
    return not sources or event.source in sources


def declared(solution: str, cls: type[Solution], streams: frozenset[str]) -> Declared:
    """What a solution's class declares."""
    reads = frozenset(name.rstrip("?") for name in cls.reads)
    return Declared(solution, cls.version, streams, frozenset(cls.produces), frozenset(cls.kinds), reads, cls.kpis, cls.load)
