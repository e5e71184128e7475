"""What a wheel brings and what it needs, read from its metadata and the files that `storeloom index` put into it: none of its code is run,
nothing is unpacked. A wheel without plugins is a library, for other wheels of its vendor.
"""

from __future__ import annotations

import io
import tomllib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.kernel.registry import GROUP, listed
from storeloom.core.trust import names

LARGEST = 4 << 20  # bytes of one of the files that are read
MOST_BYTES, MOST_FILES = 512 << 20, 20_000  # of a wheel that is unpacked
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError)


@dataclass(frozen=True)
class Wheel:
    """A vendor's wheel: distribution, version, import name of its package, what of each solution and adapter the catalogue says, and the
    distributions and Python that it needs (Requires-Dist, Requires-Python). Of a library `package` is empty, and there are no plugins."""

    name: str
    version: str
    package: str
    solutions: Mapping[str, Any]
    adapters: Mapping[str, Any]
    requires: tuple[str, ...] = ()
    python: str = ""


def read_wheel(filename: str, data: bytes) -> Wheel:
    """What is in a wheel. TrustFault (SL-TRU-21) with the reason where it is none, or its plugins or needs cannot be read."""
    if names.WHEEL.fullmatch(filename) is None:
        raise _unreadable(filename, "its name is not that of a wheel", "文件名不是 wheel 格式")
    try:
        parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise _unreadable(filename, str(error), str(error)) from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.namelist()) > MOST_FILES:
                raise _unreadable(filename, f"more than {MOST_FILES} files", f"文件数超过 {MOST_FILES}")
            return _read(filename, archive)
    except (*_BROKEN, KeyError, TypeError, AttributeError) as error:
        reason = str(error) or type(error).__name__
        raise _unreadable(filename, reason, reason) from error


def unpack_wheel(filename: str, data: bytes, folder: Path) -> None:
    """A wheel's files in a folder, each within it; what is too much is not unpacked. TrustFault (SL-TRU-21) where it is none."""
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if len(members) > MOST_FILES:
                raise _unreadable(filename, f"more than {MOST_FILES} files", f"文件数超过 {MOST_FILES}")
            for one in members:
                place = PurePosixPath(one.filename)
                if place.is_absolute() or ".." in place.parts:
                    raise _unreadable(filename, f"{one.filename} lies outside of its folder", f"{one.filename} 位于其目录之外")
                target = folder.joinpath(*place.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(one) as source, open(target, "wb") as out:
                    while part := source.read(1 << 20):
                        left -= len(part)
                        if left < 0:
                            raise _unreadable(filename, f"more than {MOST_BYTES >> 20} MiB unpacked", f"解压后超过 {MOST_BYTES >> 20} MiB")
                        out.write(part)
    except (*_BROKEN, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        reason = str(error) or type(error).__name__
        raise _unreadable(filename, reason, reason) from error


def _read(filename: str, archive: zipfile.ZipFile) -> Wheel:
    name, version = filename.split("-")[:2]
    info = _info(archive, name) or f"{name}-{version}.dist-info"
    head = HeaderParser().parsestr(_text(filename, archive, f"{info}/METADATA"))
    said = (_plain(str(head["Name"])), str(head["Version"]))
    if said[0] != _plain(name) or Version(said[1]) != Version(version):
        raise _unreadable(filename, f"its METADATA says {said[0]} {said[1]}", f"METADATA 中为 {said[0]} {said[1]}")
    needs = _needs(filename, head)
    entry_points = f"{info}/entry_points.txt"
    lines = announced(_text(filename, archive, entry_points)) if entry_points in archive.namelist() else None
    if lines is None:
        return Wheel(said[0], version, "", {}, {}, *needs)
    package = _package(filename, lines)
    place = package.replace(".", "/")
    listing = tomllib.loads(_text(filename, archive, f"{place}/plugins.toml"))
    index = orjson.loads(_text(filename, archive, f"{place}/schemas/catalogue.json"))
    found: dict[str, dict[str, Any]] = {"solutions": {}, "adapters": {}}
    for group, _section, plugin, _settings in listed(listing):
        if plugin not in index[group]:
            raise _unreadable(filename, f"'{plugin}' is listed, but not in its catalogue", f"“{plugin}”已列出但不在目录中")
        found[group][plugin] = index[group][plugin]
    if not found["solutions"] and not found["adapters"]:
        raise _unreadable(filename, "it lists no solution and no adapter", "未列出任何方案或适配器")
    return Wheel(said[0], version, package, found["solutions"], found["adapters"], *needs)


def _info(archive: zipfile.ZipFile, name: str) -> str | None:
    """The folder of a wheel's metadata, however its distribution's name is written there."""
    folders = {place.partition("/")[0] for place in archive.namelist()}
    return next((one for one in sorted(folders) if one.endswith(".dist-info") and _plain(one.split("-")[0]) == _plain(name)), None)


def _needs(filename: str, head: Message) -> tuple[tuple[str, ...], str]:
    """What a wheel needs: other distributions, Python. One that names an address to fetch from is refused: nothing is fetched there."""
    lines = tuple(str(line) for line in head.get_all("Requires-Dist", ()))
    for line in lines:
        try:
            wanted = Requirement(line)
        except InvalidRequirement as error:
            raise _unreadable(filename, f"Requires-Dist '{line}': {error}", f"Requires-Dist“{line}”：{error}") from error
        if wanted.url is not None:
            raise _unreadable(filename, f"it requires '{line}', from an address", f"依赖“{line}”指向网址")
    python = str(head.get("Requires-Python", ""))
    try:
        SpecifierSet(python)
    except InvalidSpecifier as error:
        raise _unreadable(filename, f"Requires-Python '{python}': {error}", f"Requires-Python“{python}”：{error}") from error
    return lines, python


def announced(text: str) -> list[str] | None:
    """The lines below our entry-point group; None where a wheel has no such group."""
    found: list[str] | None = None
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
            found = [] if inside and found is None else found
        elif inside and found is not None:
            found.append(line)
    return found


def _package(filename: str, lines: Sequence[str]) -> str:
    """The import name that the wheel announces under our entry-point group."""
    package = package_of(lines)
    if not package:
        raise _unreadable(filename, f"no package under the entry points '{GROUP}'", f"entry points“{GROUP}”下没有包")
    return package


def package_of(lines: Sequence[str]) -> str:
    """The first import name among the lines of our entry-point group (`NAME = PACKAGE`); empty where there is none."""
    values = (line.partition("=")[2].strip() for line in lines)
    return next((value for value in values if value and all(part.isidentifier() for part in value.split("."))), "")


def _text(filename: str, archive: zipfile.ZipFile, member: str) -> str:
    try:
        facts = archive.getinfo(member)
    except KeyError as error:
        raise _unreadable(filename, f"it lacks {member}", f"缺少 {member}") from error
    with archive.open(facts) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise _unreadable(filename, f"{member} is larger than {LARGEST} bytes", f"{member} 超过 {LARGEST} 字节")
    return data.decode("utf-8")


def _plain(name: str) -> str:
    """A distribution's name as the index of packages compares it (PEP 503)."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)


def _unreadable(filename: str, en: str, zh: str) -> TrustFault:
    return TrustFault(Finding("SL-TRU-21", {"file": filename, "reason": {"en": en, "zh": zh}}))
