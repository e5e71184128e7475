"""A vendor's signed metadata, made where its keys are: no database, no server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from storeloom.core.control.trust.repository import read_metadata
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import names


def sign_wheels(base: bytes | None, vendor: str, wheels: Mapping[str, bytes], ends: datetime, signers: Iterable[Any]) -> bytes:
    """A vendor's next metadata: what `base` named, and these wheels by file name, good until `ends`.

    TrustFault with every wheel whose name `base` gives to other content (SL-TRU-19), and every path in it that is another's (SL-TRU-20).
    """
    metadata: Metadata[Any] = Metadata(Targets()) if base is None else read_signed(base, vendor)
    if base is not None:
        metadata.signed.version += 1
    findings = []
    for filename, data in wheels.items():
        path = names.package(vendor, filename)
        known = metadata.signed.targets.get(path)
        if known is not None and known.hashes.get("sha256") != hashlib.sha256(data).hexdigest():
            findings.append(Finding("SL-TRU-19", {"target": path}))
        metadata.signed.targets[path] = TargetFile.from_data(path, data, ["sha256"])
    if findings:
        raise TrustFault(findings)
    metadata.signed.expires = ends
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer())


def read_signed(data: bytes, vendor: str, file: Path | None = None) -> Metadata[Targets]:
    """A vendor's metadata as it was signed; the signature is looked at by who publishes it.

    TrustFault where it is no list of targets (SL-TRU-10), or names what is not this vendor's (SL-TRU-20).
    """
    metadata = read_metadata(data, str(file or names.vendor_role(vendor)))
    if not isinstance(metadata.signed, Targets):
        reason = {"en": f"it is {metadata.signed.type}", "zh": f"类型为 {metadata.signed.type}"}
        raise TrustFault(Finding("SL-TRU-10", {"file": str(file or names.vendor_role(vendor)), "reason": reason}))
    strangers = [path for path in metadata.signed.targets if (owner := names.owner(path)) is None or owner.vendor != vendor]
    if strangers:
        raise TrustFault(Finding("SL-TRU-20", {"target": path, "allowed": names.package_paths(vendor)}) for path in strangers)
    return metadata
