"""Python, packages, libraries and programs, by what they say of themselves."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from storeloom.core.doctor.uses import LIBRARIES, PSQL, Program
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import GROUP, ROOT
from storeloom.core.runtime.sqlite_version import safe_version

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OWN = "storeloom"
LEAST_PYTHON = (3, 11)
# That of the Python that asks: another's would install where it is not looked for, and Debian's own refuses.
PIP = f"{shlex.quote(sys.executable or 'python3')} -m pip"


@dataclass(frozen=True)
class Installed:
    """What stands in the metadata: versions by canonical name, storeloom's own lines `Requires-Dist` (None: it runs from a folder and is
    not installed), those of the packages that bring plugins, and where storeloom came from (PEP 610; empty: from an index)."""

    versions: Mapping[str, str]
    own: tuple[str, ...] | None = None
    vendors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)


def probe_installed() -> Installed:
    """Read the metadata of what is on the path; of two of one name the one that is imported counts."""
    from importlib import metadata

    versions: dict[str, str] = {}
    needs: dict[str, tuple[str, ...]] = {}
    vendors = []
    origin: dict[str, Any] = {}
    for one in metadata.distributions():
        name = canonical(one.metadata["Name"] or "")
        if name and one.version and name not in versions:
            versions[name], needs[name] = one.version, tuple(one.requires or ())
            if name == OWN:
                origin = json.loads(one.read_text("direct_url.json") or "{}")
            elif any(point.group == GROUP for point in one.entry_points):
                vendors.append(name)
    return Installed(versions, needs.get(OWN), {name: needs[name] for name in sorted(vendors)}, origin)


def anew(origin: Mapping[str, Any], extra: str) -> str:
    """What pip is given to install storeloom again from where it came, with an extra (PEP 610, PEP 508)."""
    url = str(origin.get("url", ""))
    if "dir_info" in origin:
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return editable + shlex.quote(f"{unquote(urlsplit(url).path)}[{extra}]")
    scheme = f"{origin['vcs_info']['vcs']}+" if "vcs_info" in origin else ""
    return shlex.quote(f"{OWN}[{extra}] @ {scheme}{url}" if url else f"{OWN}[{extra}]")


def canonical(name: str) -> str:
    """A distribution's name as all spellings of it read (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(lines: Iterable[str], extra: str = "") -> dict[str, Requirement]:
    """What an extra (none: the base) needs on this machine, by canonical name; extras that it is made of are gone into."""
    from packaging.requirements import Requirement

    parsed = [Requirement(line) for line in lines]
    found: dict[str, Requirement] = {}
    seen, waiting = set(), [extra]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for one in (one for one in parsed if _applies(one, name)):
            if canonical(one.name) == OWN:
                waiting += sorted(one.extras - seen)
            else:
                found[canonical(one.name)] = one
    return found


def _applies(one: Requirement, extra: str) -> bool:
    of_extra = one.marker is not None and "extra" in str(one.marker)
    return of_extra == bool(extra) and (one.marker is None or one.marker.evaluate({"extra": extra}))


def extras(lines: Iterable[str]) -> list[str]:
    """The names of all extras that the lines speak of, in order of the alphabet."""
    return sorted({name for line in lines for name in re.findall(r"""extra\s*==\s*["']([^"']+)["']""", line)})


def state(needed: Mapping[str, Requirement], versions: Mapping[str, str]) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Which packages are missing, and which do not fit: name, version, range."""
    missing = [one.name for name, one in sorted(needed.items()) if name not in versions]
    unfit = [
        (one.name, versions[name], str(one.specifier))
        for name, one in sorted(needed.items())
        if name in versions and not one.specifier.contains(versions[name], prereleases=True)
    ]
    return missing, unfit


def python_findings(version: tuple[int, ...], system: str) -> Iterator[Finding]:
    """Python and the system that it runs on."""
    if version[:2] < LEAST_PYTHON:
        yield Finding("SL-MCH-01", {"got": ".".join(map(str, version)), "least": ".".join(map(str, LEAST_PYTHON))})
    if system != "Linux":
        yield Finding("SL-MCH-02", {"system": system})


def package_findings(installed: Installed, asked: Iterable[str]) -> Iterator[Finding]:
    """The base and the extras that are asked for: what is missing, all at once for each, and what is of a version that does not fit."""
    if installed.own is None:
        yield Finding("SL-MCH-03", {"pip": PIP, "folder": shlex.quote(str(ROOT))})
        return
    told, known = set(), {"", *extras(installed.own)}
    for extra in ("", *asked):
        if extra not in known:
            args = {"version": installed.versions[OWN], "extra": extra, "pip": PIP, "source": anew(installed.origin, extra)}
            yield Finding("SL-MCH-36", args)
        missing, unfit = state(wanted(installed.own, extra), installed.versions)
        target = f"{OWN}[{extra}]" if extra else OWN
        if missing:
            yield Finding("SL-MCH-04", {"target": target, "missing": missing, "pip": PIP})
        for name, version, allowed in unfit:
            if name not in told:
                told.add(name)
                yield Finding("SL-MCH-05", {"name": name, "got": version, "allowed": allowed, "target": target, "pip": PIP})


def vendor_findings(installed: Installed) -> Iterator[Finding]:
    """The packages that bring plugins: what they need and do not find."""
    for vendor, lines in installed.vendors.items():
        needed = wanted(lines)
        missing, unfit = state(needed, installed.versions)
        wrong = [*missing, *(f"{name}{allowed} ({version})" for name, version, allowed in unfit)]
        if wrong:
            yield Finding("SL-MCH-06", {"vendor": vendor, "missing": wrong, "pip": PIP})


def library_findings(asked: Iterable[str], has: Callable[[str], bool], lines: Iterable[str] | None) -> Iterator[Finding]:
    """Shared libraries that no wheel brings."""
    own = list(lines or ())
    names = {name for extra in asked for name in wanted(own, extra)}
    for library in LIBRARIES:
        whose = [name for name in library.whose if name in names]
        if not whose or has(library.file):
            continue
        args = {"file": library.file, "debian": library.debian}
        if library.without is None:
            yield Finding("SL-MCH-07", {**args, "whose": whose})
        else:
            yield Finding("SL-MCH-37", {**args, "purpose": library.without})


def program_findings(programs: Iterable[Program], has: Callable[[str], bool]) -> Iterator[Finding]:
    """Programs outside Python."""
    for one in programs:
        if not any(has(name) for name in one.names):
            yield Finding("SL-MCH-08", {"name": one.names[0], "purpose": {"en": one.en, "zh": one.zh}, "debian": one.debian})


def postgres_findings(database: str, has: Callable[[str], bool]) -> Iterator[Finding]:
    """A control plane on PostgreSQL: what backs it up."""
    if database.startswith("postgres"):
        yield from program_findings((PSQL,), has)


def sqlite_findings(versions: Mapping[str, str], database: str, *, logs: bool, server: bool) -> Iterator[Finding]:
    """SQLite's WAL-reset fault: a store's log refuses a faulty one, an embedded control plane goes on without WAL."""
    if logs and "apsw" in versions and not safe_version(versions["apsw"]):
        yield Finding("SL-MCH-09", {"version": versions["apsw"], "pip": PIP})
    driver = "pysqlite3" if "pysqlite3" in versions else "sqlite3"
    if server and not database.startswith("postgres") and driver in versions and not safe_version(versions[driver]):
        yield Finding("SL-MCH-10", {"driver": driver, "version": versions[driver], "pip": PIP})
