"""Logging in: slow to guess. Failures are counted by name and by address in the database, so that all servers count together.

At most `BY_NAME` failures a name and `BY_ADDRESS` an address within `SPAN`; then nothing is tried until the oldest is over. Names and
addresses are kept as hashes, and go with the span.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, func
from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.database import reading, writing
from storeloom.core.control.identity.passwords import Passwords
from storeloom.core.control.identity.tokens import digest, issue
from storeloom.core.control.models.identity import FailedLogin, Token, User
from storeloom.core.control.models.ids import new_id
from storeloom.core.kernel.errors import Finding

SPAN = timedelta(minutes=15)
BY_NAME, BY_ADDRESS = 5, 50


@dataclass(frozen=True)
class LoggedIn:
    """A person who came in, with the secret of the new token."""

    user: User
    token: Token
    secret: str


def log_in(engine: Engine, passwords: Passwords, chain: str, email: str, password: str, address: str, now: datetime) -> LoggedIn:
    """Let a person in. ApiFault 401 where name or password is wrong, which is not told apart; 429 after too many failures."""
    name, place = digest(f"{chain}|{email.lower()}"), digest(address)
    with reading(engine) as session:
        _refuse_many(session, name, place, now)
        user = session.exec(select(User).where(User.chain == chain, User.email == email.lower())).one_or_none()
    good = passwords.fits(password, None if user is None else user.password) and user is not None and user.disabled is None
    with writing(engine) as session:
        if good and user is not None:
            return _let_in(session, passwords, user, password, now)
        session.execute(delete(FailedLogin).where(col(FailedLogin.at) <= now - SPAN))
        session.add(FailedLogin(id=new_id(now), name_sha256=name, from_sha256=place, at=now))
        if user is not None:
            audit.note(session, chain, now, f"user:{user.id}", "login.fail", user.id)
    raise ApiFault(401, Finding("SL-IDN-03"))


def _let_in(session: Session, passwords: Passwords, user: User, password: str, now: datetime) -> LoggedIn:
    if passwords.outdated(user.password):
        user.password = passwords.hashed(password)
        session.merge(user)
    token, secret = issue(session, user.chain, now, user=user.id, name="login")
    audit.note(session, user.chain, now, f"user:{user.id}", "login", token.id)
    return LoggedIn(user, token, secret)


def _refuse_many(session: Session, name: str, place: str, now: datetime) -> None:
    for column, value, most in ((FailedLogin.name_sha256, name, BY_NAME), (FailedLogin.from_sha256, place, BY_ADDRESS)):
        found = select(func.count(), func.min(FailedLogin.at)).where(col(column) == value, col(FailedLogin.at) > now - SPAN)
        number, oldest = session.exec(found).one()
        if number >= most:
            wait = max(1, int((oldest + SPAN - now).total_seconds()) + 1)
            raise ApiFault(429, Finding("SL-IDN-04", {"minutes": -(-wait // 60)}), {"Retry-After": str(wait)})
