"""The folder of a vendor's package: one that holds one already, or one that is to be made."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from storeloom.core.kernel.errors import Finding, PluginFault
from storeloom.core.kernel.registry import GROUP, Package
from storeloom.core.scaffold.request import import_name

PYPROJECT = "pyproject.toml"


@dataclass(frozen=True)
class Project:
    """A source folder (`folder`, with the pyproject.toml), the distribution's name and the package in it; `new` where it is not there."""

    folder: Path
    name: str
    package: Package
    new: bool = False


def project_at(name: str | None, output: str | None) -> Project:
    """The package that is meant: that of the folder `output`; without it that of the folder here where it is `name` or no name is given,
    else the one in the folder `name`, which may not be there yet.

    PluginFault where no name is given and no package is there (SL-NEW-08), or where `output` holds another one (SL-NEW-07).
    """
    here = Path(output) if output is not None else Path.cwd()
    found = existing(here)
    if name is None:
        if found is None:
            raise PluginFault(Finding("SL-NEW-08", {"folder": str(here)}))
        return found
    if found is not None and import_name(found.name) == import_name(name):
        return found
    if output is None:
        return existing(here / name) or made_anew(here / name, name)
    if found is not None:
        raise PluginFault(Finding("SL-NEW-07", {"folder": str(here), "found": found.name, "name": name}, file=str(here / PYPROJECT)))
    return made_anew(here, name)


def made_anew(folder: Path, name: str) -> Project:
    """A package that is to be made."""
    module = import_name(name)
    return Project(folder, name, Package(module, (folder / "src" / module).resolve()), new=True)


def existing(folder: Path) -> Project | None:
    """The package of plugins whose sources a folder holds, None where it holds none. PluginFault for a broken pyproject.toml."""
    file = folder / PYPROJECT
    if not file.is_file():
        return None
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PluginFault(Finding("SL-PLG-06", {"package": folder.name, "reason": f"{file}: {error}"}, file=str(file))) from error
    modules = list(project.get("entry-points", {}).get(GROUP, {}).values())
    if len(modules) != 1:
        return None
    module = str(modules[0])
    roots = [root / module.replace(".", "/") for root in (folder / "src", folder)]
    root = next((one for one in roots if (one / "plugins.toml").is_file()), roots[0])
    return Project(folder, str(project.get("name", module)), Package(module, root.resolve()))
