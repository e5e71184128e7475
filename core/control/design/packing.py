"""Composing and packing stores some at a time, so that what a release of thousands is made of lies on disk and not in memory.

Stores are read twice: once for what tells those apart that compose differently, then in that order, so that those that are alike follow on
each other and are composed once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from storeloom.core.control.agents import machines
from storeloom.core.control.agents.desired import chunks
from storeloom.core.control.database import reading
from storeloom.core.control.design.composing import Composer, Made
from storeloom.core.control.design.layers import Book, StoreLayers, layers_of, read_book
from storeloom.core.control.design.parts import Parts, put_design
from storeloom.core.control.design.wheels import Wheels
from storeloom.core.control.models.fleet import Store
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.kernel.lock import packed_body, packed_text
from storeloom.core.trust.wire import Machine

TOLD_FAULTY = 20  # stores whose findings are told in full
AT_ONCE = 200  # stores in memory
Some = list[tuple[StoreLayers, Machine | None]]


@dataclass(frozen=True, slots=True)
class Packed:
    """A store's bundle, packed into a file of the job's folder that is named by its hash."""

    store: str
    sha256: str
    length: int


@dataclass
class Outcome:
    """What packing a choice of stores came to."""

    packed: list[Packed] = field(default_factory=list)
    faulty: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    sources: dict[str, set[int]] = field(default_factory=dict)
    composed: int = 0


class FilePart(MutableMapping[str, bytes]):
    """Parts of bundles in one file; only where each lies is in memory. It grows until it is cleared; a part is never replaced."""

    def __init__(self, file: Path) -> None:
        self._file, self._places = file.open("w+b"), dict[str, tuple[int, int]]()

    def __setitem__(self, name: str, data: bytes) -> None:
        self._places[name] = self._file.seek(0, 2), len(data)
        self._file.write(data)

    def __getitem__(self, name: str) -> bytes:
        begin, length = self._places[name]
        self._file.seek(begin)
        return self._file.read(length)

    def __delitem__(self, name: str) -> None:
        del self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def close(self) -> None:
        """Nothing more is asked of it."""
        self._file.close()


class Spool:
    """What becomes of a release while it is made: bundles, their rows, and the parts that they share, in files of `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept = FilePart(folder / "parts")
        self.parts = Parts(self._kept)
        self._rows = (folder / "rows").open("w+b")

    def keep(self, one: Packed, data: bytes, row: Mapping[str, Any]) -> None:
        """A store's bundle, and what its row in the database will say beside it."""
        self.file(one.sha256).write_bytes(data)
        self._rows.write(orjson.dumps({"store": one.store, "sha256": one.sha256, "length": one.length, **row}) + b"\n")

    def file(self, sha256: str) -> Path:
        """Where a bundle lies."""
        return self.folder / sha256

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order in which they came."""
        self._rows.seek(0)
        for line in self._rows:
            yield orjson.loads(line)

    def close(self) -> None:
        """Nothing more is asked of it."""
        self._kept.close()
        self._rows.close()


class Reader:
    """Reads stores with their layers, some at a time; what they share as it stood when it began."""

    def __init__(self, engine: Engine, chain: str) -> None:
        self._engine, self._chain = engine, chain
        self._machines: dict[str, Machine] = {}
        with reading(engine) as session:
            self._book: Book = read_book(session, chain)

    def ordered(self, stores: Iterable[str], composer: Composer) -> tuple[list[str], list[str]]:
        """These stores, alike ones together; and those that are built on no template."""
        found: list[tuple[bytes, str]] = []
        without: list[str] = []
        for some in chunks(stores, AT_ONCE):
            with reading(self._engine) as session:
                layered, lacking = layers_of(session, self._chain, self._rows(session, some), self._book)
            found += [(hashlib.sha256(repr(composer.key(one)).encode()).digest(), one.store.id) for one in layered]
            without += [one.id for one in lacking]
        return [store for _, store in sorted(found)], without

    def pages(self, stores: Iterable[str]) -> Iterator[Some]:
        """These stores in their order, each with the machine that its agent told of."""
        for some in chunks(stores, AT_ONCE):
            with reading(self._engine) as session:
                layered, _ = layers_of(session, self._chain, self._rows(session, some), self._book)
                where = machines.known_to(session, self._chain, some)
                self._machines |= machines.read(session, self._chain, set(where.values()) - self._machines.keys())
            yield [(one, self._machines.get(where.get(one.store.id, ""))) for one in layered]

    def _rows(self, session: Session, stores: Iterable[str]) -> list[Store]:
        wanted = list(stores)
        found = {row.id: row for row in session.exec(select(Store).where(Store.chain == self._chain, col(Store.id).in_(wanted)))}
        return [found[store] for store in wanted if store in found]


def pack_all(pages: Iterable[Some], composer: Composer, wheels: Wheels, spool: Spool, beat: Callable[[int], None]) -> Outcome:
    """Compose and pack stores; of those that are alike and follow on each other the first is composed."""
    outcome, group = Outcome(), _Group(composer, wheels, spool)
    for page in pages:
        for store, machine in page:
            for design, version in store.sources().items():
                outcome.sources.setdefault(design, set()).add(version)
            faults = group.faults(store, machine, told_whole=len(outcome.faulty) < TOLD_FAULTY)
            if faults:
                outcome.faulty[store.store.id] = faults
            elif not outcome.faulty:
                outcome.packed.append(group.pack(store, machine))
            outcome.composed = group.composed
            beat(len(outcome.packed) + len(outcome.faulty))
    return outcome


class _Group:
    """Stores that are alike: their composition, the design in it, and the wheels that it needs on each machine."""

    def __init__(self, composer: Composer, wheels: Wheels, spool: Spool) -> None:
        self._composer, self._wheels, self._spool = composer, wheels, spool
        self._key: Any = None
        self._made: Made | None = None
        self._design: str | None = None
        self._needed: dict[int, list[dict[str, Any]] | tuple[Finding, ...]] = {}
        self.composed = 0

    def faults(self, store: StoreLayers, machine: Machine | None, *, told_whole: bool) -> tuple[Finding, ...]:
        """What keeps a store from being packed; unless it is `told_whole`, as the first of its group."""
        key = self._composer.key(store)
        if self._made is None or self._made.personal or key != self._key:
            self._made, self._key, self._design, self._needed = self._composer.compose(store), key, None, {}
            self.composed += 1
            fresh = True
        else:
            fresh = False
        if self._made.errors:
            if told_whole:
                return self._made.errors if fresh else self._composer.compose(store).errors
            return self._made.errors[:1]
        needed = self._wheels_on(machine)
        return needed if isinstance(needed, tuple) else ()

    def pack(self, store: StoreLayers, machine: Machine | None) -> Packed:
        """A store without faults."""
        made, parts = self._made, self._spool.parts
        assert made is not None
        body = packed_body(store.store.name, made.plan_for(store), made.lock)
        data = packed_text(body)
        self._design = self._design or put_design(body, parts)
        index = {"name": body["name"], "digest": body["digest"], "store": parts.put(body["store"]), "design": self._design}
        index |= {"sources": store.sources(), "own": store.own.version, "secrets": sorted({use.name for use in made.secrets})}
        one = Packed(store.store.id, hashlib.sha256(data).hexdigest(), len(data))
        self._spool.keep(one, data, {"packages": self._wheels_on(machine), "bundle": index})
        return one

    def _wheels_on(self, machine: Machine | None) -> list[dict[str, Any]] | tuple[Finding, ...]:
        assert self._made is not None
        if id(machine) not in self._needed:
            try:
                self._needed[id(machine)] = self._wheels.needed(self._made, self._composer.catalogue, machine)
            except BundleFault as fault:
                self._needed[id(machine)] = tuple(fault.findings)
        return self._needed[id(machine)]
