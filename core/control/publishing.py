"""The vendor's side of publishing: wheels and signed metadata read, compared with what a control plane has, and sent.

Whatever breaks it off, the same again goes on: what is published or lies there already is not sent anew, and metadata that is published
changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from tuf.api.metadata import Metadata, Targets

from storeloom.core.control.client import FleetClient, FleetFault, part
from storeloom.core.control.trust.signing import read_signed
from storeloom.core.control.trust.wheels import Wheel, read_wheel
from storeloom.core.kernel.errors import Finding, StoreloomError, TrustFault
from storeloom.core.trust import clock, names

NOT_THERE = 404
SHORT = 12


@dataclass(frozen=True)
class Brought:
    """A wheel that lies here, and what it brings."""

    file: Path
    sha256: str
    length: int
    wheel: Wheel

    @property
    def name(self) -> str:
        return self.file.name


@dataclass(frozen=True)
class Standing:
    """What a control plane has of a vendor: its metadata, its published wheels (withdrawn or not), those that wait for metadata."""

    metadata: Metadata[Targets] | None
    published: Mapping[str, bool]
    waiting: frozenset[tuple[str, str]]

    @property
    def version(self) -> int:
        return 0 if self.metadata is None else self.metadata.signed.version

    def has(self, metadata: Metadata[Targets]) -> bool:
        """Whether this very metadata is published."""
        return self.metadata is not None and self.metadata.signed == metadata.signed


def read_wheels(files: Iterable[Path]) -> list[Brought]:
    """The wheels of files. StoreloomError with all that is wrong with any of them; none of their code is run."""
    found: dict[str, Brought] = {}
    findings: list[Finding] = []
    for file in files:
        if not file.is_file():
            findings.append(Finding("SL-DOC-01", {"file": str(file)}, file=str(file)))
            continue
        data = file.read_bytes()
        one = hashlib.sha256(data).hexdigest()
        if file.name in found:
            if found[file.name].sha256 != one:
                findings.append(Finding("SL-PUB-01", {"file": file.name}, file=str(file)))
            continue
        try:
            found[file.name] = Brought(file, one, len(data), read_wheel(file.name, data))
        except TrustFault as fault:
            findings += [Finding(told.code, told.args, file=str(file)) for told in fault.findings]
    if findings:
        raise StoreloomError(findings)
    return list(found.values())


def published_metadata(client: FleetClient, vendor: str) -> bytes | None:
    """What a vendor has published last, None the first time."""
    try:
        return orjson.dumps(client.get(f"/vendors/{part(vendor)}/metadata").body)
    except FleetFault as fault:
        if fault.status == NOT_THERE:
            return None
        raise


def standing(client: FleetClient, vendor: str) -> Standing:
    """What the control plane has of a vendor."""
    metadata = published_metadata(client, vendor)
    packages = client.pages("/packages", {"vendor": vendor, "withdrawn": "true", "limit": 500})
    published = {str(one["filename"]): one["withdrawn"] is not None for one in packages}
    waiting = client.get(f"/vendors/{part(vendor)}/wheels").body["waiting"]
    return Standing(
        None if metadata is None else read_signed(metadata, vendor),
        published,
        frozenset((one["filename"], one["sha256"]) for one in waiting),
    )


def vendor_of(metadata: Mapping[str, Any]) -> str:
    """Whose wheels metadata names. TrustFault (SL-PUB-08) where that is nobody's, or several's."""
    targets = metadata.get("signed", {}).get("targets", {}) if isinstance(metadata.get("signed"), dict) else {}
    vendors = sorted({owner.vendor for path in targets if (owner := names.owner(path)) is not None and owner.vendor})
    if len(vendors) != 1:
        raise TrustFault(Finding("SL-PUB-08", {"vendors": vendors}))
    return vendors[0]


def examine(
    vendor: str, metadata: Metadata[Targets], wheels: Iterable[Brought], there: Standing, now: datetime, server: str
) -> list[Finding]:
    """All that keeps the wheels and the metadata from being published together, and what was withdrawn (a warning)."""
    findings: list[Finding] = []
    signed = {path.rpartition("/")[2]: entry.hashes.get("sha256", "") for path, entry in metadata.signed.targets.items()}
    here = {one.name: one for one in wheels}
    for name, one in here.items():
        if name not in signed:
            findings.append(Finding("SL-PUB-03", {"file": name, "vendor": vendor}, file=str(one.file)))
        elif signed[name] != one.sha256:
            args = {"file": name, "got": one.sha256[:SHORT], "signed": signed[name][:SHORT]}
            findings.append(Finding("SL-PUB-04", args, file=str(one.file)))
    waiting = {name for name, sha256 in there.waiting if signed.get(name) == sha256}
    findings += [Finding("SL-PUB-05", {"file": name}) for name in signed if name not in {*here, *waiting, *there.published}]
    findings += [Finding("SL-PUB-09", {"file": name}) for name in signed if there.published.get(name)]
    if there.has(metadata):
        return findings
    if metadata.signed.version != there.version + 1:
        versions = {"got": metadata.signed.version, "known": there.version, "wanted": there.version + 1}
        findings.append(Finding("SL-PUB-06", {**versions, "server": server}))
    if metadata.signed.expires <= now:
        findings.append(Finding("SL-PUB-07", {"ends": clock.text(metadata.signed.expires), "vendor": vendor}))
    return findings


def send(
    client: FleetClient, vendor: str, data: bytes, wheels: Iterable[Brought], there: Standing, sending: Callable[[Brought], None]
) -> list[dict[str, Any]]:
    """Send the wheels that the control plane lacks, then the metadata; the packages that are new by it. `sending` is told of each."""
    for one in wheels:
        if one.name not in there.published and (one.name, one.sha256) not in there.waiting:
            sending(one)
            client.send(f"/vendors/{part(vendor)}/wheels/{part(one.name)}", one.file.read_bytes(), "application/octet-stream")
    published: list[dict[str, Any]] = client.send(f"/vendors/{part(vendor)}/metadata", data, "application/json").body["published"]
    return published
