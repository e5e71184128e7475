"""The forms of designs: what comes in of templates, overlays and stores' own layers, what is told of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from storeloom.core.control.api.problems import FindingOut
from storeloom.core.control.api.route import PageQuery, Wire
from storeloom.core.control.api.stores import ID
from storeloom.core.control.design.choosing import Choice
from storeloom.core.control.design.merging import Take

Level = Literal["template", "format", "region"]
NOTE: Any = Field("", max_length=500)
REVISION = 1_000_000


class DesignChange(Wire):
    """A revision of a design: what stands in a bundle, without what names or places it."""

    name: str = Field(min_length=1, max_length=200)
    body: dict[str, Any]
    note: str = NOTE


class DesignNew(DesignChange):
    """A design with its id, and what it is for: a template; an overlay of a format or a region, of all their stores or one template's."""

    id: str = Field(pattern=ID)
    level: Level
    target: str | None = Field(None, max_length=63)
    template: str | None = Field(None, max_length=63)


class DesignOut(Wire):
    """A design as it stands."""

    id: str
    level: Level
    target: str | None
    template: str | None
    name: str
    version: int
    body: dict[str, Any]
    changed: datetime
    changed_by: str
    retired: datetime | None


class DesignQuery(PageQuery):
    """Which designs."""

    level: Level | None = None
    target: str | None = Field(None, max_length=63)
    template: str | None = Field(None, max_length=63)


class RevisionOut(Wire):
    """A revision of a design as it was written."""

    version: int
    body: dict[str, Any]
    at: datetime
    author: str
    note: str


class DesignCheck(Wire):
    """A design that is to be checked without being written."""

    level: Level | Literal["store"]
    body: dict[str, Any]


class Findings(Wire):
    """All findings; `ok` where none is an error."""

    ok: bool
    findings: list[FindingOut]


class StoreBuild(Wire):
    """Build a store on a template, at its newest revision where none is named."""

    template: str = Field(max_length=63)
    template_version: int | None = Field(None, ge=1, le=REVISION)
    own: dict[str, Any] = Field(default_factory=dict)


class OwnChange(Wire):
    """A store's own layer, written anew."""

    own: dict[str, Any]
    note: str = NOTE


class StoreDesignOut(Wire):
    """What a store is built on. `template_newest` is the newest revision of its template."""

    store: str
    template: str
    template_version: int
    template_newest: int
    own: dict[str, Any]
    version: int
    changed: datetime
    changed_by: str


class StoreDesignQuery(PageQuery):
    """Stores on which template; all that are on one where none is named."""

    template: str | None = Field(None, max_length=63)


class StoreOnTemplate(Wire):
    """A store and the revision of the template that it is built on."""

    store: str
    template: str
    template_version: int
    version: int
    changed: datetime
    changed_by: str


class StoreRevisionOut(Wire):
    """A revision of what a store is built on."""

    version: int
    template: str
    template_version: int
    own: dict[str, Any]
    at: datetime
    author: str
    note: str


class Reset(Wire):
    """The place (JSON Pointer) whose value is given back to the layers beneath."""

    path: str = Field(min_length=1, max_length=1000)
    note: str = NOTE


class Chosen(Wire):
    """What to take at a conflict's place."""

    path: str = Field(min_length=1, max_length=1000)
    take: Take


class Move(Wire):
    """To which revision of its template a store goes, and what to take where the two differ."""

    to: int = Field(ge=1, le=REVISION)
    choices: list[Chosen] = Field(default_factory=list, max_length=1000)


class MoveQuery(Wire):
    """To which revision."""

    to: int = Field(ge=1, le=REVISION)


class ConflictOut(Wire):
    """A place where a template's change and a store's own layer differ; `absent` lists the sides that have no value there."""

    path: str
    base: Any
    theirs: Any
    ours: Any
    absent: list[str]


class MoveOut(Wire):
    """What a store's own layer would become; nothing is changed."""

    store: str
    to: int
    own: dict[str, Any]
    conflicts: list[ConflictOut]


class MoveAll(Wire):
    """To which revision the chosen stores on a template go."""

    to: int = Field(ge=1, le=REVISION)
    choice: Choice = Field(default_factory=Choice)


class MovedAll(Wire):
    """The stores that went, and the conflicts of those that stay until somebody chooses."""

    moved: list[str]
    conflicts: dict[str, list[ConflictOut]]


class EdgeOut(Wire):
    """A stream from a source (an instance, or `device:KIND`) to an instance."""

    source: str
    stream: str
    target: str
    needed: bool


class InstanceOut(Wire):
    """An instance as it is composed."""

    solution: str
    version: str
    config: dict[str, Any]
    devices: dict[str, list[str]]
    cores: float
    memory_mb: float


class CompositionOut(Findings):
    """A store composed: its instances, the graph of their wiring, what they take of the host, and all findings."""

    store: str
    layers: list[str]
    solutions: dict[str, InstanceOut]
    wiring: list[EdgeOut]
    cores: float
    memory_mb: float


class ExplainQuery(Wire):
    """At or below which place (JSON Pointer)."""

    path: str = Field("", max_length=1000)


class SaidOut(Wire):
    """A value and who said it."""

    level: str
    design: str | None
    revision: int | None
    value: Any


class ExplainedOut(Wire):
    """A value of a store, the layer that it comes from, and what it overrode, oldest first."""

    path: str
    value: Any
    origin: SaidOut
    overrode: list[SaidOut]


class ExplainedAll(Wire):
    """Every value at or below a place."""

    store: str
    values: list[ExplainedOut]
