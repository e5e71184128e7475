"""Vendors' packages: a wheel is uploaded, then the vendor's own signed metadata that names it; the second publishes the first.

The server can withdraw a package, but never sign for one: whoever takes the server over cannot put a vendor's name to a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from storeloom.core.control.models.ids import new_id
from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.control.trust.repository import Repository, State, read_metadata
from storeloom.core.control.trust.wheels import Wheel, read_wheel
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import durable, names

STAGED, WAITING = "uploaded", 100


def upload(repository: Repository, vendor: str, filename: str, data: bytes) -> tuple[Wheel, str]:
    """Keep a wheel until its vendor's metadata names it; what it brings, and its SHA-256.

    TrustFault where it is none of ours, its vendor may not sign, or `WAITING` of them wait already.
    """
    _delegation(repository, repository.state(), names.vendor_role(vendor))
    wheel = read_wheel(filename, data)
    sha256 = hashlib.sha256(data).hexdigest()
    file = _staged(repository, vendor, filename, sha256)
    if not file.is_file():
        if file.parent.is_dir() and len(list(file.parent.iterdir())) >= WAITING:
            role = names.vendor_role(vendor)
            raise _refused(role, f"{WAITING} uploaded wheels wait for its metadata already", f"已有 {WAITING} 个上传的 wheel 等待其元数据")
        file.parent.mkdir(parents=True, exist_ok=True)
        durable.write(file, data)
    return wheel, sha256


def waiting(repository: Repository, vendor: str) -> list[tuple[str, str, int]]:
    """The uploaded wheels that no metadata names yet: file name, SHA-256 and bytes of each."""
    folder = repository.folder / STAGED / vendor
    found = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        sha256, _, filename = file.name.partition(".")
        if names.WHEEL.fullmatch(filename):  # what is being written has another name
            with suppress(FileNotFoundError):  # published in this moment
                found.append((filename, sha256, file.stat().st_size))
    return found


def submit(session: Session, repository: Repository, vendor: str, data: bytes, now: datetime, actor: str) -> list[VendorPackage]:
    """Publish a vendor's new metadata: the wheels that it names are targets from then on, those that it names no more are withdrawn.

    All is refused, with every finding, unless the vendor's keys signed it, it follows the published version, delegates to nobody, and names
    only `packages/<vendor>/` wheels that were uploaded. The same metadata again changes nothing. The rows of new packages.
    """
    role = names.vendor_role(vendor)
    metadata = read_metadata(data, role)
    with repository.writing() as state:
        _demand(repository, state, role, metadata)
        targets: Targets = metadata.signed
        again = state.version(role) == targets.version and repository.load(role, targets.version).signed == targets
        if not again:
            _examine(repository, state, vendor, targets)
        files = _files(repository, vendor, targets)
        rows = _rows(session, repository.chain, vendor, targets, files, now, actor)
        if not again:
            repository.store({path: file.read_bytes() for path, file in files.items() if file.parent.parent.name == STAGED})
            repository.commit(state, {}, {role: metadata})
    for file in files.values():
        if file.parent.parent.name == STAGED:
            file.unlink(missing_ok=True)
    return rows


def current(repository: Repository, vendor: str) -> bytes | None:
    """A vendor's published metadata, which its next version builds on."""
    role = names.vendor_role(vendor)
    state = repository.state()
    version = state.version(role)
    return (repository.metadata / names.file_name(role, version)).read_bytes() if version else None


def _demand(repository: Repository, state: State, role: str, metadata: Metadata[Any]) -> None:
    result = _delegation(repository, state, role).get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if not isinstance(metadata.signed, Targets):
        raise _refused(role, f"it is {metadata.signed.type}", f"类型为 {metadata.signed.type}")
    if not result:
        args = {"role": role, "version": metadata.signed.version, "got": len(result.signed), "needed": result.threshold}
        raise TrustFault(Finding("SL-TRU-15", {**args, "may": [keyid[:12] for keyid in sorted({**result.signed, **result.unsigned})]}))


def _delegation(repository: Repository, state: State, role: str) -> Root | Targets:
    """What says who signs for a vendor. TrustFault where the chain has not admitted it."""
    delegator = repository.delegator(state, role)
    try:
        delegator.get_delegated_role(role)
    except ValueError as error:
        raise _refused(role, "the chain has not admitted this vendor", "该连锁未接纳此供应商") from error
    return delegator


def _examine(repository: Repository, state: State, vendor: str, targets: Targets) -> None:
    role, findings = names.vendor_role(vendor), list[Finding]()
    if targets.version != state.version(role) + 1:
        findings += _refused(
            role, f"version {targets.version}, {state.version(role) + 1} is next", f"版本应为 {state.version(role) + 1}"
        ).findings
    if targets.expires <= repository.now:
        findings += _refused(role, "it has ended already", "已过期").findings
    if targets.delegations is not None:
        findings += _refused(role, "it delegates to others", "含有再次委托").findings
    known: Mapping[str, TargetFile] = repository.load(role, state.version(role)).signed.targets if state.version(role) else {}
    for path, entry in targets.targets.items():
        owner = names.owner(path)
        if owner is None or owner.vendor != vendor:
            findings.append(Finding("SL-TRU-20", {"target": path, "allowed": names.package_paths(vendor)}))
        elif path in known and known[path].hashes != entry.hashes:
            findings.append(Finding("SL-TRU-19", {"target": path}))
    if findings:
        raise TrustFault(findings)


def _files(repository: Repository, vendor: str, targets: Targets) -> dict[str, Path]:
    """Where the files that metadata names lie, published or uploaded; TrustFault (SL-TRU-22) names those that lie nowhere."""
    found, findings = {}, []
    for path, entry in targets.targets.items():
        sha256 = entry.hashes.get("sha256", "")
        published = repository.targets / names.hashed(path, sha256)
        staged = _staged(repository, vendor, path.rpartition("/")[2], sha256)
        file = next((file for file in (published, staged) if file.is_file() and file.stat().st_size == entry.length), None)
        if file is None or set(entry.hashes) != {"sha256"}:
            findings.append(Finding("SL-TRU-22", {"target": path, "length": entry.length, "sha256": sha256 or "-"}))
        else:
            found[path] = file
    if findings:
        raise TrustFault(findings)
    return found


def _rows(
    session: Session, chain: str, vendor: str, targets: Targets, files: Mapping[str, Path], now: datetime, actor: str
) -> list[VendorPackage]:
    of_vendor = (VendorPackage.chain == chain, VendorPackage.vendor == vendor)
    known = {row.filename: row for row in session.exec(select(VendorPackage).where(*of_vendor))}
    named = {path.rpartition("/")[2]: path for path in targets.targets}
    for filename, row in known.items():
        if filename not in named and row.withdrawn is None:
            row.withdrawn = now
            session.add(row)
    fresh = []
    for filename, path in named.items():
        if filename in known:
            continue
        data = files[path].read_bytes()
        wheel = read_wheel(filename, data)
        row = VendorPackage(
            chain=chain,
            id=new_id(now),
            vendor=vendor,
            name=wheel.name,
            version=wheel.version,
            filename=filename,
            sha256=hashlib.sha256(data).hexdigest(),
            length=len(data),
            solutions=dict(wheel.solutions),
            requires=list(wheel.requires),
            python=wheel.python,
            uploaded=now,
            uploaded_by=actor,
        )
        session.add(row)
        fresh.append(row)
    session.flush()
    return fresh


def withdrawn(session: Session, chain: str, target: str, sha256: str) -> bool:
    """Whether a package may no longer be fetched."""
    found = select(VendorPackage.id).where(
        VendorPackage.chain == chain,
        VendorPackage.filename == target.rpartition("/")[2],
        VendorPackage.sha256 == sha256,
        col(VendorPackage.withdrawn).is_not(None),
    )
    return session.exec(found).first() is not None


def _staged(repository: Repository, vendor: str, filename: str, sha256: str) -> Path:
    return repository.folder / STAGED / vendor / f"{sha256}.{filename}"


def _refused(role: str, en: str, zh: str) -> TrustFault:
    return TrustFault(Finding("SL-TRU-16", {"role": role, "reason": {"en": en, "zh": zh}}))
