"""When each agent was last heard of: kept in memory by each poll and written for all at once, so that a poll writes nothing."""

from __future__ import annotations

import threading
from datetime import datetime

from sqlalchemy import Engine, bindparam, or_, update

from storeloom.core.control.database import writing
from storeloom.core.control.models.agents import Agent


class Presence:
    """The agents heard of by this process since the last `flush`. What a crash forgets, the next poll tells again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], datetime] = {}

    def saw(self, chain: str, store: str, now: datetime) -> None:
        """An agent was heard of."""
        with self._lock:
            self._seen[chain, store] = now

    def flush(self, engine: Engine) -> int:
        """Write who was heard of; how many. They are kept for the next time where the database refuses."""
        with self._lock:
            seen, self._seen = self._seen, {}
        if not seen:
            return 0
        table = Agent.__table__  # type: ignore[attr-defined]
        older = or_(table.c.seen.is_(None), table.c.seen < bindparam("at"))
        change = (
            update(table).where(table.c.chain == bindparam("of"), table.c.store == bindparam("who"), older).values(seen=bindparam("at"))
        )
        rows = [{"of": chain, "who": store, "at": at} for (chain, store), at in sorted(seen.items())]
        try:
            with writing(engine) as session:
                session.connection().execute(change, rows)
        except BaseException:
            with self._lock:
                self._seen = seen | self._seen
            raise
        return len(rows)
