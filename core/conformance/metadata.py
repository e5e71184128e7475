"""What a package's metadata says of it, read without running a line of it: a `.dist-info` folder, or the sources' `pyproject.toml`,
`setup.cfg` and `setup.py` (in this order; of a `setup.py` what stands in it literally).
"""

from __future__ import annotations

import ast
import configparser
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from storeloom.core.conformance.rules import Distribution
from storeloom.core.control.trust.wheels import announced
from storeloom.core.kernel.registry import GROUP

SOURCES = ("pyproject.toml", "setup.cfg", "setup.py")
READMES = ("README.md", "README.rst", "README.txt", "README")


@dataclass(frozen=True)
class Metadata:
    """A distribution, and the lines of its entry-point group (`NAME = PACKAGE`), None where it has no such group."""

    distribution: Distribution
    announced: tuple[str, ...] | None


def from_dist_info(folder: Path) -> Metadata:
    """Of an unpacked wheel or an installation. OSError or ValueError where its files cannot be read."""
    head = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    entry_points, record = folder / "entry_points.txt", folder / "RECORD"
    lines = announced(entry_points.read_text(encoding="utf-8")) if entry_points.is_file() else None
    files = [line.rsplit(",", 2)[0].strip('"') for line in record.read_text(encoding="utf-8").splitlines()] if record.is_file() else []
    body = head.get_payload()
    return Metadata(
        Distribution(
            name=str(head["Name"] or ""),
            version=str(head["Version"] or ""),
            licence=str(head["License-Expression"] or head["License"] or ""),
            requires=tuple(str(line) for line in head.get_all("Requires-Dist", ())),
            python=str(head["Requires-Python"] or ""),
            readme=str(head["Description"] or (body if isinstance(body, str) else "")).strip(),
            files=tuple(files),
        ),
        None if lines is None else tuple(lines),
    )


def from_source(folder: Path) -> Metadata:
    """Of a source folder; what no file says stays empty. OSError or ValueError where a file cannot be read."""
    found: dict[str, Any] = {}
    for told in (_pyproject(folder), _setup_cfg(folder), _setup_py(folder)):
        found = {**{key: value for key, value in told.items() if value}, **found}
    readme = _text(folder, found.get("readme")) or next((text for name in READMES if (text := _text(folder, name))), "")
    distribution = Distribution(
        name=str(found.get("name", "")),
        version=str(found.get("version", "")),
        licence=str(found.get("licence", "")),
        requires=tuple(map(str, found.get("requires", ()))),
        python=str(found.get("python", "")),
        readme=readme,
    )
    lines = found.get("announced")
    return Metadata(distribution, None if lines is None else tuple(lines))


def with_files(metadata: Metadata, files: Sequence[str]) -> Metadata:
    """The same with the files that the package installs."""
    return replace(metadata, distribution=replace(metadata.distribution, files=tuple(files)))


def read_toml(file: Path) -> dict[str, Any]:
    """A TOML file, empty where there is none. ValueError where it is broken."""
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _pyproject(folder: Path) -> dict[str, Any]:
    whole = read_toml(folder / "pyproject.toml")
    project = whole.get("project", {})
    licence, readme = project.get("license"), project.get("readme")
    version = project.get("version")
    if version is None and "version" in project.get("dynamic", ()):
        version = _dynamic_version(folder, whole)
    group = project.get("entry-points", {}).get(GROUP)
    return {
        "name": project.get("name"),
        "version": version,
        "licence": licence.get("text") if isinstance(licence, Mapping) else licence,
        "requires": project.get("dependencies"),
        "python": project.get("requires-python"),
        "readme": readme.get("file") if isinstance(readme, Mapping) else readme,
        "announced": None if group is None else [f"{name} = {value}" for name, value in group.items()],
    }


def _dynamic_version(folder: Path, whole: Mapping[str, Any]) -> str | None:
    """A version that setuptools or hatch takes from a module's constant, or from a file."""
    tool = whole.get("tool", {})
    told = tool.get("setuptools", {}).get("dynamic", {}).get("version", {})
    if "file" in told:
        return _text(folder, told["file"]).strip()
    module, _, name = str(told.get("attr", "")).rpartition(".")
    hatch = tool.get("hatch", {}).get("version", {}).get("path")
    places = [hatch] if hatch else [f"{root}{module.replace('.', '/')}{end}" for root in ("", "src/") for end in ("/__init__.py", ".py")]
    for place in places if hatch or module else ():
        if (folder / place).is_file():
            return constants((folder / place).read_text(encoding="utf-8")).get(name or "__version__")
    return None


def _setup_cfg(folder: Path) -> dict[str, Any]:
    parser = configparser.ConfigParser(interpolation=None)
    if not parser.read(folder / "setup.cfg", encoding="utf-8"):
        return {}
    head = dict(parser["metadata"]) if parser.has_section("metadata") else {}
    options = dict(parser["options"]) if parser.has_section("options") else {}
    groups = dict(parser["options.entry_points"]) if parser.has_section("options.entry_points") else {}
    return {
        "name": head.get("name"),
        "version": head.get("version") if not str(head.get("version", "")).startswith(("attr:", "file:")) else None,
        "licence": head.get("license"),
        "requires": _lines(options.get("install_requires")),
        "python": options.get("python_requires"),
        "readme": str(head.get("long_description", "")).removeprefix("file:").strip() or None,
        "announced": _lines(groups.get(GROUP)),
    }


def _setup_py(folder: Path) -> dict[str, Any]:
    file = folder / "setup.py"
    if not file.is_file():
        return {}
    text = file.read_text(encoding="utf-8")
    known = constants(text)
    told: dict[str, Any] = {}
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and _name(node.func) == "setup"):
        for keyword in call.keywords:
            value = known.get(keyword.value.id) if isinstance(keyword.value, ast.Name) else _literal(keyword.value)
            if keyword.arg and value is not None:
                told[keyword.arg] = value
    groups = told.get("entry_points")
    return {
        "name": told.get("name"),
        "version": told.get("version"),
        "licence": told.get("license"),
        "requires": told.get("install_requires"),
        "python": told.get("python_requires"),
        "announced": groups.get(GROUP) if isinstance(groups, Mapping) else None,
    }


def constants(text: str) -> dict[str, Any]:
    """The names that a module gives literal values at its top level. SyntaxError (a ValueError's kin) where it is no Python."""
    found = {}
    for node in ast.parse(text).body:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else ():
            value = _literal(node.value) if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None else None
            if isinstance(target, ast.Name) and value is not None:
                found[target.id] = value
    return found


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _lines(text: str | None) -> list[str] | None:
    return None if text is None else list(_full(text))


def _full(text: str) -> Iterator[str]:
    return filter(None, map(str.strip, text.splitlines()))


def _text(folder: Path, name: Any) -> str:
    """A file's text, empty where there is none; nothing outside of the folder is read."""
    if not isinstance(name, str):
        return ""
    file = (folder / name).resolve()
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() and file.is_relative_to(folder.resolve()) else ""
