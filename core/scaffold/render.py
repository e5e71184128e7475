"""The files of a new package, and those of a solution or an adapter, as text by path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from string import Template

from storeloom.core.kernel.registry import Catalogue
from storeloom.core.scaffold.listing import HEAD, with_line
from storeloom.core.scaffold.project import PYPROJECT, Project
from storeloom.core.scaffold.request import Wanted
from storeloom.core.scaffold.samples import literal, sample

TEMPLATES = Path(__file__).with_name("templates")
STATUS, FRAMES = "device.status", "camera.frame"
AT_ONCE = 20
FEEDING = "from collections.abc import Mapping"
TAKING = "from collections.abc import Iterable, Mapping\nfrom datetime import datetime"


def filled(template: str, facts: Mapping[str, str]) -> str:
    """A template with all its names replaced; KeyError for one without a value."""
    return _template(template).substitute(facts)


@cache
def _template(name: str) -> Template:
    return Template((TEMPLATES / f"{name}.txt").read_text(encoding="utf-8"))


def package_files(project: Project, wanted: Iterable[Wanted], vendor: str, version: str) -> dict[Path, str]:
    """The files of a new package, but for its plugins' own; `version` is storeloom's, from which on the package is for."""
    ones = list(wanted)
    extras = ["devices"] if any(one.group == "adapter" for one in ones) else []
    module = project.package.name
    listing = HEAD
    for one in ones:
        listing = with_line(listing, one)
    solution = next((one.id for one in ones if one.group == "solution"), None)
    facts = {
        "name": project.name,
        "module": module,
        "vendor": vendor,
        "author": literal(vendor, 0),
        "description": literal(f"Plugins for storeloom by {vendor}", 0),
        "storeloom": f"storeloom{'[' + ','.join(extras) + ']' if extras else ''}{version_range(version)}",
        "ids": ", ".join(f"`{one.id}`" for one in ones),
        "ids_zh": "、".join(f"`{one.id}`" for one in ones),
        "first": solution or ones[0].id,
        "listed": f"--search {solution}" if solution else f"--adapters --search {ones[0].id}",
        "listing": listing,
    }
    source = project.package.root
    return {
        project.folder / PYPROJECT: filled("pyproject.toml", facts),
        project.folder / "README.md": filled("README.md", facts),
        project.folder / "CHANGELOG.md": filled("CHANGELOG.md", facts),
        project.folder / "LICENSE": filled("LICENSE", facts),
        project.folder / ".gitignore": filled("gitignore", facts),
        project.folder / ".github" / "workflows" / "ci.yml": filled("ci.yml", facts),
        project.folder / "tests" / "test_package.py": filled("test_package.py", facts),
        source / "__init__.py": filled("package_init.py", facts),
        source / "py.typed": "",
        source / "plugins.toml": listing,
    }


def version_range(version: str) -> str:
    """The releases of storeloom that a package made for this one runs with: up to the next that may break it (semantic versions)."""
    major, minor = (int(part) for part in re.match(r"(\d+)\.(\d+)", version).groups())  # type: ignore[union-attr]
    return f">={major}.{minor},<{f'{major + 1}' if major else f'0.{minor + 1}'}"


def plugin_files(project: Project, one: Wanted, catalogue: Catalogue) -> dict[Path, str]:
    """The files of one plugin: its module, what shows it, and the folder's `__init__.py` where it is the first of its group."""
    root = project.package.root
    words = one.id.replace("_", " ")
    facts = {
        "id": one.id,
        "module": project.package.name,
        "title": words[:1].upper() + words[1:],
        "class_name": "".join(part.capitalize() for part in one.id.split("_")),
    }
    init = root / one.folder / "__init__.py"
    first = {} if init.is_file() else {init: filled(f"{one.folder}_init.py", facts)}
    return first | (_solution if one.group == "solution" else _adapter)(root, one, catalogue, facts)


def _solution(root: Path, one: Wanted, catalogue: Catalogue, facts: dict[str, str]) -> dict[Path, str]:
    scenario = catalogue.scenarios[one.section]
    facts |= {
        "title_zh": f"{scenario['zh']}：读数越限",
        "formats": "\n".join(f'        "{name}",' for name in scenario["formats"]),
    }
    episodes = root / "tests" / "episodes" / one.id
    return {
        root / one.path: filled("solution.py", facts),
        episodes / "01_over_its_limit.yaml": filled("episode_over.yaml", facts),
        episodes / "02_stays_silent.yaml": filled("episode_silent.yaml", facts),
    }


def _adapter(root: Path, one: Wanted, catalogue: Catalogue, facts: dict[str, str]) -> dict[Path, str]:
    kind = catalogue.adapter_kinds[one.section]
    fed = next((stream for stream in kind["feeds"] if stream not in (STATUS, FRAMES)), None)
    taken = next(iter(kind["takes"]), None)
    streams = [f'    feeds = ("{fed}", "{STATUS}")' if fed else f'    feeds = ("{STATUS}",)']
    streams += [f'    takes = ("{taken}",)'] if taken else []
    facts |= {
        "title_zh": f"{kind['zh']}（JSON 行协议）",
        "kind": one.section,
        "imports": TAKING if taken else FEEDING,
        "streams": "\n".join(streams),
        "command": filled("adapter_command.py", {}).rstrip("\n") + "\n" if taken else "",
        "twin_class": f"{facts['class_name']}Twin",
        "at_once": str(AT_ONCE if fed else 1),
        "act": _act(fed),
        "order": _order(taken),
    }
    return {root / one.path: filled("adapter.py", facts), root / one.folder / f"{one.id}_twin.py": filled("twin.py", facts)}


def _act(stream: str | None) -> str:
    """The body of a twin's `act`."""
    if stream is None:
        return "        return ()\n"
    data = literal(sample(stream, command=False), 8)
    lines = [
        f"        data: dict[str, Any] = {data}",
        "        self._at += 1",
        f'        self._said.append({{"at": self._at, "stream": "{stream}", "data": data}})',
        f'        return [Said("{stream}", data)]',
    ]
    return "\n".join(lines) + "\n"


def _order(stream: str | None) -> str:
    """The body of a twin's `command`."""
    if stream is None:
        return "        return None\n"
    data = literal(sample(stream, command=True), 8)
    return f'        data: dict[str, Any] = {data}\n        return "{stream}", data\n'
