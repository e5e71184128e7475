"""A chain's catalogue: what is installed beside the server, and what the chain's vendors published.

Of a published package counts the newest wheel that was not withdrawn, and of that the static part alone (`trust.static_part`), which lies
unpacked in the server's folder by the wheel's hash: `catalogue/FORM/<sha256>/<package>/`. No vendor's code is run for it. A package that is
installed here counts as it is installed.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from packaging.version import Version
from sqlmodel import Session, col, select

from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.control.trust.repository import Repository
from storeloom.core.control.trust.static_part import unreadable
from storeloom.core.control.trust.wheels import read_wheel
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.kernel.registry import Catalogue, Package, Registry, packages, read_catalogue
from storeloom.core.trust import durable, names

FOLDER = "catalogue"
FORM = "1"  # of what lies unpacked: another number, and it is unpacked anew
Key = tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(Package):
    """A vendor's published package, known by its static part; `distribution` and `version` are those of its wheels."""

    vendor: str
    distribution: str
    version: str

    def brought_by(self, row: VendorPackage) -> bool:
        """Whether a wheel is one of this package in this version."""
        return (row.vendor, row.name, row.version) == (self.vendor, self.distribution, self.version)


@dataclass(frozen=True)
class _Read:
    """A chain's plugins as they were read: for which wheels, over what was installed, from which folders."""

    key: Key
    installed: Registry
    folders: tuple[Path, ...]
    registry: Registry

    def holds(self, key: Key, installed: Registry) -> bool:
        return self.key == key and self.installed is installed and all(folder.is_dir() for folder in self.folders)


class Catalogues:
    """The catalogues of a server's chains, each read anew once a wheel of its chain was published or withdrawn, by whichever server."""

    def __init__(self, folder: Path, installed: Callable[[], Registry], trust: Callable[[str], Repository]) -> None:
        self._folder, self._installed, self._trust = folder / FOLDER / FORM, installed, trust
        self._known: dict[str, _Read] = {}
        self._reading = Lock()

    def of(self, session: Session, chain: str) -> Registry:
        """The plugins that a chain composes with."""
        facts = select(VendorPackage.id, VendorPackage.sha256, VendorPackage.withdrawn).where(VendorPackage.chain == chain)
        key = tuple((name, sha256, gone is None) for name, sha256, gone in session.exec(facts.order_by(col(VendorPackage.id))))
        installed = self._installed()
        if not key:
            return installed
        with self._reading:
            known = self._known.get(chain)
            if known is not None and known.holds(key, installed):
                return known.registry
            rows = session.exec(select(VendorPackage).where(VendorPackage.chain == chain).order_by(col(VendorPackage.id))).all()
            shelf = _Shelf(self._folder, self._trust(chain), installed.catalogue)
            registry = Registry(shelf.read(rows))
            if shelf.whole:
                key = tuple((row.id, row.sha256, row.withdrawn is None) for row in rows)
                self._known[chain] = _Read(key, installed, tuple(one.root for one in shelf.packages.values()), registry)
            return registry


@dataclass
class _Shelf:
    """A chain's published packages as they are read. `whole`: every wheel was there."""

    folder: Path
    repository: Repository
    installed: Catalogue
    packages: dict[str, Published] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    absent: dict[str, Finding] = field(default_factory=dict)
    whole: bool = True

    def read(self, rows: Iterable[VendorPackage]) -> Catalogue:
        """The installed catalogue with what the wheels bring. Of two packages of one name, the one that was published first counts."""
        entries = (*self.installed.solutions.values(), *self.installed.adapters.values())
        here = {one.name for one in packages()} | {entry.package.name for entry in entries}
        for wheels in _distributions(rows):
            self._take(wheels, here)
        catalogue = read_catalogue(list(self.packages.values()), over=self.installed)
        catalogue.findings += self.findings
        catalogue.absent |= self.absent
        return catalogue

    def _take(self, wheels: Sequence[VendorPackage], here: set[str]) -> None:
        """Take up a distribution's newest wheel, or note why what it would bring is not there."""
        standing = [row for row in wheels if row.withdrawn is None]
        row = max(standing or wheels, key=_age)
        package, reason = self._package(row)
        if package is not None and package.name in here:
            return
        if package is not None and package.name in self.packages:
            other = self.packages[package.name].distribution
            reason = {"en": f"{other} brought a package {package.name} before it", "zh": f"{other} 已先提供软件包 {package.name}"}
        args = {"wheel": row.filename, "vendor": row.vendor}
        if standing and reason is not None:
            self.findings.append(Finding("SL-PLG-11", {**args, "reason": reason}))
        elif standing and package is not None:
            self.packages[package.name] = package
            return
        brings = {*row.solutions} if package is None else _plugins(package)
        for name in brings:
            self.absent[name] = self.findings[-1] if standing else Finding("SL-PLG-10", {**args, "id": name})

    def _package(self, row: VendorPackage) -> tuple[Published | None, dict[str, str] | None]:
        """The package of a wheel, None for a library; and why it cannot be had, where that is so."""
        folder = self.folder / row.sha256
        try:
            if not folder.is_dir():
                self._unpack(row, folder)
            for root in folder.iterdir():
                return Published(root.name, root, static=True, vendor=row.vendor, distribution=row.name, version=row.version), None
        except TrustFault as fault:
            reason: Any = fault.findings[0].args["reason"]
            return None, reason
        except OSError as error:
            self.whole = False
            return None, {"en": f"its file cannot be read ({error.strerror})", "zh": f"无法读取其文件（{error.strerror}）"}
        return None, None

    def _unpack(self, row: VendorPackage, folder: Path) -> None:
        """Put a wheel's static part into its folder, in one step; a library's stays empty."""
        data = (self.repository.targets / names.hashed(names.package(row.vendor, row.filename), row.sha256)).read_bytes()
        if hashlib.sha256(data).hexdigest() != row.sha256:
            raise unreadable(row.filename, "it is not what was published", "内容与发布时不符")
        wheel = read_wheel(row.filename, data)
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".", dir=self.folder))
        try:
            durable.write_all((beside / wheel.package / name, content) for name, content in wheel.static.items())
            beside.rename(folder)
        except OSError:
            if not folder.is_dir():  # another server was not first
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _distributions(rows: Iterable[VendorPackage]) -> list[list[VendorPackage]]:
    """The wheels of each vendor's distribution, in the order in which the distributions were first published."""
    found: dict[tuple[str, str], list[VendorPackage]] = {}
    for row in sorted(rows, key=lambda row: (row.uploaded, row.id)):
        found.setdefault((row.vendor, row.name), []).append(row)
    return list(found.values())


def _age(row: VendorPackage) -> tuple[bool, Version, str]:
    """The newest has the greatest; a version before its release counts behind all releases."""
    version = Version(row.version)
    return not version.is_prerelease, version, row.id


def _plugins(package: Published) -> set[str]:
    """The solutions and adapters of a package."""
    catalogue = read_catalogue([package])
    return {*catalogue.solutions, *catalogue.adapters}
