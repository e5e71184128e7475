"""Secrets sealed to one store's agent: whoever stores or carries one cannot open it.

libsodium's sealed boxes (X25519, XSalsa20-Poly1305) with the agent's key pair, which the agent makes and whose private half never leaves
its store. Who sealed one is not told by it: a sealed secret is believed because it came over the agent's own connection.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from storeloom.core.kernel.errors import Finding, TrustFault

KEY_BYTES = 32
OVERHEAD = 48  # bytes that a sealed secret is longer than what it holds


def new_key() -> bytes:
    """A new private key of an agent (32 bytes)."""
    return bytes(PrivateKey.generate())


def public_key(private: bytes) -> bytes:
    """The public half of a private key (32 bytes)."""
    return bytes(_private(private).public_key)


def key_id(public: bytes) -> str:
    """The name of a public key, to tell which one a secret was sealed to: the beginning of its SHA-256, in hex."""
    return hashlib.sha256(_wanted(public)).hexdigest()[:16]


def seal(secret: bytes, public: bytes) -> bytes:
    """Seal a secret to an agent's public key. TrustFault for what is no key."""
    return SealedBox(PublicKey(_wanted(public))).encrypt(secret)


def unseal(sealed: bytes, private: bytes) -> bytes:
    """Open what was sealed to the public half of `private`. TrustFault where it was sealed to another key, or changed on its way."""
    try:
        return SealedBox(_private(private)).decrypt(sealed)
    except CryptoError as error:
        raise TrustFault(Finding("SL-TRU-13", {"key": key_id(public_key(private))})) from error


def to_text(value: bytes) -> str:
    """A key or a sealed secret as it stands in JSON (base64)."""
    return base64.b64encode(value).decode()


def from_text(text: str) -> bytes:
    """The bytes of `to_text`. TrustFault for other text."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TrustFault(Finding("SL-TRU-12", {"reason": {"en": "not base64", "zh": "不是 base64"}})) from error


def _private(key: bytes) -> PrivateKey:
    return PrivateKey(_wanted(key))


def _wanted(key: bytes) -> bytes:
    if len(key) == KEY_BYTES and any(key):
        return key
    reason = {"en": f"{len(key)} bytes, {KEY_BYTES} wanted, not all zero", "zh": f"长度 {len(key)} 字节，应为 {KEY_BYTES} 且不全为零"}
    raise TrustFault(Finding("SL-TRU-12", {"reason": reason}))
