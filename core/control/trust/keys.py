"""Signing keys (Ed25519) as files: private ones readable by their owner alone, with a passphrase where one is given.

Keys of root, targets and vendors are made and kept away from the server; of them it knows the public halves only. Keys that sign by
themselves (releases, snapshot, timestamp) lie on the server, named by their key id, opened with `STORELOOM_TRUST_PASSPHRASE` where set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import durable

PASSPHRASE = "STORELOOM_TRUST_PASSPHRASE"
PRIVATE = 0o600


def make_key(file: Path, passphrase: str | None = None) -> SSlibKey:
    """A new private key in `file`, its public half beside it as `FILE.pub`. FileExistsError where there is one: none is ever lost."""
    if file.exists():
        raise FileExistsError(17, "File exists", str(file))
    private = Ed25519PrivateKey.generate()
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    text = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    file.parent.mkdir(parents=True, exist_ok=True)
    durable.write(file, text, mode=PRIVATE)
    public = SSlibKey.from_crypto(private.public_key())
    durable.write(file.with_name(file.name + ".pub"), json.dumps({"keyid": public.keyid, **public.to_dict()}, indent=1).encode())
    return public


def read_signer(file: Path, passphrase: str | None = None) -> CryptoSigner:
    """What signs with the private key of a file. TrustFault (SL-TRU-14) where it is none, or does not open."""
    text = file.read_bytes()
    try:
        private = serialization.load_pem_private_key(text, passphrase.encode() if passphrase and b"ENCRYPTED" in text else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = {"en": "no private key in PEM, or another passphrase", "zh": "不是 PEM 私钥，或口令不符"}
        raise TrustFault(Finding("SL-TRU-14", {"file": file.name, "reason": reason}, file=str(file))) from error
    if not isinstance(private, Ed25519PrivateKey):
        reason = {"en": "not Ed25519", "zh": "不是 Ed25519"}
        raise TrustFault(Finding("SL-TRU-14", {"file": file.name, "reason": reason}, file=str(file)))
    return CryptoSigner(private)


def read_public(file: Path) -> Key:
    """The public key of a `.pub` file. TrustFault (SL-TRU-14) for another file."""
    try:
        said: dict[str, Any] = json.loads(file.read_bytes())
        return Key.from_dict(said.pop("keyid"), said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = {"en": "not a public key of `storeloom trust key`", "zh": "不是 storeloom trust key 生成的公钥"}
        raise TrustFault(Finding("SL-TRU-14", {"file": file.name, "reason": reason}, file=str(file))) from error


class OnlineKeys:
    """The private keys that lie on the server, by key id."""

    def __init__(self, folder: Path, passphrase: str | None) -> None:
        self._folder, self._passphrase = folder, passphrase
        self._open: dict[str, CryptoSigner] = {}

    def make(self) -> SSlibKey:
        """A new key; its public half."""
        fresh = self._folder / "new.pem"
        fresh.unlink(missing_ok=True)
        public = make_key(fresh, self._passphrase)
        fresh.rename(self._folder / f"{public.keyid}.pem")
        fresh.with_name("new.pem.pub").rename(self._folder / f"{public.keyid}.pub")
        durable.sync_folder(self._folder)
        return public

    def signer(self, keyid: str) -> CryptoSigner | None:
        """What signs with a key, None where it is not here. TrustFault where it does not open."""
        if keyid not in self._open:
            file = self._folder / f"{keyid}.pem"
            if not file.is_file():
                return None
            self._open[keyid] = read_signer(file, self._passphrase)
        return self._open[keyid]

    def forget(self, keyid: str) -> None:
        """Delete a key that signs nothing more."""
        self._open.pop(keyid, None)
        for ending in (".pem", ".pub"):
            (self._folder / f"{keyid}{ending}").unlink(missing_ok=True)
