"""The plugins that a chain composes with, installed here or published by its vendors: solutions, adapters, kinds of devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from storeloom.core.control.api.paging import page_of
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.design.catalogues import Published
from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Entry

catalogue = Resource("catalogue")


class SolutionQuery(PageQuery):
    """Which solutions."""

    pillar: Literal["people", "personnel", "process", "product", "premise"] | None = None
    scenario: str | None = Field(None, max_length=100)
    format: Literal["supermarket", "mall", "convenience", "specialty"] | None = None
    search: str | None = Field(None, max_length=100)


class SolutionOut(Wire):
    """A solution in a list."""

    id: str
    number: int | None
    en: str
    zh: str
    purpose_en: str
    purpose_zh: str
    pillar: str
    scenario: str
    formats: list[str]
    load: str
    version: str
    package: str
    enabled: bool


class SolutionWhole(SolutionOut):
    """All that is known of a solution without running it, and the schema of its config."""

    consumes: list[str]
    produces: list[str]
    adapters: list[str]
    kpis: dict[str, Any]
    config: dict[str, Any]


class AdapterOut(Wire):
    """An adapter: a driver of a kind of device."""

    id: str
    kind: str
    en: str
    zh: str
    version: str
    package: str


class AdapterWhole(AdapterOut):
    """An adapter with the schema of its settings."""

    settings: dict[str, Any]


class KindOut(Wire):
    """A kind of device: what it feeds, what it takes."""

    kind: str
    en: str
    zh: str
    feeds: list[str]
    takes: dict[str, str]


@catalogue.route(
    "GET", "/catalogue/solutions", "catalogue:read", "List solutions", "方案列表", query=SolutionQuery, answer=Page[SolutionOut]
)
def list_solutions(call: Call) -> Answer:
    """The solutions that are installed or published."""
    asked: SolutionQuery = call.query
    word = (asked.search or "").lower()
    found = [
        entry
        for entry in _shown(call, call.registry.catalogue.solutions).values()
        if asked.pillar in (None, entry["pillar"])
        and asked.scenario in (None, entry["scenario"])
        and (asked.format is None or asked.format in entry["formats"])
        and word in " ".join(str(text) for text in (entry.id, *(entry[key] for key in ("en", "zh", "purpose_en", "purpose_zh")))).lower()
    ]
    return Answer(page_of({entry.id: entry for entry in found}, asked, _solution))


@catalogue.route("GET", "/catalogue/solutions/{solution}", "catalogue:read", "One solution", "方案详情", answer=SolutionWhole)
def get_solution(call: Call) -> Answer:
    """A solution and the schema of its config."""
    entry = _one(call, call.registry.catalogue.solutions, "solution", "方案")
    more = {key: entry[key] for key in ("consumes", "produces", "adapters", "kpis")}
    return Answer({**_solution(entry), **more, "config": schemas.load(entry.schema_file)})


@catalogue.route("GET", "/catalogue/adapters", "catalogue:read", "List adapters", "适配器列表", query=PageQuery, answer=Page[AdapterOut])
def list_adapters(call: Call) -> Answer:
    """The adapters that are installed or published."""
    return Answer(page_of(_shown(call, call.registry.catalogue.adapters), call.query, _adapter))


@catalogue.route("GET", "/catalogue/adapters/{adapter}", "catalogue:read", "One adapter", "适配器详情", answer=AdapterWhole)
def get_adapter(call: Call) -> Answer:
    """An adapter and the schema of its settings."""
    entry = _one(call, call.registry.catalogue.adapters, "adapter", "适配器")
    return Answer({**_adapter(entry), "settings": schemas.load(entry.schema_file)})


@catalogue.route(
    "GET", "/catalogue/kinds", "catalogue:read", "List kinds of devices", "设备类别列表", query=PageQuery, answer=Page[KindOut]
)
def list_kinds(call: Call) -> Answer:
    """The kinds of devices that there are drivers for, or may be."""
    kinds = {kind: {"kind": kind, **facts} for kind, facts in call.registry.catalogue.adapter_kinds.items()}
    return Answer(page_of(kinds, call.query, lambda facts: {key: facts[key] for key in KindOut.model_fields}))


def _shown(call: Call, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries that somebody may see: of what was published, a vendor sees its own."""
    vendor = call.principal.vendor
    hidden = {name for name, one in entries.items() if isinstance(one.package, Published) and vendor not in (None, one.package.vendor)}
    return {name: one for name, one in entries.items() if name not in hidden}


def _one(call: Call, entries: Mapping[str, Entry], what: str, what_zh: str) -> Entry:
    """The entry that a path names. ApiFault where there is none; with the reason, where one is known and is for who asks."""
    name = call.path[what]
    entry = _shown(call, entries).get(name)
    why = call.registry.catalogue.absent.get(name) if call.principal.vendor is None else None
    if entry is None:
        raise missing(what, what_zh, name) if why is None or name in entries else ApiFault(404, why)
    return entry


def _solution(entry: Entry) -> dict[str, Any]:
    facts = entry.as_dict()
    return {key: facts.get(key) for key in SolutionOut.model_fields}


def _adapter(entry: Entry) -> dict[str, Any]:
    facts = entry.as_dict()
    return {key: facts.get(key) for key in AdapterOut.model_fields}
