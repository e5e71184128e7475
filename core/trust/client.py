"""The agent's end of the chain's repository (TUF): what is signed, by whom, and the files themselves, each verified before it is used.

python-tuf decides what is trusted; this adds what a store needs: the root that was pinned when the agent enrolled is where every update
begins, what is trusted is durable on disk before it counts, time never runs back (`clock`), downloads of targets go on where they were cut
off, and every refusal is a finding that an operator can read. A refusal changes nothing that runs.

    pin(folder, root)                                    # once
    client = TufClient(folder, "https://plane/api/v1/tuf/metadata", "https://plane/api/v1/tuf/targets", token=lambda: token)
    client.refresh()
    file = client.download("stores/s-1/12.json", downloads)
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from tuf.api import exceptions as tuf
from tuf.api.metadata import Root, TargetFile, Timestamp
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.trust import clock, durable, names
from storeloom.core.trust.line import PARTIAL, UNSATISFIABLE, Limits, Line

PINNED = "pinned-root"
PARTS = "partial"
HASHES = frozenset({"sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s"})
SLACK = 1 << 20  # bytes of a growing target that a power cut may cost
REFUSALS: tuple[tuple[type[Exception], str], ...] = (
    (tuf.UnsignedMetadataError, "SL-TRU-01"),
    (tuf.BadVersionNumberError, "SL-TRU-02"),
    (tuf.LengthOrHashMismatchError, "SL-TRU-04"),
    (tuf.RepositoryError, "SL-TRU-10"),
    (tuf.DownloadError, "SL-TRU-08"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A signed file: its path, length in bytes, SHA-256 in hex."""

    path: str
    length: int
    sha256: str


def pin(folder: Path, root: bytes) -> None:
    """Trust this root metadata from now on; what was trusted under another one counts no more. OSError when it cannot be kept."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / PINNED
    if file.is_file() and file.read_bytes() != root:
        for old in (*folder.glob("*.json"), *folder.glob("root_history/*.json"), folder / clock.FILE):
            old.unlink(missing_ok=True)
    durable.write(file, root)
    durable.write(folder / "root.json", root)


class TufClient:
    """What a chain's repository says, verified. `folder` holds what is trusted; one client at a time uses it.

    TrustFault for all that is refused, SL-TRU-01 to -11; the codes tell a line that fails (-07, -08) from what must not be believed.
    """

    def __init__(
        self,
        folder: Path,
        metadata_url: str,
        targets_url: str = "",
        *,
        token: Callable[[], str | None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limits: Limits | None = None,
        context: ssl.SSLContext | None = None,
        line: FetcherInterface | None = None,
    ) -> None:
        self._folder, self._metadata_url, self._targets_url = folder, metadata_url, targets_url.rstrip("/")
        self._line = line or Line(token, limits, context)
        self._now = now
        self.time = clock.TrustedTime(folder, now)
        self._updater: _Updater | None = None

    def refresh(self) -> None:
        """Learn what is signed now, from the pinned root on. After a fault what was known before is still what is known."""
        self._updater = None
        root, reference = self._pinned(), self.time.judge()
        with self._told(lambda: (PINNED, "?")):
            updater = _Updater(self._folder, self._metadata_url, self._line, root, reference)
        with self._told(updater.read_last):
            try:
                updater.refresh()
            finally:
                for moment, offline in updater.verified_times():
                    self.time.saw(moment, offline=offline)
                updater.settle()
        self._updater = updater

    def find(self, path: str) -> Target:
        """The signed file of a path. TrustFault (SL-TRU-09) where nobody who may has signed one."""
        info = self._find(path)
        return Target(path, info.length, info.hashes.get("sha256", ""))

    def download(self, path: str, into: Path) -> Path:
        """The file of a target in the folder `into`, verified: what is there already, the rest of what came before, or all of it."""
        info, final = self._find(path), into / quote(path, safe="")
        with self._told(lambda: (path, "")):
            if _is(final, info):
                return final
            into.mkdir(parents=True, exist_ok=True)
            part = self._part(info)
            self._fetch_rest(info, part)
            if not _is(part, info):
                part.unlink()
                raise tuf.LengthOrHashMismatchError(", ".join(f"{kind} is not {digest}" for kind, digest in info.hashes.items()))
            os.replace(part, final)
            durable.sync_folder(into)
        return final

    def _pinned(self) -> bytes:
        try:
            return (self._folder / PINNED).read_bytes()
        except FileNotFoundError as error:
            reason = {"en": "no root is pinned, the agent has not enrolled", "zh": "未固定 root，代理尚未注册"}
            raise TrustFault(Finding("SL-TRU-10", {"file": PINNED, "reason": reason}, file=str(self._folder / PINNED))) from error

    def _find(self, path: str) -> TargetFile:
        if self._updater is None:
            self.refresh()
        assert self._updater is not None
        with self._told(self._updater.read_last):
            info = self._updater.get_targetinfo(path)
            self._updater.settle()
            if info is not None and not info.hashes.keys() & HASHES:
                raise tuf.RepositoryError(f"'{path}' has no hash that is known")
        if info is None:
            raise TrustFault(Finding("SL-TRU-09", {"target": path}))
        return info

    def _part(self, info: TargetFile) -> Path:
        """Where a target grows: named by its content, so that the rest of another file is never put behind it."""
        folder = self._folder / PARTS
        folder.mkdir(exist_ok=True)
        return folder / f"{quote(_first(info), safe='')}.part"

    def _fetch_rest(self, target: TargetFile, part: Path) -> None:
        assert self._updater is not None
        served = names.hashed(target.path, _first(target)) if self._updater.hashes_in_names() else target.path
        url = f"{self._targets_url}/{served}"
        have = part.stat().st_size if part.is_file() else 0
        if have > target.length:
            part.unlink()
            have = 0
        if have == target.length and part.is_file():
            return
        chunks, start = self._stretch(url, have)
        with open(part, "r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            have, synced = start, start
            for chunk in chunks:
                if have + len(chunk) > target.length:
                    file.truncate(0)
                    raise tuf.DownloadLengthMismatchError(str(target.length))
                file.write(chunk)
                have += len(chunk)
                if have - synced >= SLACK:
                    os.fsync(file.fileno())
                    synced = have
            file.flush()
            os.fsync(file.fileno())
        if have < target.length:
            raise tuf.DownloadError(f"it ended after {have} of {target.length} bytes")

    def _stretch(self, url: str, have: int) -> tuple[Iterator[bytes], int]:
        """A target's bytes from `have` on where the server gives stretches, else from its beginning; with where they begin."""
        if not isinstance(self._line, Line) or not have:
            return self._line.fetch(url), 0
        try:
            status, headers, chunks = self._line.ask(url, {"Range": f"bytes={have}-"})
        except tuf.DownloadHTTPError as error:
            if error.status_code != UNSATISFIABLE:
                raise
            return self._line.fetch(url), 0
        begins = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
        if status != PARTIAL:
            return chunks, 0
        if begins is None or int(begins.group(1)) != have:
            raise tuf.DownloadError(f"asked from byte {have}, got {headers.get('Content-Range')!r}")
        return chunks, have

    @contextmanager
    def _told(self, about: Callable[[], tuple[str, str]]) -> Iterator[None]:
        """python-tuf's and the disk's errors as findings; `about` names the file and says when it ended."""
        try:
            yield
        except (tuf.RepositoryError, tuf.DownloadError, OSError) as error:
            file, ended = about()
            raise TrustFault(refused(error, file, ended, clock.text(self._now()))) from error


class _Updater(Updater):
    """python-tuf's client that begins at the pinned root, judges by the trusted time, and writes durably.

    It remembers which metadata it read last, to name it when it is refused.
    """

    def __init__(self, folder: Path, url: str, line: FetcherInterface, root: bytes, reference: datetime) -> None:
        self._last, self._read = Root.type, root
        self._written: set[Path] = set()
        super().__init__(str(folder), url, fetcher=line, config=UpdaterConfig(), bootstrap=root)
        self._trusted_set.reference_time = reference

    def verified_times(self) -> Iterator[tuple[datetime, bool]]:
        """When what is trusted says that it was signed, and whether by keys that are kept offline."""
        for role in (Root.type, Timestamp.type):
            if role in self._trusted_set:
                moment = clock.parse(self._trusted_set[role].unrecognized_fields.get(names.SIGNED_AT))
                if moment is not None:
                    yield moment, role == Root.type

    def read_last(self) -> tuple[str, str]:
        """The metadata that was read last, and when it ends: that of the root where it is over itself."""
        root = self._trusted_set.root
        if root.is_expired(self._trusted_set.reference_time):
            return f"{Root.type}.json", clock.text(root.expires)
        found = re.search(rb'"expires"\s*:\s*"([^"]{1,40})"', self._read)
        return f"{self._last}.json", found.group(1).decode("ascii", "replace") if found else "?"

    def _download_metadata(self, rolename: str, length: int, version: int | None = None) -> bytes:
        self._last, self._read = rolename, b""
        self._read = super()._download_metadata(rolename, length, version)
        return self._read

    def hashes_in_names(self) -> bool:
        """Whether the repository serves files under their hashes (TUF's consistent snapshots; ours always does)."""
        return bool(self._trusted_set.root.consistent_snapshot)

    def settle(self) -> None:
        """Make what was written durable; before that nobody acts upon it."""
        for folder in self._written:
            durable.sync_folder(folder)
        self._written.clear()

    def _persist_file(self, filename: str, data: bytes) -> None:
        file = Path(filename)
        if not file.is_file() or file.read_bytes() != data:
            durable.place(file, data)
            self._written.add(file.parent)

    def _update_root_symlink(self) -> None:
        root = (Path(self._dir) / "root_history" / f"{self._trusted_set.root.version}.root.json").read_bytes()
        self._persist_file(str(Path(self._dir) / "root.json"), root)


def refused(error: Exception, file: str, ended: str, now: str) -> Finding:
    """The finding for an error of python-tuf's client, of the line or of the disk."""
    reason = str(error) or type(error).__name__
    numbers = re.findall(r"\d+", reason)
    if isinstance(error, tuf.ExpiredMetadataError):
        return Finding("SL-TRU-03", {"file": file, "ended": ended, "now": now})
    if isinstance(error, tuf.DownloadLengthMismatchError):
        return Finding("SL-TRU-06", {"file": file, "limit": numbers[-1]})
    if isinstance(error, tuf.SlowRetrievalError):
        return Finding("SL-TRU-07", {"file": file, "got": numbers[0], "seconds": numbers[1]})
    for kind, code in REFUSALS:
        if isinstance(error, kind):
            return Finding(code, {"file": file, "reason": reason})
    place = getattr(error, "filename", None)
    return Finding("SL-TRU-11", {"file": str(place or file), "reason": getattr(error, "strerror", None) or reason})


def _first(info: TargetFile) -> str:
    return next(iter(info.hashes.values()))


def _is(file: Path, info: TargetFile) -> bool:
    """Whether a file is the signed one: its length, and every hash that is signed."""
    if not file.is_file() or file.stat().st_size != info.length:
        return False
    return all(_digest(file, kind) == digest for kind, digest in info.hashes.items())


def _digest(file: Path, kind: str) -> str:
    if kind not in HASHES:
        raise tuf.LengthOrHashMismatchError(f"{kind} is no hash that is known")
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, kind).hexdigest()
