"""How a store's agent becomes known: by a one-time code that an operator makes and types in at the store, once.

A code is 100 bits of chance; here it is known by its SHA-256 alone. Guesses are counted by where they come from.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.agents import machines
from storeloom.core.control.agents.desired import touch
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.identity.tokens import digest, issue
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.identity import EnrolmentCode, FailedLogin, Token
from storeloom.core.control.models.ids import new_id
from storeloom.core.kernel.errors import Finding
from storeloom.core.trust.wire import Machine

AGAIN_WITHIN = timedelta(minutes=10)
CODE_LIFE = timedelta(hours=72)
TRIES, TRIES_WITHIN = 10, timedelta(minutes=15)
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
OLD_TOKEN_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NewAgent:
    """An agent that became known: its chain and store, its token (told this once) and until when that is good."""

    chain: str
    store: str
    token: str
    expires: datetime


def new_code(session: Session, chain: str, store: str, actor: str, now: datetime, life: timedelta = CODE_LIFE) -> tuple[str, datetime]:
    """A code for a store's next agent, and until when it holds; codes made before for the store hold no longer."""
    row = session.get(Store, (chain, store))
    if row is None:
        raise missing("store", "门店", store)
    if row.closed is not None:
        raise ApiFault(409, Finding("SL-ENR-01", {"store": store}))
    session.execute(
        delete(EnrolmentCode).where(col(EnrolmentCode.chain) == chain, col(EnrolmentCode.store) == store, col(EnrolmentCode.used).is_(None))
    )
    code = "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))
    session.add(EnrolmentCode(sha256=digest(_plain(code)), chain=chain, store=store, created=now, expires=now + life))
    audit.note(session, chain, now, actor, "agent.code", store, {"expires": (now + life).isoformat()})
    return code, now + life


def enrol(session: Session, code: str, public_key: str, version: str, now: datetime, machine: Machine | None = None) -> NewAgent | None:
    """Take a code for an agent; None where it is none that holds. Of two machines that come with one code at once, one is taken.

    An agent whose answer was lost may ask again within ten minutes, with the same key, until it is first heard of. A store that had an
    agent has a new one from now on: the old one's tokens end, what the store is to run stands.
    """
    key = _key(public_key)
    row = session.get(EnrolmentCode, digest(_plain(code)), with_for_update=True)
    if row is None or row.expires <= now:
        return None
    chain, store = row.chain, row.store
    agent = session.get(Agent, (chain, store), with_for_update=True)
    if row.used is not None and not _asks_again(row, agent, key, now):
        return None
    row.used = row.used or now
    session.add(row)
    if agent is None:
        agent = Agent(chain=chain, store=store, public_key=key, enrolled=now, seen=now, version=version)
        session.add(agent)
    else:
        agent.public_key, agent.enrolled, agent.seen, agent.version = key, now, now, version
        agent.enrolment, agent.reported_seq, agent.told_seq, agent.told_number = agent.enrolment + 1, 0, 0, 0
        agent.state, agent.actual, agent.reported = "enrolled", None, None
        touch(session, chain, [store])
    machines.note(session, agent, machine)
    end_tokens(session, chain, store, now)
    session.flush()
    token, secret = issue(session, chain, now, store=store, name="agent")
    audit.note(session, chain, now, f"agent:{store}", "agent.enrol", store, {"version": version[:50]})
    return NewAgent(chain, store, secret, token.expires)


def _asks_again(row: EnrolmentCode, agent: Agent | None, key: bytes, now: datetime) -> bool:
    """Whether this is the machine that the code was used by, which never got its answer."""
    if agent is None or row.used is None or now - row.used > AGAIN_WITHIN:
        return False
    unheard = agent.told_seq == 0 and agent.reported_seq == 0 and agent.enrolled >= row.used and agent.seen == agent.enrolled
    return agent.public_key == key and unheard


def refuse_guessers(session: Session, address: str, now: datetime) -> None:
    """ApiFault 429 for an address that came with too many wrong codes lately."""
    since = now - TRIES_WITHIN
    query = select(func.count(), func.min(FailedLogin.at)).where(*_failures(address), col(FailedLogin.at) > since)
    count, first = session.exec(query).one()
    if count >= TRIES:
        wait = max(1, int((first + TRIES_WITHIN - now).total_seconds()) + 1)
        raise ApiFault(429, Finding("SL-ENR-02", {"seconds": wait}), {"Retry-After": str(wait)})


def note_guess(session: Session, address: str, now: datetime) -> None:
    """Count a wrong code against where it came from."""
    name, place = digest("enrol"), digest(address)
    session.add(FailedLogin(id=new_id(now), name_sha256=name, from_sha256=place, at=now))


def renew(session: Session, chain: str, store: str, token: str, now: datetime) -> tuple[str, datetime]:
    """The agent's next token; the one that it asked with (by its id) is good for another hour."""
    row = session.exec(select(Token).where(Token.chain == chain, Token.id == token).with_for_update()).one()
    row.expires = min(row.expires, now + OLD_TOKEN_LIFE)
    session.add(row)
    new, secret = issue(session, chain, now, store=store, name="agent")
    audit.note(session, chain, now, f"agent:{store}", "agent.token", store)
    return secret, new.expires


def end_tokens(session: Session, chain: str, store: str, now: datetime) -> None:
    """End every token of a store's agent at once."""
    mine = col(Token.chain) == chain, col(Token.store) == store, col(Token.revoked).is_(None)
    session.execute(update(Token).where(*mine).values(revoked=now))


def _failures(address: str) -> tuple[Any, ...]:
    return col(FailedLogin.name_sha256) == digest("enrol"), col(FailedLogin.from_sha256) == digest(address)


def _plain(code: str) -> str:
    """A code as it is hashed: however it was typed."""
    return "".join(code.split()).replace("-", "").upper()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32 or not any(key):
        raise ApiFault(400, Finding("SL-API-03", {"reason": "wanted: an X25519 public key, 32 bytes in base64"}, "body.public_key"))
    return key
