"""The package that a check is about, from whatever names it: a source folder, a wheel, an installed package, a plugin's id. No line of the
package is run by being read.
"""

from __future__ import annotations

import configparser
import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from storeloom.core.conformance import earlier
from storeloom.core.conformance.metadata import SOURCES, Metadata, from_dist_info, from_source, with_files
from storeloom.core.conformance.rules import Distribution, Subject
from storeloom.core.conformance.shipped import shipped
from storeloom.core.control.trust.wheels import package_of, unpack_wheel
from storeloom.core.kernel.errors import Finding, PluginFault
from storeloom.core.kernel.registry import BUILT_IN, GROUP, ROOT, Package, Registry, packages, read_catalogue

UNREADABLE = (OSError, ValueError, SyntaxError, KeyError, TypeError, AttributeError, configparser.Error, RecursionError, MemoryError)

TOLD = ("announced", "site", "wheel", "before")  # the notes that a subject is made with


@dataclass(frozen=True)
class Read:
    """A package as it was found: where it stands, what its metadata says, the source folder or wheel that it is from, and the folder that
    makes it importable (None where it is installed)."""

    package: Package
    metadata: Metadata
    folder: Path | None = None
    wheel: Path | None = None
    site: Path | None = None


def subject_of(what: str, scratch: Path, *, against: str | None = None, plugins: Iterable[str] = (), long: bool = False) -> Subject:
    """The subject that a word names; a wheel is unpacked into `scratch`, and so is its last version.

    `against` is that last version (a folder, wheel or catalogue.json); without it an installed one or that of the last tag counts.
    PluginFault (SL-CHK-01) where the word names no package of plugins, TrustFault where a wheel cannot be read.
    """
    read, ids = _read(what, scratch), set(plugins)
    if read is None:
        found = _of_plugin(what)
        if found is None:
            raise no_package(
                what, "there is no such file, folder, installed package or plugin", "没有这样的文件、目录、已安装的软件包或插件"
            )
        read, ids = found, {what, *ids}
    before = _against(against, scratch) if against is not None else _before(read, scratch)
    notes: dict[str, Any] = {
        "announced": read.metadata.announced,
        "site": None if read.site is None else str(read.site),
        "wheel": None if read.wheel is None else str(read.wheel),
        "before": {"version": before.version, "en": before.en, "zh": before.zh},
    }
    return Subject(
        package=read.package,
        distribution=read.metadata.distribution,
        registry=registry_of(read.package, read.metadata.distribution),
        folder=read.folder,
        before=_same(before, read.package, against),
        plugins=frozenset(ids),
        long=long,
        notes=notes,
    )


def registry_of(package: Package, distribution: Distribution) -> Registry:
    """A registry over what is built in, the package, and those installed packages that it requires."""
    wanted = {canonicalize_name(name) for name in _required(distribution)}
    others = (
        [one for one in packages() if one.name not in (BUILT_IN, package.name) and _distribution_of(one.name) in wanted] if wanted else []
    )
    built_in = Package(BUILT_IN, ROOT)
    return Registry(read_catalogue([built_in, *others, *([package] if package.name != BUILT_IN else [])]))


def written(subject: Subject) -> dict[str, Any]:
    """The subject as plain values, for another process; `read_back` makes it again there."""
    before = subject.before
    return {
        "package": [subject.package.name, str(subject.package.root)],
        "distribution": asdict(subject.distribution),
        "folder": None if subject.folder is None else str(subject.folder),
        "before": None if before is None else [before.name, str(before.root)],
        "plugins": sorted(subject.plugins),
        "long": subject.long,
        "notes": {key: subject.notes[key] for key in TOLD},
    }


def read_back(values: Mapping[str, Any]) -> Subject:
    """The subject that `written` gave."""
    told = values["distribution"]
    distribution = Distribution(**{**told, "requires": tuple(told["requires"]), "files": tuple(told["files"])})
    package = Package(values["package"][0], Path(values["package"][1]))
    return Subject(
        package=package,
        distribution=distribution,
        registry=registry_of(package, distribution),
        folder=None if values["folder"] is None else Path(values["folder"]),
        before=None if values["before"] is None else Package(values["before"][0], Path(values["before"][1])),
        plugins=frozenset(values["plugins"]),
        long=values["long"],
        notes=dict(values["notes"]),
    )


def no_package(what: str, en: str, zh: str) -> PluginFault:
    return PluginFault(Finding("SL-CHK-01", {"what": what, "reason": {"en": en, "zh": zh}}))


def _read(what: str, scratch: Path) -> Read | None:
    """What a path or an installed package's name leads to, None where it is neither."""
    path = Path(what)
    if what == BUILT_IN:
        return _built_in()
    if path.is_file():
        return _wheel(path, scratch / "package")
    if path.is_dir():
        return _source(path.resolve())
    return _installed(what)


def _built_in() -> Read:
    """storeloom itself: where it is no source tree, its metadata is that of its installation."""
    package = Package(BUILT_IN, ROOT)
    if (ROOT / "setup.py").is_file():
        metadata = from_source(ROOT)
        return Read(package, with_files(metadata, shipped(ROOT, BUILT_IN, ROOT / "schemas")), ROOT)
    return Read(package, _of_distribution(importlib.metadata.distribution(BUILT_IN)))


def _wheel(path: Path, folder: Path) -> Read:
    if path.suffix != ".whl":
        raise no_package(str(path), "it is a file, but no wheel", "该文件不是 wheel")
    unpack_wheel(path.name, path.read_bytes(), folder)
    infos = sorted(folder.glob("*.dist-info"))
    try:
        if not infos:
            raise ValueError("it has no .dist-info")
        metadata = from_dist_info(infos[0])
    except UNREADABLE as error:
        raise no_package(str(path), f"its metadata cannot be read: {error}", f"无法读取其元数据：{error}") from error
    metadata = with_files(metadata, [one.relative_to(folder).as_posix() for one in sorted(folder.rglob("*")) if one.is_file()])
    package = _located(str(path), [folder], metadata)
    return Read(package, metadata, None, path.resolve(), folder)


def _source(folder: Path) -> Read:
    if not any((folder / name).is_file() for name in SOURCES):
        raise no_package(str(folder), f"it has none of {', '.join(SOURCES)}", f"其中没有 {'、'.join(SOURCES)}")
    if folder == ROOT:
        return _built_in()
    try:
        metadata = from_source(folder)
        roots = [folder / "src", folder]
        package = _located(str(folder), roots, metadata)
        metadata = with_files(metadata, shipped(folder, package.name, package.root))
    except UNREADABLE as error:
        raise no_package(str(folder), f"its metadata cannot be read: {error}", f"无法读取其元数据：{error}") from error
    return Read(package, metadata, folder, None, package.root.parents[package.name.count(".")])


def _located(what: str, roots: list[Path], metadata: Metadata) -> Package:
    """The folder of the package: the one that the entry point names, or the one that holds a plugins.toml where none is named."""
    name = package_of(metadata.announced or ())
    for root in roots if name else ():
        if (root / name.replace(".", "/")).is_dir():
            return Package(name, root / name.replace(".", "/"))
    for root in roots:
        for listing in sorted(root.glob("*/plugins.toml")):
            if listing.parent.name.isidentifier():
                return Package(listing.parent.name, listing.parent)
    if name:
        raise no_package(what, f"its entry point names '{name}', and there is no such folder", f"入口点指向“{name}”，但没有该目录")
    raise no_package(
        what, f"it has no entry point '{GROUP}' and no folder with a plugins.toml", f"没有入口点“{GROUP}”，也没有含 plugins.toml 的目录"
    )


def _installed(name: str) -> Read | None:
    """An installed package by the name of its distribution or by its import name."""
    for package in packages():
        if package.name == BUILT_IN:
            continue
        distribution = _announcing(package.name)
        if package.name == name or (distribution is not None and canonicalize_name(distribution.name) == canonicalize_name(name)):
            metadata = Metadata(Distribution(name, ""), None) if distribution is None else _of_distribution(distribution)
            return Read(package, metadata)
    return None


def _of_plugin(plugin: str) -> Read | None:
    """The package that a solution's or adapter's id is from."""
    catalogue = read_catalogue()
    entry = catalogue.solutions.get(plugin) or catalogue.adapters.get(plugin)
    if entry is None:
        return None
    return _built_in() if entry.package.name == BUILT_IN else _installed(entry.package.name)


def _of_distribution(distribution: importlib.metadata.Distribution) -> Metadata:
    """What an installation's metadata says, read as a wheel's is."""
    places = [file for file in distribution.files or () if file.name == "METADATA" and file.parent.name.endswith(".dist-info")]
    for place in places:
        return from_dist_info(Path(str(place.locate())).parent)
    head = distribution.metadata
    told = Distribution(str(head["Name"]), distribution.version, requires=tuple(distribution.requires or ()))
    lines = [f"{one.name} = {one.value}" for one in distribution.entry_points if one.group == GROUP]
    return Metadata(told, tuple(lines) or None)


def _announcing(package: str) -> importlib.metadata.Distribution | None:
    """The distribution that announces an import name."""
    return next(
        (one for one in _distributions() if any(point.value == package for point in one.entry_points if point.group == GROUP)), None
    )


def _distribution_of(package: str) -> str:
    found = _announcing(package)
    return "" if found is None else canonicalize_name(found.name)


def _distributions() -> Iterator[importlib.metadata.Distribution]:
    for distribution in importlib.metadata.distributions():
        if any(point.group == GROUP for point in distribution.entry_points):
            yield distribution


def _required(distribution: Distribution) -> Iterator[str]:
    for line in distribution.requires:
        try:
            name = Requirement(line).name
        except InvalidRequirement:
            continue
        if name != BUILT_IN:
            yield name


def _against(what: str, scratch: Path) -> earlier.Earlier:
    """The last version as it was named; SL-CHK-01 where that is none."""
    path = Path(what)
    if path.suffix == ".json" and path.is_file():
        return earlier.of_catalogue(path, scratch / "against")
    read = _read_against(path, scratch)
    version = read.metadata.distribution.version
    return earlier.Earlier(read.package, version, f"{path.name} ({version})", f"{path.name}（{version}）")


def _read_against(path: Path, scratch: Path) -> Read:
    if path.is_file():
        return _wheel(path, scratch / "against")
    if path.is_dir():
        return _source(path.resolve())
    raise no_package(str(path), "there is no such file or folder", "没有这样的文件或目录")


def _same(before: earlier.Earlier, package: Package, against: str | None) -> Package | None:
    """The last version as a package of the same name. SL-CHK-01 where what was named is another package."""
    if before.package is None:
        return None
    if before.package.name not in ("", package.name):
        name = before.package.name
        raise no_package(str(against), f"it is '{name}', not '{package.name}'", f"它是“{name}”，而不是“{package.name}”")
    return Package(package.name, before.package.root)


def _before(read: Read, scratch: Path) -> earlier.Earlier:
    """The last version where it can be had cheaply: another one that is installed, or that of the last tag."""
    installed = None if read.site is None else _installed(read.package.name)
    version = read.metadata.distribution.version
    if installed is not None and installed.package.root.resolve() != read.package.root.resolve():
        before = installed.metadata.distribution.version
        if earlier.not_newer(before, version):
            return earlier.Earlier(installed.package, before, f"installed ({before})", f"已安装版本（{before}）")
    if read.folder is not None:
        return earlier.of_tag(read.folder, read.package, version, scratch / "tag")
    return earlier.none("no last version is known: name one with --against", "未知上一版本：请用 --against 指定")
