"""Carries out the jobs that make releases, one at a time, in a thread beside the requests, and makes good what a server that died left.

A job belongs to the server that carries it out (`control.lease`). One whose server is gone is taken up again by the next that looks, after
the bundles that it signed under its number were taken out of the repository.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.database import reading, writing
from storeloom.core.control.design.releasing import Publisher, run_job, targets_of, told
from storeloom.core.control.models.ids import new_id
from storeloom.core.control.models.releases import Release, ReleaseJob
from storeloom.core.kernel.errors import Finding, StoreloomError

if TYPE_CHECKING:
    from storeloom.core.control.services import Services

LOG = logging.getLogger(__name__)
UNDER_WAY = ("composing", "publishing")
TRIES = 3  # a job that ends its server as often is not begun again
Key = tuple[str, str]


class Releaser:
    """The jobs of one server. Several servers may look at the same jobs: each is taken once."""

    def __init__(self, services: Services, publisher: Callable[[str], Publisher]) -> None:
        self._services, self._publisher = services, publisher
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._now: Key | None = None

    def wake(self) -> None:
        """Begin with what waits, unless that is under way."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="releaser", daemon=True)
                self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until all that waited is done."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def tend(self) -> None:
        """Take up what died with its server, take out of the repositories what no release names any more, begin with what waits: a task of
        the server's ticker."""
        for key in self._left():
            self._take_up(key)
        for chain, release in self._withdrawn():
            self.unsign(chain, release)
        if self._next() is not None:
            self.wake()

    def unsign(self, chain: str, release: str) -> bool:
        """Take a withdrawn release's bundles out of the repository; whether that is done. Where it cannot be, it is tried again."""
        with reading(self._services.engine) as session:
            targets = targets_of(session, chain, release)
        if not self._taken_out(chain, targets):
            return False
        with writing(self._services.engine) as session:
            row = session.get_one(Release, (chain, release))
            row.signed = False
            session.add(row)
        return True

    def _taken_out(self, chain: str, targets: Iterable[str]) -> bool:
        try:
            self._publisher(chain).withdraw(targets)
        except (StoreloomError, OSError) as error:
            LOG.warning("bundles of %s are still signed: %s", chain, error)
            return False
        return True

    def _left(self) -> list[Key]:
        """Jobs under way that nobody carries out, and jobs that failed with bundles signed."""
        with reading(self._services.engine) as session:
            rows = select(ReleaseJob.chain, ReleaseJob.id, ReleaseJob.owner, ReleaseJob.state)
            under_way = session.exec(rows.where(col(ReleaseJob.state).in_(UNDER_WAY))).all()
            failed = session.exec(rows.where(ReleaseJob.state == "failed", col(ReleaseJob.signed).is_(True))).all()
        left = [(chain, job) for chain, job, owner, _ in under_way if self._nobodys((chain, job), owner)]
        return left + [(chain, job) for chain, job, _, _ in failed]

    def _nobodys(self, key: Key, owner: str | None) -> bool:
        lease = self._services.lease
        return owner is None or not lease.lives(owner) or (owner == lease.id and key != self._now)

    def _take_up(self, key: Key) -> None:
        """Claim a job that is nobody's, clean up behind it, and let it begin anew."""
        with writing(self._services.engine) as session:
            row = session.get_one(ReleaseJob, key, with_for_update=True)
            if row.state != "failed" and not (row.state in UNDER_WAY and self._nobodys(key, row.owner)):
                return
            row.owner, row.beat = self._services.lease.id, self._services.now()
            signed, number = row.signed, row.number
            session.add(row)
        if signed and number is not None and not self._cleaned(key[0], number):
            return
        with writing(self._services.engine) as session:
            row = session.get_one(ReleaseJob, key, with_for_update=True)
            row.signed, row.owner = False, None
            if row.state in UNDER_WAY and row.tries < TRIES:
                LOG.warning("release job %s of %s is begun again: its server ended", key[1], key[0])
                row.state, row.done = "waiting", 0
            elif row.state in UNDER_WAY:
                row.state, row.findings = "failed", told([Finding("SL-REL-06")])
                audit.note(session, row.chain, row.beat, row.created_by, "release.fail", row.id, {"findings": 1})
            session.add(row)

    def _cleaned(self, chain: str, number: int) -> bool:
        """Take out the bundles of a number that no release has."""
        with reading(self._services.engine) as session:
            if session.exec(select(Release.id).where(Release.chain == chain, Release.number == number)).first() is not None:
                return True
        try:
            targets = self._publisher(chain).bundles(number)
        except (StoreloomError, OSError) as error:
            LOG.warning("bundles of %s are still signed: %s", chain, error)
            return False
        return self._taken_out(chain, targets)

    def _withdrawn(self) -> list[Key]:
        with reading(self._services.engine) as session:
            rows = select(Release.chain, Release.id).where(Release.state == "withdrawn", col(Release.signed).is_(True))
            return [(chain, release) for chain, release in session.exec(rows)]

    def _work(self) -> None:
        while (found := self._next()) is not None:
            chain, job = self._now = found
            try:
                run_job(self._services, self._publisher(chain), chain, job)
            except Exception:
                LOG.error("release job %s of %s", job, chain, exc_info=True)
                return
            finally:
                self._now = None

    def _next(self) -> Key | None:
        with reading(self._services.engine) as session:
            waiting = select(ReleaseJob.chain, ReleaseJob.id).where(ReleaseJob.state == "waiting")
            return session.exec(waiting.order_by(col(ReleaseJob.created), col(ReleaseJob.id)).limit(1)).first()


def ask(session: Session, chain: str, now: datetime, actor: str, wanted: dict[str, object]) -> ReleaseJob:
    """Let a release be made: `wanted` holds its `name`, `notes` and `choice` of stores."""
    row = ReleaseJob(chain=chain, id=new_id(now), wanted=wanted, findings=[], created=now, created_by=actor, beat=now)
    session.add(row)
    session.flush()
    return row
