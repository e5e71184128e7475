"""Stores' secrets: sealed to the key of each store's agent before they come here, so that nobody here can open one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, select

from storeloom.core.control import audit
from storeloom.core.control.agents.desired import touch
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.models.agents import Agent, SealedSecret
from storeloom.core.control.models.fleet import Store
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.runtime.secret_file import SecretUse
from storeloom.core.trust.seal import OVERHEAD, from_text, key_id

LONGEST = 64 * 1024


def agent_key(session: Session, chain: str, store: str) -> bytes:
    """The public key to which a store's secrets are sealed. ApiFault 409 for a store without an agent."""
    row = session.get(Agent, (chain, store))
    if row is None:
        if session.get(Store, (chain, store)) is None:
            raise missing("store", "门店", store)
        raise ApiFault(409, Finding("SL-SEC-01", {"store": store}))
    return row.public_key


def put(session: Session, chain: str, now: datetime, actor: str, store: str, name: str, sealed: str, key: str) -> SealedSecret:
    """Keep a secret that was sealed to a store's agent. ApiFault for one that was sealed to another key, or not at all."""
    wanted = key_id(agent_key(session, chain, store))
    if key != wanted:
        raise ApiFault(409, Finding("SL-SEC-02", {"store": store, "got": key, "wanted": wanted}, "body.key_id"))
    data = _sealed(sealed)
    row = session.get(SealedSecret, (chain, store, name), with_for_update=True)
    if row is None:
        row = SealedSecret(chain=chain, store=store, name=name, sealed=data, key_id=key, version=0, changed=now, changed_by=actor)
    row.sealed, row.key_id, row.version, row.changed, row.changed_by = data, key, row.version + 1, now, actor
    session.add(row)
    audit.note(session, chain, now, actor, "secret.put", store, {"name": name, "version": row.version, "key_id": key})
    touch(session, chain, [store])
    return row


def remove(session: Session, chain: str, now: datetime, actor: str, store: str, name: str) -> None:
    """Take a secret back; its store's agent forgets it."""
    row = session.get(SealedSecret, (chain, store, name), with_for_update=True)
    if row is None:
        raise missing("secret", "密钥", name)
    session.delete(row)
    audit.note(session, chain, now, actor, "secret.remove", store, {"name": name})
    touch(session, chain, [store])


def secret_findings(session: Session, chain: str, store: str, uses: Iterable[SecretUse]) -> list[Finding]:
    """A finding for each place of a bundle that names a secret which the store's agent does not have, or cannot open any more."""
    rows = session.exec(select(SealedSecret).where(SealedSecret.chain == chain, SealedSecret.store == store))
    known = {row.name: row.key_id for row in rows}
    agent = session.get(Agent, (chain, store))
    key = None if agent is None else key_id(agent.public_key)
    found = []
    for use in uses:
        if use.name not in known:
            found.append(Finding("SL-SEC-04", {"name": use.name, "owner": use.owner, "store": store}, use.path))
        elif known[use.name] != key:
            found.append(Finding("SL-SEC-05", {"name": use.name, "store": store}, use.path))
    return found


def _sealed(text: str) -> bytes:
    """The bytes of a sealed secret. Text that a person can read was not sealed: of a sealed one, every byte is as good as chance."""
    fault = ApiFault(422, Finding("SL-SEC-03", {"overhead": OVERHEAD}, "body.sealed"))
    try:
        data = from_text(text)
    except TrustFault as error:
        raise fault from error
    if not OVERHEAD < len(data) <= LONGEST + OVERHEAD or not any(data[:32]):
        raise fault
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    raise fault
