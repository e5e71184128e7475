"""Bearer tokens: 256 bits of chance, known here by their SHA-256 alone, with a beginning and an end.

A token is never compared byte by byte: it is looked up by its hash, which tells nothing about it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Engine, bindparam, select
from sqlmodel import Session

from storeloom.core.control.identity.scopes import Principal, narrowed
from storeloom.core.control.models.identity import Token, User
from storeloom.core.control.models.ids import new_id
from storeloom.core.control.prepared import Prepared

MARK = "slt_"  # so that scanners of leaked secrets know one
PERSON_LIFE, AGENT_LIFE = timedelta(hours=12), timedelta(days=90)

_token, _user = Token.__table__.c, User.__table__.c  # type: ignore[attr-defined]
_known = (
    select(_token.id, _token.chain, _token.user, _token.store, _token.scopes, _token.expires, _user.role, _user.vendor, _user.disabled)
    .select_from(Token.__table__.outerjoin(User.__table__, (_user.chain == _token.chain) & (_user.id == _token.user)))  # type: ignore[attr-defined]
    .where(_token.revoked.is_(None))
)
_by_secret = Prepared(_known.where(_token.sha256 == bindparam("sha256")))
_by_id = Prepared(_known.where(_token.id == bindparam("token")))


def digest(secret: str) -> str:
    """What is kept of a token or a code."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """A token that nobody can guess."""
    return MARK + secrets.token_urlsafe(32)


def principal(source: Engine | Session, token: str, now: datetime) -> Principal | None:
    """Whose token this is; None where it is nobody's, is over, was taken back, or its person may no longer come in."""
    row = _by_secret.one(source, sha256=digest(token))
    if row is None:
        return None
    name, chain, user, store, scopes, expires, role, vendor, disabled = row
    if expires <= now or disabled is not None:
        return None
    role = role if store is None else "agent"
    return Principal(chain, role, narrowed(role, scopes), name, user, store, vendor)


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


def still_good(source: Engine | Session, asker: Principal, now: datetime) -> bool:
    """Whether the token by which somebody was let in would let them in now."""
    row = _by_id.one(source, token=asker.token)
    return row is not None and row[5] > now and row[8] is None
