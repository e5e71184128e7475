"""Who may do what: chains, people, tokens, enrolment codes, failed log-ins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from storeloom.core.control.database import one_of
from storeloom.core.control.identity.scopes import ROLES
from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain


class Chain(SQLModel, table=True):
    """A tenant: nothing of it is seen by another."""

    __tablename__ = "chain"
    id: str = Field(primary_key=True)
    name: str
    created: datetime = moment()


class User(OfChain, table=True):
    """A person of a chain. `password` is an Argon2id hash, never the password; `vendor` names whose packages one of that role handles."""

    __tablename__ = "user"
    __table_args__ = (
        UniqueConstraint("chain", "email"),
        one_of("role", ROLES),
        CheckConstraint("(role = 'vendor') = (vendor is not null)", name="vendors_name_their_company"),
    )
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    email: str
    name: str
    role: str
    vendor: str | None = None
    password: str
    created: datetime = moment()
    disabled: datetime | None = moment(null=True)


class Token(OfChain, table=True):
    """A bearer token by its SHA-256. It belongs to a user, or to the agent of a `store`; `scopes` narrow what the role may."""

    __tablename__ = "token"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "user"], ["user.chain", "user.id"]),
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        CheckConstraint('(store is null) <> ("user" is null)', name="one_holder"),
    )
    sha256: str = Field(primary_key=True)
    id: str = Field(unique=True)
    chain: str = Field(foreign_key="chain.id", index=True)
    user: str | None = None
    store: str | None = None
    name: str
    scopes: list[str] = document()
    created: datetime = moment()
    expires: datetime = moment()
    used: datetime | None = moment(null=True)
    revoked: datetime | None = moment(null=True)


class EnrolmentCode(OfChain, table=True):
    """A one-time code by its SHA-256, with which the agent of a store becomes known."""

    __tablename__ = "enrolment_code"
    __table_args__ = (ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),)
    sha256: str = Field(primary_key=True)
    chain: str
    store: str
    created: datetime = moment()
    expires: datetime = moment()
    used: datetime | None = moment(null=True)


class FailedLogin(SQLModel, table=True):
    """A log-in that was refused: by whom it was tried (a hash of the name) and from where (a hash of the address), for limits."""

    __tablename__ = "failed_login"
    id: str = Field(primary_key=True)
    name_sha256: str = Field(index=True)
    from_sha256: str = Field(index=True)
    at: datetime = moment(index=True)


class IdempotentAnswer(SQLModel, table=True):
    """What was answered to a request with an `Idempotency-Key`; the same key with another request is refused."""

    __tablename__ = "idempotent_answer"
    token: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_sha256: str
    status: int
    body: Any = document(null=True)
    at: datetime = moment(index=True)
