"""Carries out the jobs that make releases, one at a time, in a thread beside the requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.design.releasing import Publisher, run_job, told
from storeloom.core.control.models.ids import new_id
from storeloom.core.control.models.releases import ReleaseJob
from storeloom.core.kernel.errors import Finding

if TYPE_CHECKING:
    from storeloom.core.control.services import Services

LOG = logging.getLogger(__name__)
SILENT = timedelta(minutes=5)  # a job that has not moved for so long died with its server


class Releaser:
    """The jobs of one server. Several servers may look at the same jobs: each is taken once."""

    def __init__(self, services: Services, publisher: Callable[[str], Publisher]) -> None:
        self._services, self._publisher = services, publisher
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

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
        """End jobs that died with their server, and take up those that wait: a task of the server's ticker."""
        now = self._services.now()
        with writing(self._services.engine) as session:
            dead = select(ReleaseJob).where(col(ReleaseJob.state).in_(("composing", "publishing")), col(ReleaseJob.beat) < now - SILENT)
            for row in session.exec(dead.with_for_update()).all():
                row.state, row.findings = "failed", told([Finding("SL-REL-06")])
                session.add(row)
        if self._next() is not None:
            self.wake()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            chain, job = found
            try:
                run_job(self._services, self._publisher(chain), chain, job)
            except Exception:
                LOG.error("release job %s of %s", job, chain, exc_info=True)
                return

    def _next(self) -> tuple[str, str] | None:
        with reading(self._services.engine) as session:
            waiting = select(ReleaseJob.chain, ReleaseJob.id).where(ReleaseJob.state == "waiting")
            return session.exec(waiting.order_by(col(ReleaseJob.created), col(ReleaseJob.id)).limit(1)).first()


def ask(session: Session, chain: str, now: datetime, actor: str, wanted: dict[str, object]) -> ReleaseJob:
    """Let a release be made: `wanted` holds its `name`, `notes` and `choice` of stores."""
    row = ReleaseJob(chain=chain, id=new_id(now), wanted=wanted, findings=[], created=now, created_by=actor, beat=now)
    session.add(row)
    session.flush()
    return row
