"""Where store profiles are kept: TOML files of a folder, or, with a control plane, the chain's stores."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import orjson

from storeloom.core.control.client import FleetClient, part
from storeloom.core.kernel import schemas
from storeloom.core.kernel.drivers import driver_findings
from storeloom.core.kernel.errors import ConfigFault, Finding, InputFault, StoreloomError
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.kernel.sources import STORE, open_document, zone_findings
from storeloom.studio.toml_text import toml_text
from storeloom.studio.user_data import user_folder

FOLDER = "STORELOOM_STORES"
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
WHOLE_DAY = ("open", "close")
Zones = list[dict[str, Any]]


@dataclass(frozen=True)
class Kept:
    """A store as it is kept: its profile, the version that a change must name, what a chain knows beside it, and its zones where they
    are kept with it. `findings` tell of a file that cannot be read."""

    id: str
    profile: Mapping[str, Any]
    version: str
    beside: Mapping[str, Any] = field(default_factory=dict)
    zones: Zones | None = None
    findings: tuple[Finding, ...] = ()


class Keeper(Protocol):
    """A place that keeps stores. What it refuses is raised as a StoreloomError."""

    @property
    def words(self) -> str:
        """Where it is, for the reader."""

    def all(self) -> Iterator[Kept]:
        """Every store, in order of their ids."""

    def one(self, store: str) -> Kept | None:
        """A store, None where there is none."""

    def save(self, profile: Mapping[str, Any], version: str | None, beside: Mapping[str, Any], zones: Zones | None) -> Kept:
        """Keep a profile: a new store, or (`version`) in place of the one that was read."""


def store_findings(profile: Mapping[str, Any], catalogue: Catalogue) -> list[Finding]:
    """All that is wrong with a profile: its shape, its id, its time zone, its hours, its devices' drivers. Places begin at the profile."""
    found = [_clock_words(one) for one in schemas.check(STORE, profile)]
    found += zone_findings(profile, "zone", None, None)
    name = profile.get("store")
    if isinstance(name, str) and name and not ID.fullmatch(name):
        words = {"en": "lower-case letters, digits, . _ - (at most 63)", "zh": "小写字母、数字与 . _ -（至多 63 个字符）"}
        found.append(Finding("SL-CFG-03", {"got": schemas.show(name), "allowed": words, "remedy_en": "", "remedy_zh": ""}, "store"))
    found += hours_findings(profile.get("hours"))
    known = {str(kind) for kind in catalogue.adapter_kinds}
    devices = profile.get("devices")
    for device, facts in devices.items() if isinstance(devices, Mapping) else ():
        kind = facts.get("kind") if isinstance(facts, Mapping) else None
        if isinstance(kind, str) and kind not in known:
            allowed = {"en": "a kind of device that is installed", "zh": "已安装的设备类别"}
            args = {"got": schemas.show(kind), "allowed": allowed, "remedy_en": "", "remedy_zh": ""}
            found.append(Finding("SL-CFG-03", args, f"devices.{device}.kind"))
    drivers = driver_findings(profile, catalogue, lambda *keys: (None, None))
    return found + [Finding(f.code, f.args, f.path.removeprefix("store."), patch=f.patch) for f in drivers]


def _clock_words(finding: Finding) -> Finding:
    """A finding about a time of the day in words in place of a pattern."""
    if finding.code != "SL-CFG-03" or not finding.path.startswith("hours.") or not finding.path.endswith(WHOLE_DAY):
        return finding
    words = {"en": "a time HH:MM, up to 24:00", "zh": "HH:MM 形式的时间，至 24:00 为止"}
    return replace(finding, args={**finding.args, "allowed": words})


def hours_findings(hours: Any) -> list[Finding]:
    """Opening hours that say only when the store opens, or only when it closes, or neither on any day."""
    if not isinstance(hours, Mapping):
        return []
    missing = [key for key in WHOLE_DAY if key not in hours]
    if len(missing) == 1 or (missing and not any(isinstance(hours.get(day), Mapping) for day in hours)):
        return [Finding("SL-CFG-04", {"key": key, "known": list(WHOLE_DAY)}, "hours") for key in missing]
    return []


def stores_folder() -> Path:
    """Where profiles are kept without a control plane: `STORELOOM_STORES`, else the user's data folder."""
    return user_folder(FOLDER, "stores")


@dataclass(frozen=True)
class FolderStores:
    """One TOML file a store, its zones beside it as the rows of the table (`<store>.zones.json`)."""

    folder: Path

    @property
    def words(self) -> str:
        return str(self.folder)

    def all(self) -> Iterator[Kept]:
        for file in sorted(self.folder.glob("*.toml")) if self.folder.is_dir() else ():
            try:
                yield self._read(file)
            except StoreloomError as fault:
                yield Kept(file.stem, {}, "", findings=fault.findings)

    def one(self, store: str) -> Kept | None:
        file = self.folder / f"{store}.toml"
        return self._read(file) if ID.fullmatch(store) and file.is_file() else None

    def save(self, profile: Mapping[str, Any], version: str | None, beside: Mapping[str, Any], zones: Zones | None) -> Kept:
        name = str(profile["store"])
        file = self.folder / f"{name}.toml"
        with self._alone():
            return self._put(name, file, profile, version, zones)

    def _put(self, name: str, file: Path, profile: Mapping[str, Any], version: str | None, zones: Zones | None) -> Kept:
        found = self.one(name)
        if version is None and found is not None:
            raise ConfigFault(Finding("SL-API-12", {"name": name}, "store"))
        if version is not None and found is not None and found.version != version:
            raise ConfigFault(Finding("SL-API-13", {"got": version, "version": found.version}, "store"))
        if zones is not None:
            self._write(file.with_suffix(".zones.json"), orjson.dumps(zones, option=orjson.OPT_INDENT_2))
        self._write(file, toml_text({"document": "store/1", **profile}).encode())
        return self._read(file)

    def _read(self, file: Path) -> Kept:
        zones = file.with_suffix(".zones.json")
        stamps = [(facts.st_mtime_ns, facts.st_size) for facts in (one.stat() for one in (file, zones) if one.is_file())]
        return _of_file(file, zones, tuple(stamps))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else writes here meanwhile. InputFault where nothing can be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / ".lock", "wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            remedy = {"en": "Look at the folder's permissions.", "zh": "请检查文件夹权限。"}
            args = {"file": str(self.folder), "reason": error.strerror or str(error), "remedy": remedy}
            raise InputFault(Finding("SL-INP-01", args)) from error

    def _write(self, file: Path, content: bytes) -> None:
        """Put a file in place whole."""
        handle, part_name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(part_name).replace(file)


@dataclass(frozen=True)
class ChainStores:
    """The stores of the chain that the reader is signed in to; a closed one is not among them."""

    client: FleetClient
    chain: str

    @property
    def words(self) -> str:
        return self.chain

    def all(self) -> Iterator[Kept]:
        for row in self.client.pages("/stores", {"limit": 200}):
            if row["closed"] is None:
                yield _of_chain(row)

    def one(self, store: str) -> Kept | None:
        if not ID.fullmatch(store):
            return None
        return _of_chain(self.client.get(f"/stores/{part(store)}").body)

    def save(self, profile: Mapping[str, Any], version: str | None, beside: Mapping[str, Any], zones: Zones | None) -> Kept:
        name = str(profile["store"])
        body = {"name": str(profile.get("name") or name), **beside, "profile": {**profile, "document": "store/1"}}
        if version is None:
            reply = self.client.post("/stores", {"id": name, **body})
        else:
            reply = self.client.put(f"/stores/{part(name)}", body, version)
        return _of_chain(reply.body)


@lru_cache(maxsize=10_000)
def _of_file(file: Path, zones: Path, stamps: tuple[tuple[int, int], ...]) -> Kept:
    """The store of a file, read once as long as its files stand as they are (`stamps`); all who use the folder share them."""
    document = open_document(file, "store/1")
    profile = {key: value for key, value in document.data.items() if key != "document"}
    rows = orjson.loads(zones.read_bytes()) if zones.is_file() else None
    return Kept(str(profile.get("store", file.stem)), profile, hashlib.sha256(file.read_bytes()).hexdigest()[:16], {}, rows)


def _of_chain(row: Mapping[str, Any]) -> Kept:
    beside = {key: row[key] for key in ("region", "ring", "tags", "window")}
    profile = {key: value for key, value in row["profile"].items() if key != "document"}
    return Kept(str(row["id"]), profile, str(row["version"]), beside)
