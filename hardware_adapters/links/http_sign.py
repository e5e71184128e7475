"""Signatures of HTTP messages by a shared secret (HMAC, RFC 2104, with SHA-256 over time and body); both for what goes out and comes in.

`standard` is Standard Webhooks 1.0.0 (standardwebhooks.com): `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,BASE64` over
`ID.TIMESTAMP.BODY`; its secrets are `whsec_` and base64. `plain` is the common form without an id: `x-timestamp` (s) and `x-signature`
(hexadecimal) over `TIMESTAMP.BODY`; a signature is its own id. A secret without `whsec_` is taken as its UTF-8 bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from storeloom.hardware_adapters.links.errors import Code, DeviceError

Scheme = Literal["standard", "plain"]
PREFIX = "whsec_"
LONGEST_ID = 200


class BadSignature(Exception):
    """A message is not by whom it should be, or too old; `words` say why, without what was expected."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words: Mapping[str, str] = {"en": en, "zh": zh}


class Signed(NamedTuple):
    """What a checked message says of itself: its id and when it was signed."""

    id: str
    at: datetime


def key_of(secret: str) -> bytes:
    """The bytes of a secret. DeviceError for one that is empty, or is not base64 behind `whsec_`."""
    try:
        key = base64.b64decode(secret[len(PREFIX) :], validate=True) if secret.startswith(PREFIX) else secret.encode()
    except binascii.Error as error:
        en, zh = "the signing secret is not base64 behind 'whsec_'", "签名密钥 whsec_ 之后不是有效的 base64"
        raise DeviceError(Code.ILLEGAL, en, zh) from error
    if not key:
        raise DeviceError(Code.ILLEGAL, "the signing secret is empty", "签名密钥为空")
    return key


def sign(scheme: Scheme, secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that sign a body. An id holds no full stop under `standard`, which would leave room for a second reading."""
    stamp = str(int(at.timestamp()))
    if scheme == "plain":
        return {"x-timestamp": stamp, "x-signature": _digest(secret, stamp.encode() + b"." + body).hex()}
    clean = message_id.replace(".", "_")
    value = base64.b64encode(_digest(secret, f"{clean}.{stamp}.".encode() + body)).decode()
    return {"webhook-id": clean, "webhook-timestamp": stamp, "webhook-signature": f"v1,{value}"}


def verify(scheme: Scheme, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, tolerance_s: float) -> Signed:
    """Check a message; header names are in lower case. Any of the secrets will do, so that one can be replaced by another.

    BadSignature where headers are missing, the time lies further off than the tolerance either way, or no signature is right.
    """
    names = ("x-timestamp", "x-signature") if scheme == "plain" else ("webhook-timestamp", "webhook-signature", "webhook-id")
    given = [headers.get(name, "") for name in names]
    if not all(given):
        raise BadSignature(f"no {names[given.index('')]} header", f"缺少 {names[given.index('')]} 头")
    stamp, signature, message_id = given[0], given[1], given[2] if scheme == "standard" else given[1]
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise BadSignature("the timestamp is no number of seconds", "时间戳不是秒数")
    if len(message_id) > LONGEST_ID:
        raise BadSignature(f"the id is longer than {LONGEST_ID} characters", f"标识超过 {LONGEST_ID} 个字符")
    at = datetime.fromtimestamp(int(stamp), UTC)
    off_s = abs((now - at).total_seconds())
    if off_s > tolerance_s:
        raise BadSignature(
            f"it was signed {off_s:.0f} s off this store's time; at most {tolerance_s:g} s is taken",
            f"签名时间与门店时间相差 {off_s:.0f} 秒，最多允许 {tolerance_s:g} 秒",
        )
    if not any(_right(scheme, secret, message_id, stamp, signature, body) for secret in secrets):
        raise BadSignature("the signature is not right", "签名不正确")
    return Signed(message_id, at)


def _right(scheme: Scheme, secret: str, message_id: str, stamp: str, signature: str, body: bytes) -> bool:
    if scheme == "plain":
        wanted = _digest(secret, stamp.encode() + b"." + body).hex()
        return hmac.compare_digest(wanted.encode(), signature.strip().lower().encode())
    wanted = "v1," + base64.b64encode(_digest(secret, f"{message_id}.{stamp}.".encode() + body)).decode()
    found = [hmac.compare_digest(wanted.encode(), one.encode()) for one in signature.split(" ")]
    return any(found)


def _digest(secret: str, content: bytes) -> bytes:
    return hmac.new(key_of(secret), content, hashlib.sha256).digest()
