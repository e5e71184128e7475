"""One running solution: its context, its handlers, and what is due next."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storeloom.core.kernel.contract import Due, Solution
from storeloom.core.kernel.events import Event, Out
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import BoundDevice, InstancePlan
from storeloom.core.runtime.log import StoreLog, instant, micros
from storeloom.core.runtime.schedule import instants, resolve
from storeloom.core.runtime.state import Alarms, FigureBook, State
from storeloom.core.runtime.tables import DeclaredTables, TableSet

Answers = list[tuple[str, list[Out]]]
FIGURES, TICKS = "#figures", "#ticks"


@dataclass
class InstanceClock:
    """The instance's time: the arrival of what it handles now."""

    now: datetime


class StoreView:
    """The store profile as solutions see it."""

    def __init__(self, profile: Mapping[str, Any]) -> None:
        self.profile = profile
        self.id = str(profile["store"])
        self.format = str(profile["format"])
        self.currency = str(profile.get("currency", "CNY"))
        self.language = str(profile.get("language", "zh"))
        self.hours = StoreHours(str(profile["zone"]), profile["hours"])


class EnginePackage:
    """An engine under `workers/`: what its package offers, and its modules, imported on first use."""

    def __init__(self, name: str) -> None:
        self._package = importlib.import_module(f"storeloom.workers.{name}")

    def __getattr__(self, name: str) -> Any:
        if hasattr(self._package, name) or name.startswith("_"):
            return getattr(self._package, name)
        return importlib.import_module(f"{self._package.__name__}.{name}")


class Workers:
    """The engines by name; the vision engine is one object, so that cameras share its detector."""

    def __init__(self) -> None:
        self._vision: Any = None

    @property
    def vision(self) -> Any:
        if self._vision is None:
            self._vision = importlib.import_module("storeloom.workers.vision.pipeline").VisionWorker()
        return self._vision

    def __getattr__(self, name: str) -> EnginePackage:
        if name.startswith("_"):
            raise AttributeError(name)
        return EnginePackage(name)


@dataclass
class InstanceContext:
    """What the solution object holds; see `contract.Context`."""

    instance: str
    state: State
    timers: Alarms
    kpi: FigureBook
    tables: DeclaredTables
    clock: InstanceClock
    store: StoreView
    devices: Mapping[str, tuple[BoundDevice, ...]]
    workers: Workers
    log: logging.Logger
    secrets: Mapping[str, str] | None

    def secret(self, name: str) -> str:
        if self.secrets is None:
            return name
        if name not in self.secrets:
            raise LookupError(f"the store has no secret '{name}'; put it into secrets.json of its data folder")
        return self.secrets[name]


class Instance:
    """A solution instance in a store. It decides what is due and runs handlers; the engine decides what becomes of their outputs."""

    def __init__(
        self,
        plan: InstancePlan,
        cls: type[Solution],
        log: StoreLog,
        store: StoreView,
        tables: TableSet,
        workers: Workers,
        start: datetime,
        *,
        strict: bool = False,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.cls = cls
        known = log.instances().get(self.name)
        self.fresh = known is None
        self.offset = known[0] if known else log.last
        self.clock = InstanceClock(instant(known[1]) if known else start)
        self.started = instant(known[2]) if known else start
        self.handled = 0
        self._saved: tuple[int, int, int] | None = None
        self.state = State(log.load_state(self.name), strict=strict)
        self.alarms = Alarms(log.load_alarms(self.name))
        self._figure_state = State(log.load_state(self.name + FIGURES), strict=strict)
        self._fired = State(log.load_state(self.name + TICKS))
        self._hours = store.hours
        self.figures = FigureBook(self.name, cls.kpis, self._figure_state, self._day)
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
        )
        self.solution = cls(cls.Config(**plan.config), context)  # type: ignore[arg-type]
        self._taken: tuple[str, str] | None = None
        self._handlers: dict[str, list[str]] = {}
        self._alarm_handlers: dict[str, str] = {}
        self._table_handlers: dict[str, list[str]] = {}
        self._ticks: dict[str, Iterator[datetime]] = {}
        self._next_tick: dict[str, int] = {}
        self._read_handlers()

    def _read_handlers(self) -> None:
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
                last = self._fired.get(name, micros(self.started))
                self._ticks[name] = instants(schedule, self._hours, instant(last))
                self._next_tick[name] = micros(next(self._ticks[name]))

    def _day(self) -> str:
        return self._hours.store_day(self.clock.now).isoformat()

    @property
    def streams(self) -> frozenset[str]:
        return frozenset(self._handlers)

    def takes(self, event: Event) -> bool:
        """Whether an event is for this instance: of a stream it handles, from a source it is wired to, not its own."""
        if event.stream not in self._handlers or event.source == self.name:
            return False
        sources = self.plan.sources.get(event.stream)
        return not sources or event.source in sources

    def configure(self, config: Any) -> None:
        """Switch to another config, live."""
        self.solution.config = config

    def due(self) -> tuple[int, str, str] | None:
        """What comes due next: instant (microseconds), handler or alarm name, alarm key ("" for a schedule). Alarms go before ticks."""
        alarm = self.alarms.next()
        tick = min(((at, name) for name, at in self._next_tick.items()), default=None)
        if tick is not None and (alarm is None or tick[0] < alarm[0]):
            return tick[0], tick[1], ""
        return (alarm[0], alarm[1], alarm[2]) if alarm else None

    def start(self) -> Answers:
        return [("start", collect(self.solution.start()))]

    def fire(self, at: int, name: str, key: str) -> Answers:
        """Run what came due."""
        self.clock.now = max(self.clock.now, instant(at))
        if name in self._next_tick and not key:
            self._fired[name] = at
            self._next_tick[name] = micros(next(self._ticks[name]))
            return [(name, collect(getattr(self.solution, name)(Due(instant(at), name))))]
        self._taken = (name, key)
        data = self.alarms.take(name, key)
        handler = self._alarm_handlers.get(name)
        if handler is None:
            raise LookupError(f"no @timer handler for alarm '{name}'")
        return [(handler, collect(getattr(self.solution, handler)(Due(instant(at), name, key, data))))]

    def handle(self, event: Event) -> Answers:
        """Run the handlers of an event's stream."""
        self.handled += 1
        self.clock.now = max(self.clock.now, event.received or event.time)
        return [(name, collect(getattr(self.solution, name)(event))) for name in self._handlers[event.stream]]

    def table_changed(self, table: str, at: datetime) -> Answers:
        self.clock.now = max(self.clock.now, at)
        return [(name, collect(getattr(self.solution, name)(table))) for name in self._table_handlers.get(table, ())]

    def keep(self) -> None:
        """The handler's changes stand."""
        self._taken = None
        self.state.keep()
        self.alarms.keep()
        self._figure_state.keep()
        self._fired.keep()

    def undo(self) -> None:
        """The handler's changes are taken back; the instant of a schedule or an alarm has passed all the same."""
        self.state.undo()
        self.alarms.undo()
        if self._taken is not None:
            self.alarms.cancel(*self._taken)
            self.alarms.keep()
            self._taken = None
        self._figure_state.undo()
        self._fired.keep()

    def save(self, log: StoreLog) -> None:
        """Write what changed since the last save; inside the log's transaction."""
        log.save_state(self.name, self.state.changes())
        log.save_state(self.name + FIGURES, self._figure_state.changes())
        log.save_state(self.name + TICKS, self._fired.changes())
        for name, key, due, data in self.alarms.changes():
            log.save_alarm(self.name, name, key, due, data)
        mark = self.offset, micros(self.clock.now), micros(self.started)
        if mark != self._saved:
            log.save_instance(self.name, self.plan.solution, self.cls.version, *mark)
            self._saved = mark


def collect(result: Iterable[Out] | Out | None) -> list[Out]:
    """A handler's answer as a list, whichever way it was given."""
    if result is None:
        return []
    return [result] if isinstance(result, Out) else list(result)
