"""What a store runs stays as it was taken in, whatever is installed beneath it: copies of the vendors' packages in its data folder.

An installation that replaces a package's files while a store runs would otherwise reach every process that starts after it: another
version than the bundle locks, and none to go back to. A copy is made when a bundle is taken in; what is installed counts again when the
next bundle is. The built-in package is not copied: with another version of it the store is started anew.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from storeloom.core.kernel.errors import BundleFault, Finding, PluginFault
from storeloom.core.kernel.lock import unpack
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import BUILT_IN, Catalogue, Package, Registry, packages, read_catalogue

FOLDER, CURRENT = "packages", "current.json"
SITE = "site-packages"  # the vendors' packages in a release's folder
_LEFT_OUT = ("__pycache__", "*.pyc")


_SITES: list[str] = []


def use_site(folder: Path | None) -> Path | None:
    """From now on the packages in `folder` are found, behind all that is installed, in place of those of the folder before; that one.

    A release brings its vendors' packages in such a folder. What storeloom itself is installed with is never replaced by it, and no code
    runs by being found (`.pth` files count for nothing). A link is followed once, here: where it leads later does not matter.
    """
    before = Path(_SITES[0]) if _SITES else None
    for place in _SITES:
        sys.path.remove(place)
    _SITES[:] = [] if folder is None else [str(folder.resolve())]
    sys.path += _SITES
    importlib.invalidate_caches()
    return before


def take_in(data: Path, file: Path, *, anew: bool = False) -> tuple[str, Plan, Registry]:
    """Name and plan of a packed bundle that fits what is installed, and the registry over copies of the packages that it needs.

    Raises what `unpack` does where it does not fit.
    """
    installed = list(packages())
    catalogue = read_catalogue(installed)
    name, plan = unpack(file, catalogue)
    wanted = _wanted(plan, catalogue)
    return name, plan, Registry(read_catalogue([_copy(data, one) if one.name in wanted else one for one in installed]), anew=anew)


def start_with(data: Path, file: Path) -> tuple[str, Plan, Registry, tuple[Finding, ...]]:
    """As `take_in`, or on the copies that were kept where what is installed no longer fits; the finding says so."""
    try:
        return *take_in(data, file), ()
    except (BundleFault, PluginFault):
        kept = _kept(data)
        if not kept:
            raise
        names = {one.name for one in kept}
        catalogue = read_catalogue([one for one in packages() if one.name not in names] + kept)
        try:
            name, plan = unpack(file, catalogue)
        except (BundleFault, PluginFault):
            plan = None
        if plan is None:
            raise
        return name, plan, Registry(catalogue), (Finding("SL-RUN-15", {"packages": sorted(names)}),)


def keep(data: Path, registry: Registry, plan: Plan) -> None:
    """From now on the store may start with the copies that a plan needs."""
    folders = {name: root.name for name, root in _wanted(plan, registry.catalogue).items()}
    (data / FOLDER).mkdir(exist_ok=True)
    part = data / FOLDER / f"{CURRENT}.part"
    part.write_text(json.dumps(folders), encoding="utf-8")
    part.replace(data / FOLDER / CURRENT)


def tidy(data: Path) -> None:
    """Remove the copies that the store does not start with; only while nothing runs."""
    kept = {one.root for one in _kept(data)}
    for place in (data / FOLDER).iterdir():
        if place.is_dir() and place not in kept:
            shutil.rmtree(place)


def _kept(data: Path) -> list[Package]:
    folder = data / FOLDER
    try:
        folders = json.loads((folder / CURRENT).read_bytes())
    except FileNotFoundError:
        return []
    return [Package(name, folder / place) for name, place in sorted(folders.items())]


def _wanted(plan: Plan, catalogue: Catalogue) -> dict[str, Path]:
    """The vendors' packages that a plan's solutions and drivers come from."""
    drivers = (facts["adapter"] for facts in plan.store.get("devices", {}).values() if "adapter" in facts)
    entries = [catalogue.solution(one.solution) for one in plan.instances]
    entries += [catalogue.adapters[driver] for driver in drivers if driver in catalogue.adapters]
    return {one.package.name: one.package.root for one in entries if one.package.name != BUILT_IN}


def _copy(data: Path, package: Package) -> Package:
    """The package as it is now, in the store's own folder."""
    target = data / FOLDER / f"{package.name}-{tree_digest(package.root)[:16]}"
    if not target.is_dir():
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(package.root, part, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        part.rename(target)
    return Package(package.name, target)


def tree_digest(root: Path) -> str:
    """One hash over the names and contents of all files below a folder; what Python compiles by itself does not count."""
    return _digest(_files(root))


def _files(root: Path) -> Iterable[tuple[str, Path]]:
    found = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return sorted((path.relative_to(root).as_posix(), path) for path in found)


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for name, path in files:
        with path.open("rb") as file:
            total.update(f"{name}\n{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
