"""Bearer tokens: 256 bits of chance, known here by their SHA-256 alone, with a beginning and an end.

A token is never compared byte by byte: it is looked up by its hash, which tells nothing about it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from storeloom.core.control.identity.scopes import Principal, narrowed
from storeloom.core.control.models.identity import Token, User
from storeloom.core.control.models.ids import new_id

MARK = "slt_"  # so that scanners of leaked secrets know one
PERSON_LIFE, AGENT_LIFE = timedelta(hours=12), timedelta(days=90)

_known = (
    select(Token.id, Token.chain, Token.user, Token.store, Token.scopes, Token.expires, User.role, User.vendor, User.disabled)  # type: ignore[call-overload]
    .outerjoin(User, (col(User.chain) == col(Token.chain)) & (col(User.id) == col(Token.user)))
    .where(col(Token.revoked).is_(None))
)


def digest(secret: str) -> str:
    """What is kept of a token or a code."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """A token that nobody can guess."""
    return MARK + secrets.token_urlsafe(32)


def principal(session: Session, token: str, now: datetime) -> Principal | None:
    """Whose token this is; None where it is nobody's, is over, was taken back, or its person may no longer come in."""
    row = session.execute(_known.where(col(Token.sha256) == digest(token))).one_or_none()
    if row is None or row.expires <= now or row.disabled is not None:
        return None
    role = "agent" if row.store is not None else row.role
    return Principal(row.chain, role, narrowed(role, row.scopes), row.id, row.user, row.store, row.vendor)


def issue(
    session: Session,
    chain: str,
    now: datetime,
    *,
    user: str | None = None,
    store: str | None = None,
    name: str = "",
    scopes: frozenset[str] = frozenset(),
    life: timedelta | None = None,
) -> tuple[Token, str]:
    """A new token of a person or of a store's agent, and its secret, which is told this once."""
    secret = new_secret()
    life = life or (AGENT_LIFE if store else PERSON_LIFE)
    row = Token(
        sha256=digest(secret),
        id=new_id(now),
        chain=chain,
        user=user,
        store=store,
        name=name,
        scopes=sorted(scopes),
        created=now,
        expires=now + life,
    )
    session.add(row)
    return row, secret
