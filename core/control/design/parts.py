"""Packed bundles taken apart: what stores have in common is kept, and compared, once, known by its hash.

A bundle is its store's profile and a design: the solutions, each a part of its own, their order, profiles, arbitration, runtime, lock.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlmodel import Session, col, select

from storeloom.core.control.models.releases import BundlePart
from storeloom.core.kernel.lock import PACKED, canonical, packed_text

MANY = 500
LEVEL = 1  # of packing: fast


@dataclass
class Parts:
    """Parts of bundles by their hashes, read from the database as they are asked for; `new` are those that it may not hold yet, packed."""

    new: MutableMapping[str, bytes] = field(default_factory=dict)
    _known: dict[str, Any] = field(default_factory=dict)

    def put(self, value: Any) -> str:
        """Keep a part; its hash."""
        text = canonical(value)
        name = hashlib.sha256(text).hexdigest()
        if name not in self.new:
            self.new[name] = zlib.compress(text, LEVEL)
        return name

    def get(self, name: str) -> Any:
        return self._known[name]

    def read(self, session: Session, chain: str, names: Iterable[str]) -> None:
        """Have these parts at hand. KeyError where one is not kept."""
        wanted = sorted(set(names) - self._known.keys())
        for begin in range(0, len(wanted), MANY):
            some = wanted[begin : begin + MANY]
            rows = select(BundlePart.sha256, BundlePart.body).where(BundlePart.chain == chain, col(BundlePart.sha256).in_(some))
            self._known.update((name, orjson.loads(zlib.decompress(body))) for name, body in session.exec(rows))
        missing = [name for name in wanted if name not in self._known]
        if missing:
            raise KeyError(missing[0])

    def write(self, session: Session, chain: str) -> None:
        """Keep what is new. The caller holds the chain's lock, so that nobody writes the same part beside it."""
        names = sorted(self.new)
        for begin in range(0, len(names), MANY):
            some = names[begin : begin + MANY]
            there = set(session.exec(select(BundlePart.sha256).where(BundlePart.chain == chain, col(BundlePart.sha256).in_(some))))
            session.add_all([BundlePart(chain=chain, sha256=name, body=self.new[name]) for name in some if name not in there])
            session.flush()
        self.new.clear()


def put_design(body: Mapping[str, Any], parts: Parts) -> str:
    """Keep all of a bundle but its store; its hash. A solution stands there by its id and the hash of its config, devices and sources."""
    common = {key: body[key] for key in ("order", "profiles", "arbitrate", "runtime")}
    solutions = {name: [one["solution"], parts.put(one)] for name, one in body["solutions"].items()}
    return parts.put({**common, "solutions": solutions, "lock": parts.put(body["lock"])})


def names_within(design: Mapping[str, Any]) -> list[str]:
    """The parts that a design is made of."""
    return [*(name for _, name in design["solutions"].values()), design["lock"]]


def put_together(session: Session, chain: str, index: Mapping[str, Any], parts: Parts | None = None) -> bytes:
    """The packed bundle of an index, byte for byte as it was packed."""
    parts = parts or Parts()
    parts.read(session, chain, [index["store"], index["design"]])
    design = parts.get(index["design"])
    parts.read(session, chain, names_within(design))
    body = {
        "document": PACKED,
        "name": index["name"],
        "digest": index["digest"],
        "store": parts.get(index["store"]),
        "solutions": {name: parts.get(one) for name, (_, one) in design["solutions"].items()},
        "lock": parts.get(design["lock"]),
        **{key: design[key] for key in ("order", "profiles", "arbitrate", "runtime")},
    }
    return packed_text(body)
