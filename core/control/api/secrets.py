"""Stores' secrets: only sealed ones come in, none goes out."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.api.stores import one_store
from storeloom.core.control.design import secrets as rules
from storeloom.core.control.models.agents import SealedSecret
from storeloom.core.kernel.errors import Finding
from storeloom.core.trust.seal import key_id, to_text

secrets = Resource("secrets")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class AgentKey(Wire):
    """The public key (base64, X25519) to which a store's secrets are sealed."""

    store: str
    public_key: str
    key_id: str


class SealedIn(Wire):
    """A secret, sealed to a store's agent: base64 of a libsodium sealed box, and the id of the key."""

    sealed: str = Field(min_length=1, max_length=100_000)
    key_id: str = Field(min_length=1, max_length=64)


class SecretOut(Wire):
    """What is told of a secret."""

    name: str
    key_id: str
    version: int
    changed: datetime
    changed_by: str


@secrets.route("GET", "/stores/{store}/agent-key", "secrets:write", "Key to seal to", "封装用公钥", answer=AgentKey)
def get_key(call: Call) -> Answer:
    """The key to which secrets of a store are sealed."""
    public = rules.agent_key(call.session, call.chain, call.path["store"])
    return Answer({"store": call.path["store"], "public_key": to_text(public), "key_id": key_id(public)})


@secrets.route("GET", "/stores/{store}/secrets", "secrets:write", "List secrets", "密钥列表", query=PageQuery, answer=Page[SecretOut])
def list_secrets(call: Call) -> Answer:
    """The names of a store's secrets, and to which key each was sealed."""
    row = one_store(call)
    found = select(SealedSecret).where(SealedSecret.chain == call.chain, SealedSecret.store == row.id)
    return Answer(page(call.session, found, [col(SealedSecret.name)], call.query, show))


@secrets.route(
    "PUT", "/stores/{store}/secrets/{name}", "secrets:write", "Keep a sealed secret", "保存密钥", body=SealedIn, answer=SecretOut
)
def put_secret(call: Call) -> Answer:
    """Keep a secret that was sealed to the store's agent; the one before goes. Nothing that was not sealed is taken."""
    name = call.path["name"]
    if not NAME.fullmatch(name):
        raise ApiFault(
            400, Finding("SL-API-03", {"reason": {"en": f"a name like {NAME.pattern}", "zh": f"名称形如 {NAME.pattern}"}}, "name")
        )
    given: SealedIn = call.body
    row = rules.put(call.session, call.chain, call.now, call.principal.actor, call.path["store"], name, given.sealed, given.key_id)
    return Answer(show(row))


@secrets.route("DELETE", "/stores/{store}/secrets/{name}", "secrets:write", "Remove a secret", "删除密钥", status=204)
def remove_secret(call: Call) -> Answer:
    """Take a secret back."""
    row = one_store(call)
    rules.remove(call.session, call.chain, call.now, call.principal.actor, row.id, call.path["name"])
    return Answer()


def show(row: SealedSecret) -> dict[str, Any]:
    """What is told of a secret: all but what it holds."""
    return row.model_dump(include=set(SecretOut.model_fields))
