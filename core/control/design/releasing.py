"""Releases: all stores of a choice composed, checked, packed, and published as signed targets; then never changed.

A release is made by a job beside the requests: it reads stores some at a time, each as it stood then on designs as they stood when it
began, packs them into files, takes a number, publishes, and writes the release in the end as a whole. What was published for a release
that was never written is asked of no store, and is taken out again.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from sqlalchemy import func
from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.agents.desired import chunks, touch
from storeloom.core.control.database import reading, writing
from storeloom.core.control.design.choosing import Choice, chosen
from storeloom.core.control.design.composing import Composer
from storeloom.core.control.design.packing import TOLD_FAULTY, Outcome, Reader, Spool, pack_all
from storeloom.core.control.design.wheels import read_wheels
from storeloom.core.control.models.identity import Chain
from storeloom.core.control.models.ids import new_id
from storeloom.core.control.models.releases import Release, ReleaseJob, StoreRelease
from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.lock import canonical
from storeloom.core.trust import names

if TYPE_CHECKING:
    from storeloom.core.control.services import Services

LOG = logging.getLogger(__name__)
ROWS = 500  # written at once
BEAT_S = 1.0


class Publisher(Protocol):
    """The chain's repository of signed targets (`control.trust.repository.Repository`)."""

    def publish(self, targets: Mapping[str, bytes]) -> object:
        """Sign these targets and serve them; all or none."""

    def withdraw(self, paths: Iterable[str]) -> None:
        """Sign and serve these targets no longer."""

    def bundles(self, number: int) -> list[str]:
        """The targets that are signed as bundles of a release's number."""


class Files(Mapping[str, bytes]):
    """Targets whose bytes are read from their files as they are asked for: those of thousands of stores are never in memory together."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def __getitem__(self, target: str) -> bytes:
        return self._files[target].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def run_job(services: Services, publisher: Publisher, chain: str, job: str) -> None:
    """Carry a waiting job out. Whatever goes wrong is told in the job; nothing is half released."""
    try:
        _run(services, publisher, chain, job)
    except StoreloomError as fault:
        _fail(services, chain, job, told(fault.findings))
    except Exception as error:
        LOG.error("release job %s", job, exc_info=error)
        _fail(services, chain, job, told([Finding("SL-API-11")]))
        raise


def _run(services: Services, publisher: Publisher, chain: str, job: str) -> None:
    with writing(services.engine) as session:
        row = session.get_one(ReleaseJob, (chain, job), with_for_update=True)
        if row.state != "waiting":
            return
        row.state, row.beat, row.owner, row.tries = "composing", services.now(), services.lease.id, row.tries + 1
        wanted, actor = dict(row.wanted), row.created_by
        session.add(row)
    with reading(services.engine) as session:
        stores, findings = chosen(session, chain, Choice.model_validate(wanted["choice"]))
        wheels, registry = read_wheels(session, chain), services.catalogues.of(session, chain)
    composer, reader = Composer(registry), Reader(services.engine, chain)
    ordered, without = reader.ordered(stores, composer)
    named = wanted["choice"].get("stores") is not None
    findings += [Finding("SL-DSG-04" if named else "SL-REL-02", {"store": store}) for store in without]
    if not ordered:
        findings.append(Finding("SL-REL-01"))
    if any(finding.severity == "error" for finding in findings):
        raise StoreloomError(findings)
    services.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-", dir=services.folder) as folder, closing(Spool(Path(folder))) as spool:
        outcome = pack_all(reader.pages(ordered), composer, wheels, spool, _Beat(services, chain, job, len(ordered)))
        if outcome.faulty:
            _fail(services, chain, job, told_faulty(outcome.faulty))
            return
        number = _number(services, chain, job, len(ordered))
        publisher.publish(Files({names.bundle(one.store, number): spool.file(one.sha256) for one in outcome.packed}))
        _write(services, chain, job, number, wanted, actor, outcome, spool, findings)


def _number(services: Services, chain: str, job: str, total: int) -> int:
    """The release's number, taken: higher than any before, also than that of a job that failed."""
    with writing(services.engine) as session:
        session.get_one(Chain, chain, with_for_update=True)
        taken_numbers = [session.exec(select(func.max(table.number)).where(table.chain == chain)).one() for table in (Release, ReleaseJob)]
        row = session.get_one(ReleaseJob, (chain, job))
        row.number = 1 + max((number for number in taken_numbers if number is not None), default=0)
        row.state, row.done, row.beat, row.signed = "publishing", total, services.now(), True
        session.add(row)
        return row.number


def _write(
    services: Services,
    chain: str,
    job: str,
    number: int,
    wanted: Mapping[str, Any],
    actor: str,
    outcome: Outcome,
    spool: Spool,
    findings: list[Finding],
) -> None:
    now = services.now()
    with writing(services.engine) as session:
        session.get_one(Chain, chain, with_for_update=True)
        spool.parts.write(session, chain)
        release = Release(
            chain=chain,
            id=new_id(now),
            number=number,
            name=wanted["name"],
            notes=wanted["notes"],
            digest=release_digest((one.store, one.sha256) for one in outcome.packed),
            sources={design: sorted(versions) for design, versions in sorted(outcome.sources.items())},
            created=now,
            created_by=actor,
        )
        session.add(release)
        session.flush()
        own = {"chain": chain, "release": release.id}
        for some in chunks(spool.rows(), ROWS):
            rows = [{**own, **one, "target": names.bundle(one["store"], number)} for one in some]
            session.connection().execute(StoreRelease.__table__.insert(), rows)  # type: ignore[attr-defined]
        row = session.get_one(ReleaseJob, (chain, job))
        row.state, row.release, row.beat, row.findings, row.signed = "done", release.id, now, told(findings), False
        session.add(row)
        detail = {"number": number, "stores": len(outcome.packed), "digest": release.digest}
        audit.note(session, chain, now, actor, "release.publish", release.id, detail)


def withdraw(session: Session, now: datetime, actor: str, row: Release, reason: str) -> Release:
    """A release that must not run again: no roll-out takes it, its stores' agents are told that they must not fall back to it.

    Withdrawing again changes nothing.
    """
    if row.state != "withdrawn":
        row.state = "withdrawn"
        session.add(row)
        audit.note(session, row.chain, now, actor, "release.withdraw", row.id, {"number": row.number, "reason": reason})
        touch(session, row.chain, stores_of(session, row.chain, row.id))
    return row


def targets_of(session: Session, chain: str, release: str) -> list[str]:
    """The targets of a release."""
    return list(session.exec(select(StoreRelease.target).where(StoreRelease.chain == chain, StoreRelease.release == release)))


def stores_of(session: Session, chain: str, release: str) -> list[str]:
    """The stores that a release has a bundle for."""
    found = select(StoreRelease.store).where(StoreRelease.chain == chain, StoreRelease.release == release)
    return list(session.exec(found.order_by(col(StoreRelease.store))))


def release_digest(bundles: Iterable[tuple[str, str]]) -> str:
    """One hash over all stores' bundles."""
    return "sha256:" + hashlib.sha256(canonical(sorted(map(list, bundles)))).hexdigest()


def told(findings: Iterable[Finding], store: str | None = None) -> list[dict[str, Any]]:
    """Findings as a job keeps them, in both languages."""
    plain = [{"store": store, "en": finding.as_dict("en"), "zh": finding.as_dict("zh")} for finding in findings]
    kept: list[dict[str, Any]] = orjson.loads(orjson.dumps(plain, default=str))
    return kept


def told_faulty(faulty: Mapping[str, tuple[Finding, ...]]) -> list[dict[str, Any]]:
    """What keeps stores from being released: how many they are, the first of them in full."""
    first = list(faulty.items())[:TOLD_FAULTY]
    head = told([Finding("SL-REL-03", {"count": len(faulty), "stores": [store for store, _ in first]})])
    return head + [one for store, findings in first for one in told(findings, store)]


def _fail(services: Services, chain: str, job: str, findings: list[dict[str, Any]]) -> None:
    with writing(services.engine) as session:
        row = session.get_one(ReleaseJob, (chain, job))
        row.state, row.findings, row.beat = "failed", findings, services.now()
        session.add(row)
        audit.note(session, chain, row.beat, row.created_by, "release.fail", job, {"findings": len(findings)})


class _Beat:
    """Tells how far a job is, about once a second."""

    def __init__(self, services: Services, chain: str, job: str, total: int) -> None:
        self._services, self._key, self._total, self._last = services, (chain, job), total, 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._last < BEAT_S:
            return
        self._last = time.monotonic()
        with writing(self._services.engine) as session:
            row = session.get_one(ReleaseJob, self._key)
            row.done, row.total, row.beat = done, self._total, self._services.now()
            session.add(row)
