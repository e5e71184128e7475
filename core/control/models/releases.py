"""Releases: signed bundles of stores, one file each, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, LargeBinary, UniqueConstraint
from sqlmodel import Field

from storeloom.core.control.database import one_of
from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain

RELEASE_STATES = ("published", "withdrawn")
JOB_STATES = ("waiting", "composing", "publishing", "done", "failed")


class Release(OfChain, table=True):
    """The bundles of some stores, packed and signed at one time. `number` only ever rises within a chain; `digest` covers all bundles.

    `sources` names the revision of every template and overlay that went into it. `signed` tells whether its bundles are still signed: those
    of a release that was withdrawn are, until they could be taken out of the repository.
    """

    __tablename__ = "release"
    __table_args__ = (UniqueConstraint("chain", "number"), one_of("state", RELEASE_STATES))
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    number: int
    name: str
    notes: str = ""
    state: str = "published"
    signed: bool = True
    digest: str
    sources: dict[str, Any] = document()
    created: datetime = moment()
    created_by: str


class StoreRelease(OfChain, table=True):
    """One store's bundle of a release: the target `stores/<store>/<number>.json` of the chain's repository, and the wheels it needs.

    `bundle` names the bundle's parts by their hashes (`BundlePart`), so that thousands of like stores are kept, and compared, once.
    """

    __tablename__ = "store_release"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "release"], ["release.chain", "release.id"]),
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"]),
        CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
    )
    chain: str = Field(primary_key=True)
    release: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    target: str
    sha256: str
    length: int
    packages: list[dict[str, Any]] = document()
    bundle: dict[str, Any] = document()


class BundlePart(OfChain, table=True):
    """A part of bundles (a solution's config and devices, a store profile, a lock), known by the SHA-256 of its canonical JSON.

    `body` is that JSON packed by zlib: as bytes it comes out as it went in, which a JSON column does not promise of numbers.
    """

    __tablename__ = "bundle_part"
    __table_args__ = (CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),)
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    sha256: str = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


class ReleaseJob(OfChain, table=True):
    """A release in the making: how far it is, and in the end its release or what is wrong. `beat` is when it last moved.

    `owner` is the server (`control.lease`) that carries it out, for the `tries`-th time. `signed`: bundles of its `number` may be signed
    though no release names them.
    """

    __tablename__ = "release_job"
    __table_args__ = (ForeignKeyConstraint(["chain", "release"], ["release.chain", "release.id"]), one_of("state", JOB_STATES))
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    state: str = "waiting"
    wanted: dict[str, Any] = document()
    done: int = 0
    total: int = 0
    number: int | None = None
    release: str | None = None
    findings: list[dict[str, Any]] = document()
    created: datetime = moment()
    created_by: str
    beat: datetime = moment()
    owner: str | None = None
    tries: int = 0
    signed: bool = False
