"""Alembic's environment: the connection comes from `core.control.migrate`, the wanted form from the models."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON, LargeBinary, String
from sqlmodel import SQLModel

from storeloom.core.control import models
from storeloom.core.control.database import UtcTime

assert models.__all__, "the models are registered by their import"


def plain(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Columns as the database knows them: a step already taken must not change with the code."""
    if kind != "type":
        return False
    if isinstance(item, UtcTime):
        return "sa.DateTime()"
    if isinstance(item, JSON):
        return "sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), 'postgresql')"
    if isinstance(item, LargeBinary):
        return "sa.LargeBinary()"
    return "sa.String()" if isinstance(getattr(item, "impl", item), String) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    render_item=plain,
    compare_type=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
