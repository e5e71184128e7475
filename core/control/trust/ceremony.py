"""What the offline keys sign: drafts of root and targets that are carried to their holders, and taken in when enough have signed.

A draft is made on the server, without its signatures; each holder signs the file where the key is (`sign`), and needs nothing else for it;
`accept` takes the signed files in, in any number of copies, checks that root is signed by the old and the new keys and everything below it
still holds, and publishes. Until then nothing has changed for any store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Snapshot, SuccinctRoles, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from storeloom.core.control.trust.keys import make_key, read_signer
from storeloom.core.control.trust.repository import OFFLINE, TOP_ONLINE, Repository, State, read_metadata
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import clock, durable, names

BITS = 8
ACCEPTED = "accepted.json"


def found(
    repository: Repository,
    root_keys: Sequence[Key],
    root_threshold: int,
    targets_keys: Sequence[Key],
    targets_threshold: int,
    bits: int = BITS,
) -> list[Path]:
    """Begin a repository: online keys, and the drafts of root and targets. The bundles of stores go into 2**`bits` bins."""
    if repository.founded():
        raise TrustFault(_untaken(Root.type, "the chain has a repository already", "该连锁已有仓库"))
    for folder in (repository.metadata, repository.targets, repository.drafts, repository.folder / "keys"):
        folder.mkdir(parents=True, exist_ok=True)
    (repository.folder / "keys").chmod(0o700)
    root = Root(version=1, consistent_snapshot=True)
    _hold(root, Root.type, root_keys, root_threshold)
    _hold(root, Targets.type, targets_keys, targets_threshold)
    for role in TOP_ONLINE:
        _hold(root, role, [repository.keys.make()], 1)
    releases = repository.keys.make()
    delegation = DelegatedRole(names.RELEASES, [releases.keyid], 1, True, paths=[names.STORE_PATHS], unrecognized_fields={"x-bits": bits})
    targets = Targets(version=1, delegations=Delegations({releases.keyid: releases}, {names.RELEASES: delegation}))
    return [_save(repository, Root.type, Metadata(root)), _save(repository, Targets.type, Metadata(targets))]


def draft(repository: Repository, role: str) -> Metadata[Any]:
    """The next version of root or targets: the draft that lies there, or one like what is published. Save it with `put`."""
    state = repository.state()
    version = (state.root.signed.version if role == Root.type else state.version(role)) + 1
    file = repository.drafts / f"{role}.json"
    if file.is_file():
        lying = read_metadata(file.read_bytes(), file.name)
        if lying.signed.version == version:
            return lying
    metadata = repository.load(role, version - 1)
    metadata.signed.version = version
    return metadata


def put(repository: Repository, role: str, metadata: Metadata[Any]) -> Path:
    """Lay a draft down to be carried; signatures on what it was before are gone."""
    return _save(repository, role, metadata)


def change_holders(
    repository: Repository, role: str, add: Sequence[Key] = (), remove: Iterable[str] = (), threshold: int | None = None
) -> Path:
    """The draft in which other keys hold a role: root, targets, or a vendor. Key ids to remove may be given by their beginning."""
    parent = Root.type if role in OFFLINE else Targets.type
    metadata = draft(repository, parent)
    holder = _holder(metadata.signed, role)
    going = [keyid for keyid in holder.keyids if any(keyid.startswith(beginning) for beginning in remove)]
    for key in add:
        metadata.signed.add_key(key, role)
    for keyid in going:
        metadata.signed.revoke_key(keyid, role)
    holder.threshold = threshold or holder.threshold
    if not 1 <= holder.threshold <= len(holder.keyids):
        raise TrustFault(
            _untaken(role, f"{holder.threshold} of {len(holder.keyids)} keys", f"{len(holder.keyids)} 把密钥中的 {holder.threshold} 把")
        )
    return put(repository, parent, metadata)


def change_online(repository: Repository, role: str) -> Path:
    """The draft in which a new key, made here, signs online for a role; the old one goes when the draft is taken in."""
    parent = Root.type if role in TOP_ONLINE else Targets.type
    metadata = draft(repository, parent)
    holder = _holder(metadata.signed, role)
    old = list(holder.keyids)
    metadata.signed.add_key(repository.keys.make(), role)
    for keyid in old:
        metadata.signed.revoke_key(keyid, role)
    return put(repository, parent, metadata)


def admit_vendor(repository: Repository, vendor: str, keys: Sequence[Key], threshold: int = 1) -> Path:
    """The draft in which a vendor may sign for `packages/<vendor>/*`, and for nothing else."""
    if names.VENDOR.fullmatch(vendor) is None:
        raise TrustFault(Finding("SL-TRU-20", {"target": vendor, "allowed": names.VENDOR.pattern}))
    metadata = draft(repository, Targets.type)
    role = names.vendor_role(vendor)
    assert metadata.signed.delegations is not None and metadata.signed.delegations.roles is not None
    if role in metadata.signed.delegations.roles:
        raise TrustFault(_untaken(role, "it is there already; change its keys", "已存在，请改为更换密钥"))
    metadata.signed.delegations.roles[role] = DelegatedRole(role, [], threshold, True, paths=[names.package_paths(vendor)])
    for key in keys:
        metadata.signed.add_key(key, role)
    if len(keys) < threshold:
        raise TrustFault(_untaken(role, f"{threshold} of {len(keys)} keys", f"{len(keys)} 把密钥中的 {threshold} 把"))
    return put(repository, Targets.type, metadata)


def dismiss_vendor(repository: Repository, vendor: str) -> Path:
    """The draft in which a vendor may sign nothing more: none of its packages is trusted from then on."""
    metadata = draft(repository, Targets.type)
    role = names.vendor_role(vendor)
    for keyid in list(_holder(metadata.signed, role).keyids):
        metadata.signed.revoke_key(keyid, role)
    del metadata.signed.delegations.roles[role]
    return put(repository, Targets.type, metadata)


def sign(file: Path, signer: CryptoSigner) -> Metadata[Any]:
    """Add a holder's signature to a file; what was signed, to be shown. Needs nothing but the file and the key."""
    metadata = read_metadata(file.read_bytes(), file.name)
    metadata.sign(signer, append=True)
    durable.write(file, metadata.to_bytes(JSONSerializer()))
    return metadata


def accept(repository: Repository, files: Iterable[Path]) -> list[str]:
    """Take signed drafts in and publish what follows from them; the roles and versions that are new. TrustFault names what is missing."""
    merged: dict[str, Metadata[Any]] = {}
    for file in files:
        metadata = read_metadata(file.read_bytes(), file.name)
        role = metadata.signed.type
        same = merged.setdefault(role, metadata)
        if role not in OFFLINE or same.signed_bytes != metadata.signed_bytes:
            raise TrustFault(
                _untaken(file.name, "root or targets is wanted, and copies of one draft", "应为 root 或 targets，且为同一草稿的副本")
            )
        same.signatures.update(metadata.signatures)
    with repository.locked():
        told = _found_with(repository, merged) if not repository.founded() else _take(repository, merged)
        _clear(repository, merged)
    return told


def complete(repository: Repository) -> bool:
    """Finish what a crash left of an `accept`: a new root is out, what its keys signed is not. Whether there was such."""
    with repository.locked():
        file = repository.folder / ACCEPTED
        if not file.is_file():
            return False
        merged = {role: Metadata.from_dict(said) for role, said in orjson.loads(file.read_bytes()).items()}
        if repository.founded():
            _take(repository, merged)
        else:
            _found_with(repository, merged)
        _clear(repository, merged)
    return True


def _keep(repository: Repository, drafts: dict[str, Metadata[Any]]) -> None:
    """Keep checked drafts, as one, until all that follows from them is published."""
    durable.write(repository.folder / ACCEPTED, orjson.dumps({role: metadata.to_dict() for role, metadata in drafts.items()}))


def _clear(repository: Repository, drafts: Iterable[str]) -> None:
    for role in drafts:
        (repository.drafts / f"{role}.json").unlink(missing_ok=True)
    (repository.folder / ACCEPTED).unlink(missing_ok=True)


def _found_with(repository: Repository, drafts: dict[str, Metadata[Any]]) -> list[str]:
    if set(drafts) != set(OFFLINE):
        raise TrustFault(_untaken(Root.type, "the first time root and targets come together", "首次须同时提交 root 与 targets"))
    root, targets = drafts[Root.type], drafts[Targets.type]
    _demand(root.signed, Root.type, root)
    _demand(root.signed, Targets.type, targets)
    _keep(repository, drafts)
    state = State(root, Metadata(Snapshot(meta={})), Metadata(Timestamp()))
    state.snapshot.signed.version = state.timestamp.signed.version = 0
    repository.place_root(root)
    holder = targets.signed.get_delegated_role(names.RELEASES)
    bits = int(holder.unrecognized_fields["x-bits"])
    bins = SuccinctRoles(list(holder.keyids), 1, bits, names.BINS)
    keys = {keyid: targets.signed.get_key(keyid) for keyid in holder.keyids}
    made: dict[str, Metadata[Any]] = {names.RELEASES: Metadata(Targets(delegations=Delegations(keys, succinct_roles=bins)))}
    made |= {role: Metadata(Targets()) for role in bins.get_roles()}
    repository.commit(state, made, {Targets.type: targets})
    return ["root 1", "targets 1"]


def _take(repository: Repository, drafts: dict[str, Metadata[Any]]) -> list[str]:
    state = repository.state()
    root, targets = drafts.get(Root.type), drafts.get(Targets.type)
    if root is not None and root.signed == state.root.signed:  # taken before, and cut off behind it
        root = None
    if root is not None:
        _demand(state.root.signed, Root.type, root)
        _demand(root.signed, Root.type, root)
        _follow(Root.type, root, state.root.signed.version)
    new_root = root or state.root
    present = targets or repository.load(Targets.type, state.version(Targets.type))
    _demand(new_root.signed, Targets.type, present)
    if targets is not None and targets.signed == repository.load(Targets.type, state.version(Targets.type)).signed:
        targets = None
    if targets is not None:
        _follow(Targets.type, targets, state.version(Targets.type))
    _have_keys(repository, new_root, present)
    before = _online(state.root.signed, repository.load(Targets.type, state.version(Targets.type)).signed)
    _keep(repository, drafts)
    if root is not None:
        repository.place_root(root)
        state.root = root
    _publish_below(repository, state, present, targets)
    for keyid in before - _online(state.root.signed, present.signed):
        repository.keys.forget(keyid)
    return [f"{role} {metadata.signed.version}" for role, metadata in drafts.items()]


def _publish_below(repository: Repository, state: State, present: Metadata[Targets], targets: Metadata[Targets] | None) -> None:
    """Sign anew what the new keys must sign, and publish."""
    stale: dict[str, Metadata[Any]] = {}
    releases: Metadata[Targets] = repository.load(names.RELEASES, state.version(names.RELEASES))
    holder = present.signed.get_delegated_role(names.RELEASES)
    bins = repository.bins(state)
    if holder.keyids != bins.keyids:
        keys = {keyid: present.signed.get_key(keyid) for keyid in holder.keyids}
        fresh = SuccinctRoles(list(holder.keyids), holder.threshold, bins.bit_length, bins.name_prefix)
        releases.signed.delegations = Delegations(keys, succinct_roles=fresh)
        stale = {names.RELEASES: releases} | {role: repository.load(role, state.version(role)) for role in bins.get_roles()}
    repository.commit(state, stale, {Targets.type: targets} if targets is not None else None, renew=True)


def _online(root: Root, targets: Targets) -> set[str]:
    return {keyid for role in TOP_ONLINE for keyid in root.roles[role].keyids} | set(targets.get_delegated_role(names.RELEASES).keyids)


def _have_keys(repository: Repository, root: Metadata[Root], targets: Metadata[Targets]) -> None:
    """Refuse what this server could not sign for afterwards."""
    missing = [keyid for keyid in _online(root.signed, targets.signed) if repository.keys.signer(keyid) is None]
    if missing:
        raise TrustFault([Finding("SL-TRU-18", {"role": keyid[:12]}) for keyid in missing])


def _follow(role: str, metadata: Metadata[Any], version: int) -> None:
    if metadata.signed.version != version + 1:
        args = (f"version {metadata.signed.version}, {version + 1} is next", f"版本 {metadata.signed.version}，应为 {version + 1}")
        raise TrustFault(_untaken(role, *args))


def _demand(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> None:
    """Refuse metadata of a role without the signatures that it needs (SL-TRU-15)."""
    result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if not result:
        may = sorted({**result.signed, **result.unsigned})
        args = {"role": role, "version": metadata.signed.version, "got": len(result.signed), "needed": result.threshold}
        raise TrustFault(Finding("SL-TRU-15", {**args, "may": [keyid[:12] for keyid in may]}))


def _hold(root: Root, role: str, keys: Sequence[Key], threshold: int) -> None:
    for key in keys:
        root.add_key(key, role)
    root.roles[role].threshold = threshold
    if not 1 <= threshold <= len(root.roles[role].keyids):
        raise TrustFault(_untaken(role, f"{threshold} of {len(keys)} keys", f"{len(keys)} 把密钥中的 {threshold} 把"))


def _holder(signed: Root | Targets, role: str) -> Any:
    try:
        return signed.get_delegated_role(role)
    except ValueError as error:
        raise TrustFault(_untaken(role, "there is no such role", "没有该角色")) from error


def _save(repository: Repository, role: str, metadata: Metadata[Any]) -> Path:
    metadata.signed.expires = repository.now.replace(microsecond=0) + repository.lives.of(role)
    metadata.signed.unrecognized_fields[names.SIGNED_AT] = clock.text(repository.now)
    metadata.signatures.clear()
    repository.drafts.mkdir(parents=True, exist_ok=True)
    file = repository.drafts / f"{role}.json"
    durable.write(file, metadata.to_bytes(JSONSerializer()))
    return file


def _untaken(role: str, en: str, zh: str) -> Finding:
    return Finding("SL-TRU-16", {"role": role, "reason": {"en": en, "zh": zh}})


def found_alone(repository: Repository, keys: Path, passphrase: str | None = None, bits: int = BITS) -> None:
    """Begin a repository in one go, for a pilot with one holder: its keys of root and targets are made in `keys`, to be taken away."""
    root, targets = (make_key(keys / f"{role}.pem", passphrase) for role in OFFLINE)
    files = found(repository, [root], 1, [targets], 1, bits)
    for file, role in zip(files, OFFLINE, strict=True):
        sign(file, read_signer(keys / f"{role}.pem", passphrase))
    accept(repository, files)
