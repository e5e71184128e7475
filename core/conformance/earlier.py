"""The version of a package before the one that is checked: its index and schemas, from a catalogue.json or from a tag of its repository."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from packaging.version import InvalidVersion, Version

from storeloom.core.kernel.registry import Package

GIT_S = 20.0
_VERSION = re.compile(r"(?:^|[^0-9.])(\d+\.\d+(?:\.\d+)?[a-z0-9.]*)$")


@dataclass(frozen=True)
class Earlier:
    """The last version, with its version and in both languages where it is from; of none the words say why."""

    package: Package | None
    version: str
    en: str
    zh: str


def none(en: str, zh: str) -> Earlier:
    return Earlier(None, "", en, zh)


def not_newer(one: str, other: str) -> bool:
    """Whether a version is not above another; True where either is none."""
    try:
        return Version(one) <= Version(other)
    except InvalidVersion:
        return True


def of_catalogue(file: Path, folder: Path) -> Earlier:
    """Of an index by itself. Where the schemas lie beside it as in a package, they count too; its package has the name that it should."""
    schemas = folder / "schemas"
    schemas.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, schemas / "catalogue.json")
    for group in ("solutions", "adapters"):
        if (file.parent / group).is_dir():
            shutil.copytree(file.parent / group, schemas / group, dirs_exist_ok=True)
    return Earlier(Package("", folder), "", file.name, file.name)


def of_tag(folder: Path, package: Package, version: str, into: Path) -> Earlier:
    """Of the highest version that is tagged below the one at hand. Objects are read: no hook, filter or pager of it runs."""
    nothing = none(
        "no last version is known: no tag of an older version, and --against is not given",
        "未知上一版本：没有更早版本的标签，也未给出 --against",
    )
    if not package.root.is_relative_to(folder):
        return nothing
    told = _git(folder, "tag", "--merged", "HEAD")
    tags = (
        [(found[1], tag) for tag in told.decode().split() if (found := _VERSION.search(tag)) and _below(found[1], version)] if told else []
    )
    inside = package.root.relative_to(folder).as_posix()
    for number, tag in sorted(tags, key=lambda one: Version(one[0]), reverse=True):
        if _taken_out(folder, tag, inside, into):
            return Earlier(Package(package.name, into), number, f"tag {tag}", f"标签 {tag}")
    return nothing


def _below(one: str, other: str) -> bool:
    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return False


def _taken_out(folder: Path, tag: str, inside: str, into: Path) -> bool:
    """The index and schemas of a tag as files; whether it has any."""
    index = f"{inside}/schemas/catalogue.json"
    (text,) = _blobs(folder, tag, [index])
    if text is None:
        return False
    try:
        catalogue = orjson.loads(text)
        names = [facts["schema"] for group in ("solutions", "adapters") for facts in catalogue[group].values()]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False
    names = [name for name in names if isinstance(name, str) and ".." not in Path(name).parts and not Path(name).is_absolute()]
    for name, data in [
        ("schemas/catalogue.json", text),
        *zip(names, _blobs(folder, tag, [f"{inside}/{name}" for name in names]), strict=True),
    ]:
        if data is not None:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(data)
    return True


def _blobs(folder: Path, tag: str, files: Sequence[str]) -> list[bytes | None]:
    """The files of a tag, None for one that it does not have."""
    asked = "".join(f"{tag}:./{file}\n" for file in files).encode()
    out = _git(folder, "cat-file", "--batch", given=asked) or b""
    found: list[bytes | None] = []
    for _ in files:
        head, _, out = out.partition(b"\n")
        words = head.split()
        if len(words) == 3 and words[1] == b"blob":
            size = int(words[2])
            found.append(out[:size])
            out = out[size + 1 :]
        else:
            found.append(None)
    return found


def _git(folder: Path, *words: str, given: bytes = b"") -> bytes | None:
    """What git says, None where there is no git, no repository, or no answer in time."""
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *words]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
