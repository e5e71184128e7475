"""What a wheel brings and what it needs, read from its metadata and the files that `storeloom index` put into it: none of its code is run,
nothing is unpacked. A wheel without plugins is a library, for other wheels of its vendor.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from storeloom.core.control.trust.static_part import inside, static_files, unreadable
from storeloom.core.kernel.registry import GROUP
from storeloom.core.trust import names

LARGEST = 4 << 20  # bytes of one of the files that are read
MOST_BYTES, MOST_FILES = 512 << 20, 20_000  # of a wheel that is unpacked
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError)


@dataclass(frozen=True)
class Wheel:
    """A vendor's wheel: distribution, version, import name of its package, what of each solution and adapter the catalogue says, and the
    distributions and Python that it needs (Requires-Dist, Requires-Python). Of a library `package` is empty, and there are no plugins.

    `static` are the files by which its plugins are known, by their places in the package.
    """

    name: str
    version: str
    package: str
    solutions: Mapping[str, Any]
    adapters: Mapping[str, Any]
    requires: tuple[str, ...] = ()
    python: str = ""
    static: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def read_wheel(filename: str, data: bytes) -> Wheel:
    """What is in a wheel. TrustFault (SL-TRU-21) with the reason where it is none, or its plugins or needs cannot be read."""
    if names.WHEEL.fullmatch(filename) is None:
        raise unreadable(filename, "its name is not that of a wheel", "文件名不是 wheel 格式")
    try:
        parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise unreadable(filename, str(error), str(error)) from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.namelist()) > MOST_FILES:
                raise unreadable(filename, f"more than {MOST_FILES} files", f"文件数超过 {MOST_FILES}")
            for name in archive.namelist():
                inside(filename, name)
            return _read(filename, archive)
    except (*_BROKEN, KeyError, TypeError, AttributeError) as error:
        reason = str(error) or type(error).__name__
        raise unreadable(filename, reason, reason) from error


def unpack_wheel(filename: str, data: bytes, folder: Path) -> None:
    """A wheel's files in a folder, each within it; what is too much is not unpacked. TrustFault (SL-TRU-21) where it is none."""
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if len(members) > MOST_FILES:
                raise unreadable(filename, f"more than {MOST_FILES} files", f"文件数超过 {MOST_FILES}")
            for one in members:
                target = folder.joinpath(*inside(filename, one.filename).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(one) as source, open(target, "wb") as out:
                    while part := source.read(1 << 20):
                        left -= len(part)
                        if left < 0:
                            raise unreadable(filename, f"more than {MOST_BYTES >> 20} MiB unpacked", f"解压后超过 {MOST_BYTES >> 20} MiB")
                        out.write(part)
    except (*_BROKEN, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        reason = str(error) or type(error).__name__
        raise unreadable(filename, reason, reason) from error


def _read(filename: str, archive: zipfile.ZipFile) -> Wheel:
    name, version = filename.split("-")[:2]
    info = _info(archive, name) or f"{name}-{version}.dist-info"
    head = HeaderParser().parsestr(_text(filename, archive, f"{info}/METADATA"))
    said = (_plain(str(head["Name"])), str(head["Version"]))
    if said[0] != _plain(name) or Version(said[1]) != Version(version):
        raise unreadable(filename, f"its METADATA says {said[0]} {said[1]}", f"METADATA 中为 {said[0]} {said[1]}")
    needs = _needs(filename, head)
    entry_points = f"{info}/entry_points.txt"
    lines = announced(_text(filename, archive, entry_points)) if entry_points in archive.namelist() else None
    if lines is None:
        return Wheel(said[0], version, "", {}, {}, *needs)
    package = _package(filename, lines)
    place = package.replace(".", "/")
    files, found = static_files(filename, lambda name: _bytes(filename, archive, f"{place}/{name}"))
    return Wheel(said[0], version, package, found["solutions"], found["adapters"], *needs, files)


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
            raise unreadable(filename, f"Requires-Dist '{line}': {error}", f"Requires-Dist“{line}”：{error}") from error
        if wanted.url is not None:
            raise unreadable(filename, f"it requires '{line}', from an address", f"依赖“{line}”指向网址")
    python = str(head.get("Requires-Python", ""))
    try:
        SpecifierSet(python)
    except InvalidSpecifier as error:
        raise unreadable(filename, f"Requires-Python '{python}': {error}", f"Requires-Python“{python}”：{error}") from error
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
        raise unreadable(filename, f"no package under the entry points '{GROUP}'", f"entry points“{GROUP}”下没有包")
    return package


def package_of(lines: Sequence[str]) -> str:
    """The first import name among the lines of our entry-point group (`NAME = PACKAGE`); empty where there is none."""
    values = (line.partition("=")[2].strip() for line in lines)
    return next((value for value in values if value and all(part.isidentifier() for part in value.split("."))), "")


def _text(filename: str, archive: zipfile.ZipFile, member: str) -> str:
    return _bytes(filename, archive, member).decode("utf-8")


def _bytes(filename: str, archive: zipfile.ZipFile, member: str) -> bytes:
    try:
        facts = archive.getinfo(member)
    except KeyError as error:
        raise unreadable(filename, f"it lacks {member}", f"缺少 {member}") from error
    with archive.open(facts) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise unreadable(filename, f"{member} is larger than {LARGEST} bytes", f"{member} 超过 {LARGEST} 字节")
    return data


def _plain(name: str) -> str:
    """A distribution's name as the index of packages compares it (PEP 503)."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)
