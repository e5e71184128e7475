"""Requests that are sent again: one with an `Idempotency-Key` is carried out once, its answer kept for a day and given again."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col

from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.api.route import Answer
from storeloom.core.control.models.identity import IdempotentAnswer
from storeloom.core.kernel.errors import Finding

KEPT = timedelta(hours=24)
FORM = re.compile(r"[\x21-\x7e]{1,128}")


def request_digest(method: str, address: str, body: bytes) -> str:
    """What tells two requests apart."""
    return hashlib.sha256(b"\n".join((method.encode(), address.encode(), body))).hexdigest()


def kept_answer(session: Session, token: str, key: str, digest: str, now: datetime) -> Answer | None:
    """What was answered to this request before, None where it is new. ApiFault when the key came with another request."""
    if not FORM.fullmatch(key):
        raise ApiFault(400, Finding("SL-API-06", {"header": "Idempotency-Key", "allowed": "1-128 printable ASCII characters"}))
    known = session.get(IdempotentAnswer, (token, key), with_for_update=True)
    if known is None or known.at + KEPT <= now:
        return None
    if known.request_sha256 != digest:
        raise ApiFault(422, Finding("SL-API-07", {"key": key}))
    return Answer(known.body["body"], known.status, known.body["version"], known.body["headers"])


def keep(session: Session, token: str, key: str, digest: str, status: int, body: Any, answer: Answer, now: datetime) -> None:
    """Keep an answer within the transaction of what it tells of; those that are over go."""
    session.execute(delete(IdempotentAnswer).where(col(IdempotentAnswer.at) <= now - KEPT))
    told = {"body": body, "version": answer.version, "headers": dict(answer.headers)}
    session.merge(IdempotentAnswer(token=token, key=key, request_sha256=digest, status=status, body=told, at=now))
