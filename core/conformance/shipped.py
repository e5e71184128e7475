"""Which files of a source folder its wheel will have, as far as they can be told without building it (building runs the vendor's code).

setuptools ships modules, what `package-data` names and, where `include-package-data` holds (as it does by default for a project told in
`pyproject.toml`), what `MANIFEST.in` names. The other backends in wide use (hatchling, flit, poetry, pdm, uv) ship all that lies in the
package's folder. See setuptools.pypa.io/en/latest/userguide/datafiles.html.
"""

from __future__ import annotations

import configparser
import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from storeloom.core.conformance.metadata import constants, read_toml

IGNORED = ("__pycache__", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache")


def shipped(folder: Path, name: str, root: Path) -> list[str]:
    """The files below a package's `root`, as they will stand in the wheel (`acme/plugins.toml`)."""
    base = name.replace(".", "/")
    files = list(package_files(root))
    if not _by_setuptools(folder):
        return [f"{base}/{file}" for file in files]
    globs, manifest = _data_globs(folder, name), _manifest(folder)
    inside = root.relative_to(folder).as_posix() if root.is_relative_to(folder) else base
    return [
        f"{base}/{file}"
        for file in files
        if file.endswith(".py") or any(_matches(file, glob) for glob in globs) or any(_taken(f"{inside}/{file}", line) for line in manifest)
    ]


def package_files(root: Path) -> Iterator[str]:
    """The files below a package's folder, what Python and tools write by themselves left out."""
    for file in sorted(root.rglob("*")):
        if file.is_file() and file.suffix != ".pyc" and not set(file.relative_to(root).parts) & set(IGNORED):
            yield file.relative_to(root).as_posix()


def _by_setuptools(folder: Path) -> bool:
    backend = read_toml(folder / "pyproject.toml").get("build-system", {}).get("build-backend", "setuptools.build_meta")
    return "setuptools" in str(backend)


def _data_globs(folder: Path, name: str) -> list[str]:
    """The patterns of the package's data, relative to its folder."""
    told: dict[str, Any] = {}
    table = read_toml(folder / "pyproject.toml").get("tool", {}).get("setuptools", {}).get("package-data", {})
    told.update({key: list(value) for key, value in table.items()})
    parser = configparser.ConfigParser(interpolation=None)
    if parser.read(folder / "setup.cfg", encoding="utf-8") and parser.has_section("options.package_data"):
        told.update({key: value.replace(",", "\n").split() for key, value in parser["options.package_data"].items()})
    if (folder / "setup.py").is_file():
        told.update(_setup_data((folder / "setup.py").read_text(encoding="utf-8")))
    found: list[str] = []
    for key, globs in told.items():
        below = key.removeprefix(name).lstrip(".").replace(".", "/") if key == name or key.startswith(f"{name}.") else ""
        if key in ("", "*", name) or below:
            found += [f"{below}/{glob}".lstrip("/") for glob in globs]
            found += [f"**/{glob}" for glob in globs if key in ("", "*")]
    return found


def _setup_data(text: str) -> Mapping[str, Any]:
    import ast

    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg == "package_data":
            value = constants(f"value = {ast.unparse(node.value)}").get("value")
            return value if isinstance(value, Mapping) else {}
    return {}


def _manifest(folder: Path) -> list[Sequence[str]]:
    """The lines of MANIFEST.in that take files in, where setuptools looks at it."""
    settings = read_toml(folder / "pyproject.toml").get("tool", {}).get("setuptools", {})
    if not settings.get("include-package-data", True) or not (folder / "MANIFEST.in").is_file():
        return []
    lines = [line.split() for line in (folder / "MANIFEST.in").read_text(encoding="utf-8").splitlines()]
    return [words for words in lines if words and words[0] in ("include", "recursive-include", "graft", "global-include")]


def _taken(file: str, words: Sequence[str]) -> bool:
    """Whether a line of MANIFEST.in takes a file."""
    command, rest = words[0], list(words[1:])
    if command == "graft":
        return any(file.startswith(f"{place.rstrip('/')}/") for place in rest)
    if command == "recursive-include":
        inside = rest[0].rstrip("/") in (".", "") or file.startswith(f"{rest[0].rstrip('/')}/")
        return inside and any(fnmatch.fnmatch(file.rpartition("/")[2], glob) for glob in rest[1:])
    if command == "global-include":
        return any(fnmatch.fnmatch(file.rpartition("/")[2], glob) for glob in rest)
    return any(_matches(file, glob) for glob in rest)


def _matches(file: str, glob: str) -> bool:
    """As setuptools matches: `*` stays within a folder, `**` does not."""
    return _parts(file.split("/"), glob.split("/"))


def _parts(file: Sequence[str], glob: Sequence[str]) -> bool:
    if not glob:
        return not file
    if glob[0] == "**":
        return _parts(file, glob[1:]) or (bool(file) and _parts(file[1:], glob))
    return bool(file) and fnmatch.fnmatchcase(file[0], glob[0]) and _parts(file[1:], glob[1:])
