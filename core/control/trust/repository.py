"""A chain's TUF repository on disk: what is published in it, and how it stays whole.

    trust/<chain>/metadata/   N.root.json ... N.releases-bin-3f.json, timestamp.json
    trust/<chain>/targets/    each file under its hash: stores/s-1/<sha256>.12.json
    trust/<chain>/keys/       the online private keys
    trust/<chain>/drafts/     root and targets on their way to who holds the offline keys

Everything is written under names that nothing points to yet, targets before the bins that name them, bins before the snapshot; replacing
`timestamp.json` publishes it all at once. A crash leaves what was published before, and files that the next writing goes over. One writer
at a time, over processes too; readers take no lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from storeloom.core.control.trust.keys import PASSPHRASE, OnlineKeys
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import clock, durable, names

OFFLINE = (Root.type, Targets.type)
TOP_ONLINE = (Snapshot.type, Timestamp.type)
KEPT = 5  # versions of each metadata that stay for clients in the midst of a refresh


@dataclass(frozen=True, slots=True)
class Lives:
    """How long signatures hold. Who can hold back updates can do so for no longer than a timestamp lives."""

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=365)
    bins: timedelta = timedelta(days=180)
    snapshot: timedelta = timedelta(days=14)
    timestamp: timedelta = timedelta(days=2)

    def of(self, role: str) -> timedelta:
        return getattr(self, role, self.bins) if role in (*OFFLINE, *TOP_ONLINE) else self.bins


@dataclass
class State:
    """What is published: the root, and the metadata that timestamp and snapshot name."""

    root: Metadata[Root]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]

    def version(self, role: str) -> int:
        """The published version of a role below the snapshot; 0 where there is none."""
        entry = self.snapshot.signed.meta.get(f"{role}.json")
        return 0 if entry is None else entry.version


class Repository:
    """One chain's repository in `folder`. TrustFault where it cannot do what is asked; nothing is changed then."""

    def __init__(self, folder: Path, chain: str, now: Callable[[], datetime], lives: Lives | None = None) -> None:
        self.folder, self.chain, self._now, self.lives = folder, chain, now, lives or Lives()
        self.metadata, self.targets, self.drafts = folder / "metadata", folder / "targets", folder / "drafts"
        self._looked: datetime | None = None
        self.keys = OnlineKeys(folder / "keys", os.environ.get(PASSPHRASE))

    @property
    def now(self) -> datetime:
        return self._now().astimezone(UTC)

    def founded(self) -> bool:
        """Whether something was ever published in it."""
        return (self.metadata / "timestamp.json").is_file()

    def root_bytes(self, version: int | None = None) -> bytes:
        """Root metadata, the newest by default: what an agent pins when it enrols."""
        number = version or self._newest_root()
        if not number:
            raise TrustFault(Finding("SL-TRU-17", {"chain": self.chain}))
        return (self.metadata / names.file_name(Root.type, number)).read_bytes()

    def state(self) -> State:
        """What is published now."""
        if not self.founded():
            raise TrustFault(Finding("SL-TRU-17", {"chain": self.chain}))
        timestamp: Metadata[Timestamp] = Metadata.from_file(str(self.metadata / "timestamp.json"))
        snapshot: Metadata[Snapshot] = self.load(Snapshot.type, timestamp.signed.snapshot_meta.version)
        return State(Metadata[Root].from_bytes(self.root_bytes()), snapshot, timestamp)

    def load(self, role: str, version: int) -> Metadata[Any]:
        """Published metadata of a version."""
        return Metadata.from_file(str(self.metadata / names.file_name(role, version)))

    def publish(self, targets: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
        """Publish stores' bundles, all in one snapshot or none; `{path: {sha256, length}}`.

        What is there already with the same content is left as it is, so that whoever crashed may publish again; other content under a
        published path is refused (SL-TRU-19).
        """
        wrong = [path for path in targets if names.BUNDLE.fullmatch(path) is None]
        if wrong:
            raise TrustFault([Finding("SL-TRU-20", {"target": path, "allowed": "stores/STORE/NUMBER.json"}) for path in wrong])
        with self.writing() as state:
            bins = self.bins(state)
            touched: dict[str, Metadata[Any]] = {}
            changed: set[str] = set()
            told: dict[str, dict[str, Any]] = {}
            findings = []
            for path, data in targets.items():
                entry = TargetFile.from_data(path, data, ["sha256"])
                role = bins.get_role_for_target(path)
                if role not in touched:
                    touched[role] = self.load(role, state.version(role))
                known = touched[role].signed.targets.setdefault(path, entry)
                if known is entry:
                    changed.add(role)
                elif known.hashes != entry.hashes:
                    findings.append(Finding("SL-TRU-19", {"target": path}))
                told[path] = {"sha256": entry.hashes["sha256"], "length": entry.length}
            if findings:
                raise TrustFault(findings)
            self.store(targets)
            self.commit(state, {role: touched[role] for role in sorted(changed)})
        return told

    def bundles(self, number: int) -> list[str]:
        """The signed bundles of a release's number; none where nothing was ever published."""
        if not self.founded():
            return []
        state = self.state()
        found: list[str] = []
        for role in self.bins(state).get_roles():
            signed = self.load(role, state.version(role)).signed.targets
            found += [path for path in signed if (match := names.BUNDLE.fullmatch(path)) is not None and int(match.group(2)) == number]
        return found

    def withdraw(self, paths: Iterable[str]) -> None:
        """Sign these bundles no longer, and delete their files; what is not there is no matter."""
        with self.writing() as state:
            bins, changed, gone = self.bins(state), dict[str, Metadata[Any]](), list[TargetFile]()
            for path in paths:
                role = bins.get_role_for_target(path)
                metadata = changed.get(role) or self.load(role, state.version(role))
                entry = metadata.signed.targets.pop(path, None)
                if entry is not None:
                    changed[role] = metadata
                    gone.append(entry)
            self.commit(state, changed)
            for entry in gone:
                (self.targets / names.hashed(entry.path, entry.hashes["sha256"])).unlink(missing_ok=True)

    def refresh(self) -> bool:
        """Sign anew what would end soon; called by the server's ticker every some minutes. Whether something was signed."""
        if not self.founded():
            return False
        timestamp: Metadata[Timestamp] = Metadata.from_file(str(self.metadata / "timestamp.json"))
        due = self._looked is None or self.now - self._looked >= timedelta(days=1)
        if not due and timestamp.signed.expires - self.now > self.lives.timestamp * 0.75:
            return False
        with self.writing() as state:
            roles = (names.RELEASES, *self.bins(state).get_roles())
            ending = [role for role in roles if self._ends(role, state.version(role)) - self.now < self.lives.bins / 2]
            stale = {role: self.load(role, state.version(role)) for role in ending}
            self._looked = self.now
            if not stale and timestamp.signed.expires - self.now > self.lives.timestamp * 0.75:
                return False
            self.commit(state, stale, renew=True)
            self._prune()
        return True

    def place_root(self, root: Metadata[Root]) -> None:
        """Publish a root; what its keys must sign follows at once, and is completed by the next writing if this one ends here."""
        durable.write(self.metadata / names.file_name(Root.type, root.signed.version), _bytes(root))

    def store(self, targets: Mapping[str, bytes]) -> None:
        """Put files where their hashes say, durably; nothing names them yet."""

        def missing() -> Iterator[tuple[Path, bytes]]:
            for path, data in targets.items():
                file = self.targets / names.hashed(path, hashlib.sha256(data).hexdigest())
                if not file.is_file() or file.stat().st_size != len(data):
                    yield file, data

        durable.write_all(missing())

    @contextmanager
    def writing(self) -> Iterator[State]:
        """What is published, while nobody else writes; what a crash left half done is completed first."""
        with self.locked():
            state = self.state()
            self._repair(state)
            yield state

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other writers out, those of other processes too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def commit(
        self, state: State, changed: Mapping[str, Metadata[Any]], signed: Mapping[str, Metadata[Any]] | None = None, *, renew: bool = False
    ) -> None:
        """Publish changed metadata of online roles, and of others that come `signed`; `renew`: sign timestamp and, if near its end,
        snapshot in any case. The state becomes what is published then."""
        now, snapshot = self.now, state.snapshot.signed
        if not changed and not signed and not renew:
            return
        for role, metadata in (signed or {}).items():
            snapshot.meta[f"{role}.json"] = self._place(role, metadata)
        bins: list[tuple[Path, bytes]] = []
        for role, metadata in changed.items():
            metadata.signed.version = state.version(role) + 1
            self.sign(state, role, metadata, now)
            if role.startswith(names.BINS):
                bins.append((self.metadata / names.file_name(role, metadata.signed.version), _bytes(metadata)))
                snapshot.meta[f"{role}.json"] = MetaFile(metadata.signed.version)
            else:
                snapshot.meta[f"{role}.json"] = self._place(role, metadata)
        durable.write_all(bins)
        if (
            changed
            or signed
            or snapshot.expires - now < self.lives.snapshot / 2
            or not self._holds(state.root, Snapshot.type, state.snapshot)
        ):
            snapshot.version += 1
            self.sign(state, Snapshot.type, state.snapshot, now)
            state.timestamp.signed.snapshot_meta = self._place(Snapshot.type, state.snapshot)
        durable.sync_folder(self.metadata)
        state.timestamp.signed.version += 1
        self.sign(state, Timestamp.type, state.timestamp, now)
        durable.write(self.metadata / "timestamp.json", _bytes(state.timestamp))

    def sign(self, state: State, role: str, metadata: Metadata[Any], now: datetime) -> None:
        """Sign metadata of an online role with the keys that are here. TrustFault (SL-TRU-18) where they are too few."""
        metadata.signed.expires = now.replace(microsecond=0) + self.lives.of(role)
        metadata.signed.unrecognized_fields[names.SIGNED_AT] = clock.text(now)
        holder = self.delegator(state, role).get_delegated_role(role)
        signers = [signer for keyid in holder.keyids if (signer := self.keys.signer(keyid)) is not None]
        if len(signers) < holder.threshold:
            raise TrustFault(Finding("SL-TRU-18", {"role": role}))
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)

    def _place(self, role: str, metadata: Metadata[Any]) -> MetaFile:
        """Write metadata under its version, which nothing names yet; what the level above says of it."""
        data = _bytes(metadata)
        durable.place(self.metadata / names.file_name(role, metadata.signed.version), data)
        return MetaFile(metadata.signed.version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})

    def delegator(self, state: State, role: str) -> Root | Targets:
        """The metadata that says who signs for a role."""
        if role in (*OFFLINE, *TOP_ONLINE):
            return state.root.signed
        parent = names.RELEASES if role.startswith(names.BINS) else Targets.type
        found: Targets = self.load(parent, state.version(parent)).signed
        return found

    def _ends(self, role: str, version: int) -> datetime:
        """When metadata of ours ends, read without parsing the rest of it."""
        data = (self.metadata / names.file_name(role, version)).read_bytes()
        found = re.search(rb'"expires":"([^"]+)"', data)
        return clock.parse(found.group(1).decode()) or clock.FIRST if found else clock.FIRST

    def holds(self, state: State, role: str, metadata: Metadata[Any]) -> bool:
        """Whether metadata carries the signatures that its role needs."""
        delegator = self.delegator(state, role)
        return bool(delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures))

    def _holds(self, root: Metadata[Root], role: str, metadata: Metadata[Any]) -> bool:
        return bool(root.signed.get_verification_result(role, metadata.signed_bytes, metadata.signatures))

    def bins(self, state: State) -> SuccinctRoles:
        """The hash bins that the stores' bundles are spread over."""
        releases: Targets = self.load(names.RELEASES, state.version(names.RELEASES)).signed
        if releases.delegations is None or releases.delegations.succinct_roles is None:
            raise TrustFault(Finding("SL-TRU-16", {"role": names.RELEASES, "reason": {"en": "it has no bins", "zh": "没有哈希分区"}}))
        return releases.delegations.succinct_roles

    def _repair(self, state: State) -> None:
        """A new root came out before what its new keys must sign: sign that now."""
        if not all(self._holds(state.root, role, md) for role, md in ((Snapshot.type, state.snapshot), (Timestamp.type, state.timestamp))):
            self.commit(state, {}, renew=True)

    def _newest_root(self) -> int:
        return max((version for version, role in self._files() if role == Root.type), default=0)

    def _files(self) -> Iterator[tuple[int, str]]:
        if self.metadata.is_dir():
            for name in os.listdir(self.metadata):
                found = re.fullmatch(r"([0-9]+)\.(.+)\.json", name)
                if found is not None:
                    yield int(found.group(1)), found.group(2)

    def _prune(self) -> None:
        """Delete metadata that was replaced long ago. Roots all stay: a store that was offline for years goes through them one by one."""
        by_role: dict[str, list[int]] = {}
        for version, role in self._files():
            by_role.setdefault(role, []).append(version)
        for role, versions in by_role.items():
            if role != Root.type:
                for version in sorted(versions)[:-KEPT]:
                    (self.metadata / f"{version}.{role}.json").unlink(missing_ok=True)


def read_metadata(data: bytes, what: str) -> Metadata[Any]:
    """Metadata from bytes. TrustFault (SL-TRU-10) for what is none."""
    try:
        return Metadata.from_bytes(data)
    except DeserializationError as error:
        raise TrustFault(Finding("SL-TRU-10", {"file": what, "reason": str(error)})) from error


def _bytes(metadata: Metadata[Any]) -> bytes:
    return metadata.to_bytes(JSONSerializer(compact=True))
