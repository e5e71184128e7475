"""Identities that people hold themselves: did:key (Ed25519), W3C verifiable credentials, status lists; checked without a network.

Credentials are of the VC Data Model 2.0 with a Data Integrity proof of the suite `eddsa-jcs-2022`; what revokes one is a signed Bitstring
Status List that comes with it. Issuers are did:key too, so that their key is known from their name.
"""

from __future__ import annotations

import gzip
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.workers.loyalty.consents import canonical

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ED25519 = b"\xed\x01"  # multicodec ed25519-pub
SUITE = "eddsa-jcs-2022"
MOST_LIST_BYTES = 1 << 20
Document = Mapping[str, Any]


class Refused(ValueError):
    """Why a proof or credential is not believed, in a word: `did`, `signature`, `issuer`, `dates`, `revoked`, `status`, `holder`, `claim`,
    and `format` for what is none.
    """


def base58_bytes(text: str) -> bytes:
    """Base58 (Bitcoin's alphabet) to bytes. ValueError for other signs."""
    number = 0
    for sign in text:
        number = number * 58 + BASE58.index(sign)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def key_of(did: str) -> bytes:
    """The raw Ed25519 public key that a did:key names. Refused `did` for any other."""
    try:
        data = base58_bytes(did.partition("#")[0].removeprefix("did:key:z"))
    except ValueError as error:
        raise Refused("did") from error
    if not did.startswith("did:key:z") or data[:2] != ED25519 or len(data) != 34:
        raise Refused("did")
    return data[2:]


def check_signature(did: str, message: bytes, signature: bytes) -> None:
    """Refused `signature` unless the did's key signed the message (RFC 8032)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key_of(did)).verify(signature, message)
    except InvalidSignature as error:
        raise Refused("signature") from error


def check_nonce(did: str, nonce: str, signature: str) -> None:
    """Refused unless the wallet's key signed the nonce; `signature` is base64url, with or without padding."""
    try:
        raw = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError as error:
        raise Refused("signature") from error
    check_signature(did, nonce.encode(), raw)


def signed_bytes(document: Document) -> bytes:
    """What an `eddsa-jcs-2022` proof signs: the hash of the proof's options, then that of the document without its proof."""
    options = {key: value for key, value in document["proof"].items() if key != "proofValue"}
    bare = {key: value for key, value in document.items() if key != "proof"}
    return sha256(canonical(options)).digest() + sha256(canonical(bare)).digest()


def check_document(document: Document, issuers: Collection[str], at: datetime) -> str:
    """The issuer of a signed document, which must be one of these; Refused unless issuer, dates and signature hold at a time."""
    issuer, proof = document.get("issuer"), document.get("proof") or {}
    name = issuer.get("id") if isinstance(issuer, Mapping) else issuer
    if not isinstance(name, str) or name not in issuers:
        raise Refused("issuer")
    if proof.get("cryptosuite") != SUITE or str(proof.get("verificationMethod", "")).partition("#")[0] != name:
        raise Refused("signature")
    start, end = document.get("validFrom"), document.get("validUntil")
    if (start and at < parse_time(start)) or (end and at >= parse_time(end)):
        raise Refused("dates")
    value = str(proof.get("proofValue", ""))
    try:
        signature = base58_bytes(value.removeprefix("z"))
    except ValueError as error:
        raise Refused("signature") from error
    check_signature(name, signed_bytes(document), signature)
    return name


def claim(credential: Document, holder: str, name: str, issuers: Collection[str], at: datetime, status_list: Document | None) -> bool:
    """What a credential of the holder answers to a yes-or-no question; Refused unless all of it holds."""
    try:
        return _claim(credential, holder, name, issuers, at, status_list)
    except Refused:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused("format") from error


def _claim(credential: Document, holder: str, name: str, issuers: Collection[str], at: datetime, status_list: Document | None) -> bool:
    issuer = check_document(credential, issuers, at)
    subject, status = credential.get("credentialSubject") or {}, credential.get("credentialStatus")
    if subject.get("id") != holder:
        raise Refused("holder")
    if status:
        if status_list is None or status_list.get("id") != status.get("statusListCredential"):
            raise Refused("status")
        check_document(status_list, (issuer,), at)
        if is_revoked(status_list, int(status["statusListIndex"])):
            raise Refused("revoked")
    answer = subject.get(name)
    if not isinstance(answer, bool):
        raise Refused("claim")
    return answer


def is_revoked(status_list: Document, index: int) -> bool:
    """The bit of a Bitstring Status List: gzip in base64url, multibase `u`, the first bit leftmost. Refused `status` beyond its end."""
    text = str(status_list["credentialSubject"]["encodedList"]).removeprefix("u")
    try:
        with gzip.GzipFile(fileobj=BytesIO(urlsafe_b64decode(text + "=" * (-len(text) % 4)))) as packed:
            bits = packed.read(MOST_LIST_BYTES)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise Refused("status") from error
    if not 0 <= index < 8 * len(bits):
        raise Refused("status")
    return bool(bits[index // 8] >> (7 - index % 8) & 1)
