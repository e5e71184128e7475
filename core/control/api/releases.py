"""Releases: asked for, made by a job, looked at, withdrawn; never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import event, func
from sqlmodel import col, select

from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import FindingOut, missing
from storeloom.core.control.api.route import Answer, Call, Later, Page, PageQuery, Resource, Wire
from storeloom.core.control.design import releaser, releasing
from storeloom.core.control.design.choosing import Choice
from storeloom.core.control.design.parts import put_together
from storeloom.core.control.models.releases import Release, ReleaseJob, StoreRelease

releases = Resource("releases")


class ReleaseNew(Wire):
    """A release to be made: of all open stores that are built on a template, or of those that `choice` means."""

    name: str = Field(min_length=1, max_length=200)
    notes: str = Field("", max_length=10_000)
    choice: Choice = Field(default_factory=Choice)


class JobFinding(Wire):
    """A finding, and the store that it is about, null for all."""

    store: str | None
    finding: FindingOut


class JobOut(Wire):
    """A release in the making: `done` of `total` stores; in the end `release`, or the findings that keep it from being made."""

    id: str
    state: str
    done: int
    total: int
    number: int | None
    release: str | None
    findings: list[JobFinding]
    created: datetime
    created_by: str
    beat: datetime


class ReleaseOut(Wire):
    """A release. `sources` names the revisions of the templates and overlays that went into it; `signed` says whether its bundles can still
    be fetched: those of a withdrawn release can, until they were taken out of the repository."""

    id: str
    number: int
    name: str
    notes: str
    state: str
    signed: bool
    digest: str
    sources: dict[str, list[int]]
    created: datetime
    created_by: str


class ReleaseWhole(ReleaseOut):
    """A release, and how many stores it has bundles for."""

    stores: int


class WheelOut(Wire):
    """A vendor's wheel that a bundle needs."""

    target: str
    sha256: str
    length: int


class StoreReleaseOut(Wire):
    """A store's bundle of a release: its signed target, its digest, the revisions that it was composed of."""

    store: str
    target: str
    sha256: str
    length: int
    packages: list[WheelOut]
    digest: str
    sources: dict[str, int]
    own: int
    secrets: list[str]


class Withdrawal(Wire):
    """Why a release must not run again."""

    reason: str = Field(min_length=1, max_length=1000)


@releases.route("GET", "/releases", "releases:read", "List releases", "发布列表", query=PageQuery, answer=Page[ReleaseOut])
def list_releases(call: Call) -> Answer:
    """The chain's releases in order of their numbers."""
    found = select(Release).where(Release.chain == call.chain)
    return Answer(page(call.session, found, [col(Release.number)], call.query, show))


@releases.route("POST", "/releases", "releases:write", "Make a release", "制作发布", body=ReleaseNew, answer=JobOut, status=202)
def make_release(call: Call) -> Answer:
    """Let a release be made; the answer is the job that makes it, to be looked at until it is `done` or `failed`."""
    row = releaser.ask(call.session, call.chain, call.now, call.principal.actor, call.body.model_dump(mode="json"))
    event.listen(call.session, "after_commit", lambda session: call.services.releaser.wake(), once=True)
    return Answer(show_job(row, call.lang), headers={"Location": f"/api/v1/release-jobs/{row.id}"})


@releases.route("GET", "/release-jobs/{job}", "releases:read", "A release in the making", "发布进度", answer=JobOut)
def get_job(call: Call) -> Answer:
    """How far a release is, and what came of it."""
    row = call.session.get(ReleaseJob, (call.chain, call.path["job"]))
    if row is None:
        raise missing("release job", "发布任务", call.path["job"])
    return Answer(show_job(row, call.lang))


@releases.route("GET", "/releases/{release}", "releases:read", "One release", "发布详情", answer=ReleaseWhole)
def get_release(call: Call) -> Answer:
    """A release."""
    return Answer(_whole(call, one_release(call)))


@releases.route(
    "GET",
    "/releases/{release}/stores",
    "releases:read",
    "A release's stores",
    "发布所含门店",
    query=PageQuery,
    answer=Page[StoreReleaseOut],
)
def list_stores(call: Call) -> Answer:
    """The stores that a release has bundles for."""
    row = one_release(call)
    found = select(StoreRelease).where(StoreRelease.chain == call.chain, StoreRelease.release == row.id)
    return Answer(page(call.session, found, [col(StoreRelease.store)], call.query, _show_store))


@releases.route(
    "GET",
    "/releases/{release}/stores/{store}/bundle",
    "releases:read",
    "A store's bundle",
    "门店方案包",
    raw_out="application/octet-stream",
)
def get_bundle(call: Call) -> Answer:
    """The packed bundle of a store, byte for byte as it was signed."""
    release = one_release(call)
    row = call.session.get(StoreRelease, (call.chain, release.id, call.path["store"]))
    if row is None:
        raise missing("store in this release", "该发布中的门店", call.path["store"])
    return Answer(put_together(call.session, call.chain, row.bundle))


@releases.route(
    "POST", "/releases/{release}/withdraw", "releases:write", "Withdraw a release", "撤回发布", body=Withdrawal, answer=ReleaseWhole
)
def withdraw(call: Call) -> Later:
    """Withdraw a release: no roll-out takes it, no store falls back to it, its bundles are signed no longer. It stays on record. Where the
    repository cannot be written, the answer says that they are `signed` yet, and they are taken out as soon as it can."""
    row = releasing.withdraw(call.session, call.now, call.principal.actor, one_release(call, lock=True), call.body.reason)
    told = _whole(call, row)

    def finish() -> Answer:
        return Answer({**told, "signed": not call.services.releaser.unsign(call.chain, told["id"])})

    return Later(finish)


def one_release(call: Call, *, lock: bool = False) -> Release:
    """The release that a path names, of the asker's own chain."""
    row = call.session.get(Release, (call.chain, call.path["release"]), with_for_update=lock or None)
    if row is None:
        raise missing("release", "发布", call.path["release"])
    return row


def show(row: Release) -> dict[str, Any]:
    """A release as it goes out."""
    return row.model_dump(exclude={"chain"})


def show_job(row: ReleaseJob, lang: str) -> dict[str, Any]:
    """A job as it goes out, its findings in the reader's language."""
    told = row.model_dump(exclude={"chain", "wanted", "findings", "owner", "tries", "signed"})
    return {**told, "findings": [{"store": one["store"], "finding": one[lang]} for one in row.findings]}


def _whole(call: Call, row: Release) -> dict[str, Any]:
    counted = select(func.count()).select_from(StoreRelease).where(StoreRelease.chain == call.chain, StoreRelease.release == row.id)
    return {**show(row), "stores": call.session.exec(counted).one()}


def _show_store(row: StoreRelease) -> dict[str, Any]:
    index = {key: row.bundle[key] for key in ("digest", "sources", "own", "secrets")}
    return {**row.model_dump(include={"store", "target", "sha256", "length", "packages"}), **index}
