"""Making a package, or adding to one: all that stands in the way is told before anything is written, and then nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storeloom.core.kernel import index
from storeloom.core.kernel.errors import Finding, MisuseFault, PluginFault
from storeloom.core.kernel.registry import listed, read_catalogue, read_listing
from storeloom.core.scaffold.listing import with_line
from storeloom.core.scaffold.project import Project, project_at
from storeloom.core.scaffold.render import package_files, plugin_files
from storeloom.core.scaffold.request import Wanted, name_findings, read, taken_by


@dataclass(frozen=True)
class Made:
    """What was written (`files`, the generated schemas among them) and what was `changed`."""

    project: Project
    wanted: tuple[Wanted, ...]
    files: tuple[Path, ...]
    changed: tuple[Path, ...]


def make(
    name: str | None,
    solutions: Sequence[str],
    adapters: Sequence[str],
    *,
    vendor: str | None = None,
    output: str | None = None,
    version: str,
) -> Made:
    """Make a package of these plugins, or add them to the package that is there (see `project_at`); its schemas are generated, too.

    MisuseFault where nothing is asked for, PluginFault with every finding otherwise; nothing has been written then.
    """
    if not solutions and not adapters:
        raise MisuseFault(Finding("SL-NEW-09"))
    project = project_at(name, output)
    catalogue = read_catalogue()
    some, wrong = read("solution", solutions, catalogue)
    more, also = read("adapter", adapters, catalogue)
    wanted = [*some, *more]
    taken = [] if project.new else _taken(project, wanted)
    findings = [*(name_findings(project.name) if project.new else ()), *wrong, *also, *(taken_by(one, project.name) for one in taken)]
    wanted = [one for one in wanted if one not in taken]
    files = {path: text for one in wanted for path, text in plugin_files(project, one, catalogue).items()}
    if project.new:
        files |= package_files(project, wanted, " ".join((vendor or _vendor(project)).split()), version)
    findings += [Finding("SL-NEW-10", {"file": str(path)}, file=str(path)) for path in files if path.exists()]
    if findings:
        raise PluginFault(findings)
    changed = {} if project.new else {project.package.listing: _listed(project, wanted)}
    for path, text in {**files, **changed}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    before = set((project.package.root / "schemas").rglob("*.json"))
    generated, findings = index.write(project.package)
    if findings:
        raise PluginFault(findings)
    fresh = [path for path in generated if path not in before]
    return Made(project, tuple(wanted), (*files, *fresh), (*changed, *(path for path in generated if path in before)))


def _taken(project: Project, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Those that the package itself lists already, whether it is installed or not."""
    own = {(group, plugin) for group, _, plugin, _ in listed(read_listing(project.package))}
    return [one for one in wanted if (one.folder, one.id) in own]


def _vendor(project: Project) -> str:
    return project.package.name.replace("_", " ").title()


def _listed(project: Project, wanted: Sequence[Wanted]) -> str:
    """The package's plugins.toml with these; PluginFault where it cannot be read or added to."""
    listing = project.package.listing
    try:
        text = listing.read_text(encoding="utf-8")
        for one in wanted:
            text = with_line(text, one)
    except (OSError, ValueError) as error:
        raise PluginFault(Finding("SL-PLG-06", {"package": project.name, "reason": f"{listing}: {error}"}, file=str(listing))) from error
    return text
