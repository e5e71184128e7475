"""The contract of a solution: what a plugin module declares and what it may touch.

A module holds one subclass of `Solution`: titles, formats, what it puts out, its devices, tables and figures, a `Config`, and handlers
marked `@on` (streams), `@every` (schedules), `@timer` (alarms that it set itself) and `@on_table`. What it consumes is read from the
handlers, its id from the file's name, pillar and scenario from the folder. Handlers touch the world only through what they return or
yield and through the context: `config`, `state`, `timers`, `kpi`, `tables`, `clock`, `store`, `devices`, `workers`, `log`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from storeloom.core.kernel.events import Event, Out, out
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import BoundDevice
from storeloom.core.kernel.timetable import Schedule, check_schedule

__all__ = [
    "Due",
    "Event",
    "Kpi",
    "Out",
    "Problem",
    "Schedule",
    "Solution",
    "SolutionConfig",
    "every",
    "kpi",
    "on",
    "on_table",
    "out",
    "setting",
    "timer",
]

Effect = Literal["live", "reload", "restart"]
Load = Literal["light", "vision", "forecast", "optimise"]
# The widgets that are drawn on a camera's picture, each with the keys of a row that hold its geometry.
DRAWN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("line", "polygon", "box", "floor_points"), ()),
    **{"lines": ("from", "to"), "polygons": ("polygon",), "quads": ("polygon",), "boxes": ("box",)},
}
Handler = TypeVar("Handler", bound=Callable[..., Any])


class SolutionConfig(BaseModel):
    """Base of every solution's config: unknown keys are refused, values do not change under a handler."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def setting(
    default: Any,
    en: str,
    zh: str,
    *,
    unit: str | None = None,
    effect: Effect = "live",
    widget: str | None = None,
    help_en: str | None = None,
    help_zh: str | None = None,
    since: str | None = None,
    use: str | None = None,
    **limits: Any,
) -> Any:
    """One config key: its default, titles in both languages and, where it has one, its unit.

    `effect` says when a change counts: `live` with the next event, `reload` when the solution is made anew with its state kept,
    `restart` when its process starts again. `widget` names the form's control where the type does not (`secret`, `time`, `cron`,
    `product`, `device`, `table`). `limits` are pydantic's (`ge`, `le`, `gt`, `lt`, `min_length`, `max_length`, `pattern`).

    These widgets are drawn on a camera's picture, in shares of it, y down: `line` ([[x, y], [x, y]]), `polygon` ([[x, y], ...]), `box`
    ([x, y, w, h]), `floor_points` ([[[x, y], [x_m, y_m]], ...]), and lists of rows: `lines` (with `from` and `to`), `polygons` and `quads`
    (with `polygon`), `boxes` (with `box`). A row's `camera`, or what has the widget `device`, is the camera on whose picture it is drawn;
    its plain other keys are asked for beside it. A list whose items are no objects has the geometry alone.

    A key that is to go is deprecated `since` a version of the plugin, with another to `use` instead: who sets it is told, and with the next
    major version it may be gone.
    """
    extra: dict[str, Any] = {"x-zh": zh, "x-effect": effect, **({"deprecated": True} if since else {})}
    for key, value in (("x-unit", unit), ("x-widget", widget), ("x-help-zh", help_zh), ("x-since", since), ("x-use", use)):
        if value is not None:
            extra[key] = value
    kind = "default_factory" if callable(default) else "default"
    return Field(**{kind: default}, title=en, description=help_en, json_schema_extra=extra, **limits)


class Kpi(NamedTuple):
    """A named figure of a solution: its unit and its titles."""

    unit: str
    en: str
    zh: str


def kpi(unit: str, en: str, zh: str) -> Kpi:
    """Declare a figure: unit (`count`, `%`, `s`, `min`, `currency` in minor units...) and titles."""
    return Kpi(unit, en, zh)


class Problem(NamedTuple):
    """What a cross-field check of a config found: the key (dotted), the words, and what to do."""

    path: str
    en: str
    zh: str
    remedy_en: str
    remedy_zh: str


class Due(NamedTuple):
    """A schedule or an alarm that has come due. `time` is the instant it was set for, `key` and `data` are the alarm's own."""

    time: datetime
    name: str = ""
    key: str = ""
    data: Mapping[str, Any] = {}


def on(*streams: str) -> Callable[[Handler], Handler]:
    """The handler takes these streams; a name that ends in `?` is optional (the solution works without a source for it)."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["__streams__"] = streams
        return handler

    return mark


def every(
    interval: str | None = None,
    *,
    at: str | None = None,
    weekday: int | None = None,
    only: Literal["always", "open"] = "always",
    cron: str | None = None,
) -> Callable[[Handler], Handler]:
    """The handler runs on the store's clock, by an interval or by a cron text.

    `interval`: `30s`, `15m`, `1h` (time that has gone by since the store's midnight), `1d`, or `config.KEY` with its unit
    (`config.step_s`, `config.interval|s`). With `1d`, `at` is `open`, `close`, `HH:MM` in store time, `config.KEY` that holds one of
    these, each with an offset if wanted (`close-30m`); days on which the store stays closed have no `open` and `close`. `weekday`
    (1 Monday .. 7 Sunday) thins days to weeks. `only="open"` skips what falls outside opening hours.

    `cron`: five fields in store time (`0 6 * * 1-5`), or `config.KEY` of a setting with `widget="cron"`. Where the clocks change it
    keeps to Debian's cron: a job at set times runs once, after the gap where the gap took its time; one whose minute or hour begins
    with `*` follows the wall clock, which skips the gap and shows the repeated hour twice.

    ValueError when neither or both are given, or the text cannot be used; so a plugin with a wrong one is named when it is loaded.
    """
    schedule = Schedule(interval, at, weekday, only, cron)
    check_schedule(schedule)

    def mark(handler: Handler) -> Handler:
        handler.__dict__["__schedule__"] = schedule
        return handler

    return mark


def timer(name: str) -> Callable[[Handler], Handler]:
    """The handler takes the alarms that the solution sets with `self.timers.set(name, key, at, data)`."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["__timer__"] = name
        return handler

    return mark


def on_table(*tables: str) -> Callable[[Handler], Handler]:
    """The handler runs when one of these tables was replaced; it is given the table's name."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["__tables__"] = tables
        return handler

    return mark


class Clock(Protocol):
    """The solution's time: the arrival of the event at hand, virtual in a dry run. Never the wall clock."""

    @property
    def now(self) -> datetime: ...


class Timers(Protocol):
    """Alarms kept with the state: they survive a restart and fire in order of time."""

    def set(self, name: str, key: str, at: datetime, data: Mapping[str, Any] | None = None) -> None: ...
    def cancel(self, name: str, key: str) -> None: ...
    def get(self, name: str, key: str) -> datetime | None: ...


class Figures(Protocol):
    """Named figures, kept by store day: sums, shares, last values, and samples for means and quantiles."""

    def add(self, name: str, amount: float = 1) -> None: ...
    def share(self, name: str, part: float, whole: float) -> None: ...
    def set(self, name: str, value: float | None) -> None: ...
    def sample(self, name: str, value: float, how: str = "mean") -> None: ...


class Table(Protocol):
    """One reference table as it stands at the solution's time (rows outside their validity are not seen)."""

    def get(self, *key: Any) -> Mapping[str, Any] | None: ...
    def rows(self, **where: Any) -> list[Mapping[str, Any]]: ...
    def all_rows(self) -> list[Mapping[str, Any]]: ...
    def derived(self, what: str, build: Callable[[list[Mapping[str, Any]]], Any]) -> Any: ...


class Tables(Protocol):
    """The declared tables by name: `self.tables.products.get(gtin)`."""

    def __getattr__(self, name: str) -> Table: ...


class Store(Protocol):
    """The store profile as a solution sees it."""

    id: str
    format: str
    currency: str
    language: str
    hours: StoreHours

    @property
    def profile(self) -> Mapping[str, Any]: ...


class Pictures(Protocol):
    """Pictures that the solution keeps for a purpose and a time, as files' bytes by name; deleted at `delete_by` whatever becomes of it.

    Nothing of a picture may stand in state or outputs but its name. `read` gives None for one that is not there (any longer).
    """

    def keep(self, name: str, data: bytes, *, purpose: str, delete_by: datetime) -> None: ...
    def read(self, name: str) -> bytes | None: ...
    def delete(self, name: str) -> None: ...


class Context(Protocol):
    """All that a solution is given; a test can make one from plain values."""

    instance: str
    state: MutableMapping[str, Any]
    timers: Timers
    kpi: Figures
    tables: Tables
    clock: Clock
    store: Store
    devices: Mapping[str, tuple[BoundDevice, ...]]
    workers: Any
    log: Any
    pictures: Pictures

    def secret(self, name: str) -> str: ...


class Solution:
    """Base of every solution; see the module's text for what a subclass declares."""

    number: ClassVar[int | None] = None
    zh: ClassVar[str]
    en: ClassVar[str]
    purpose_zh: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]
    produces: ClassVar[tuple[str, ...]]
    adapters: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ()
    kpis: ClassVar[Mapping[str, Kpi]] = {}
    kinds: ClassVar[Mapping[str, tuple[str, str]]] = {}
    load: ClassVar[Load] = "light"
    version: ClassVar[str] = "1.0.0"

    class Config(SolutionConfig):
        """Nothing to set."""

    def __init__(self, config: Any, context: Context) -> None:
        self.config = config
        self.context = context
        self.state = context.state
        self.timers = context.timers
        self.kpi = context.kpi
        self.tables = context.tables
        self.clock = context.clock
        self.store = context.store
        self.devices = context.devices
        self.workers = context.workers
        self.log = context.log

    @property
    def now(self) -> datetime:
        return self.clock.now

    @property
    def pictures(self) -> Pictures:
        return self.context.pictures

    def say(self, en: str, zh: str) -> str:
        """The words for people in the store's language."""
        return zh if self.store.language.startswith("zh") else en

    def secret(self, name: str) -> str:
        """The value of a secret that the config names (`widget="secret"`); a config, log or bundle never holds the value itself.

        In a dry run and in an episode the value is the name. LookupError when the store does not have it.
        """
        return self.context.secret(name)

    def start(self) -> Iterable[Out] | Out | None:
        """Runs once, when the instance is first started in a store, before its first event."""
        return None
