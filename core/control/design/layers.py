"""The layers of stores: template at the revision that a store is built on, overlays of its format and regions, the store's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlmodel import Session, col, select

from storeloom.core.control.models.designs import Design, DesignRevision, StoreDesign
from storeloom.core.control.models.fleet import Region, Store
from storeloom.core.kernel.documents import Document

DEFAULT = "default"
MANY = 500  # names in one question to the database


@dataclass(frozen=True)
class Written:
    """One layer as it was written: of a `level`, the revision `version` of the design `id` (for a store's own layer, the store)."""

    level: str
    id: str
    version: int
    body: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How findings and origins name it."""
        return f"{self.level} {self.id} rev {self.version}"

    @cached_property
    def document(self) -> Document:
        return Document(self.label, dict(self.body), None)


@dataclass(frozen=True)
class StoreLayers:
    """A store and its layers, from the base to the most particular; the last is the store's own."""

    store: Store
    design: StoreDesign
    layers: tuple[Written, ...]

    @property
    def profile(self) -> Document:
        return Document(f"store {self.store.id} profile", self.store.profile, None)

    @property
    def shared(self) -> tuple[Written, ...]:
        """What the store has of others."""
        return self.layers[:-1]

    @property
    def own(self) -> Written:
        return self.layers[-1]

    def sources(self) -> dict[str, int]:
        """The revision of every design among the layers."""
        return {layer.id: layer.version for layer in self.shared}


@dataclass
class Book:
    """What a chain wrote, read once for many stores."""

    overlays: dict[tuple[str, str], list[tuple[Design, Written]]]
    parents: dict[str, str | None]
    templates: dict[tuple[str, int], Written] = field(default_factory=dict)

    def of(self, store: Store, design: StoreDesign) -> StoreLayers:
        """A store's layers."""
        layers = [self.templates[design.template, design.template_version]]
        for key in [("format", str(store.profile.get("format"))), *(("region", region) for region in self._regions(store.region))]:
            layers += [written for row, written in self.overlays.get(key, ()) if row.template in (None, design.template)]
        layers.append(Written("store", store.id, design.version, design.own))
        return StoreLayers(store, design, tuple(layers))

    def _regions(self, region: str | None) -> list[str]:
        """A region and those that it lies in, the widest first."""
        found: list[str] = []
        while region is not None and region not in found:
            found.append(region)
            region = self.parents.get(region)
        return found[::-1]


def read_book(session: Session, chain: str) -> Book:
    """The chain's overlays as they stand, and its regions; templates are read as they are asked for."""
    rows = session.exec(select(Design).where(Design.chain == chain, Design.level != "template", col(Design.retired).is_(None)))
    overlays: dict[tuple[str, str], list[tuple[Design, Written]]] = {}
    for row in sorted(rows, key=lambda row: (row.template is not None, row.id)):  # for all stores before for those on one template
        overlays.setdefault((row.level, row.target or ""), []).append((row, Written(row.level, row.id, row.version, row.body)))
    parents = dict(session.exec(select(Region.id, Region.parent).where(Region.chain == chain)).all())
    return Book(overlays, parents)


def layers_of(session: Session, chain: str, stores: Iterable[Store], book: Book | None = None) -> tuple[list[StoreLayers], list[Store]]:
    """The layers of stores, and the stores that are built on no template; what they share by a book that was read before."""
    book, wanted = book or read_book(session, chain), list(stores)
    designs = {row.store: row for row in _by_store(session, chain, [store.id for store in wanted])}
    for key in sorted({(row.template, row.template_version) for row in designs.values()}):
        if key not in book.templates:
            book.templates[key] = template_at(session, chain, *key)
    found = [book.of(store, designs[store.id]) for store in wanted if store.id in designs]
    return found, [store for store in wanted if store.id not in designs]


def template_at(session: Session, chain: str, template: str, version: int) -> Written:
    """A template as a revision of it says. KeyError where there is none."""
    row = session.get(DesignRevision, (chain, template, version))
    if row is None:
        raise KeyError(template, version)
    return Written("template", template, version, row.body)


def _by_store(session: Session, chain: str, stores: list[str]) -> Iterable[StoreDesign]:
    for begin in range(0, len(stores), MANY):
        found = select(StoreDesign).where(StoreDesign.chain == chain, col(StoreDesign.store).in_(stores[begin : begin + MANY]))
        yield from session.exec(found)
