"""A second wall between chains, behind the `chain ==` of each question: within a request, what is asked of the models of a chain's tables
finds rows of the asker's own chain alone, whatever the question forgot; and a row of another chain is not written.

It holds for what goes through a session: entities, their columns, aliases, subqueries, updates, deletes. What is asked of bare tables
(`__table__`, text) is not seen here and must name its chain, as everything should.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, event
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql import visitors
from sqlmodel import Session, SQLModel

_asker: ContextVar[str | None] = ContextVar("storeloom_chain", default=None)
BOUND = "storeloom_chain"


class OfChain(SQLModel):
    """A row of a chain: its table has a column `chain`."""


class WalledSession(Session):
    """A session; one that is opened within a request keeps to the asker's chain."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        if (chain := _asker.get()) is not None:
            self.info[BOUND] = chain


@contextmanager
def within(chain: str) -> Iterator[None]:
    """Sessions that this thread opens meanwhile keep to a chain; to none where it is empty: nobody is known yet."""
    token = _asker.set(chain or None)
    try:
        yield
    finally:
        _asker.reset(token)


@event.listens_for(WalledSession, "do_orm_execute")
def _keep_to_it(state: ORMExecuteState) -> None:
    chain = state.session.info.get(BOUND)
    if chain is not None and not state.is_column_load and not state.is_relationship_load:
        statement: Any = state.statement
        named = frozenset(one for one in visitors.iterate(statement) if isinstance(one, Table))
        state.statement = statement.options(*_criteria(chain, named))


@lru_cache(maxsize=4096)
def _criteria(chain: str, tables: frozenset[Table]) -> tuple[Any, ...]:
    """That a row is of a chain, for every model of these tables that has one."""
    models: list[Any] = [mapper.class_ for mapper in SQLModel._sa_registry.mappers if mapper.local_table in tables]
    return tuple(with_loader_criteria(one, one.chain == chain, include_aliases=True) for one in models if issubclass(one, OfChain))


@event.listens_for(WalledSession, "before_flush")
def _write_no_others(session: Session, _context: object, _instances: object) -> None:
    chain = session.info.get(BOUND)
    if chain is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, OfChain) and row.chain != chain:  # type: ignore[attr-defined]
            raise RuntimeError(f"a request of the chain '{chain}' may not write a {type(row).__name__} of another one")
