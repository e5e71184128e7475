"""A vendor's good package as a source folder, and its wheel, for tests that break one thing of it."""

from __future__ import annotations

import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

from storeloom.core.conformance.shipped import shipped
from storeloom.core.kernel import index
from storeloom.core.kernel.registry import Package

GOOD = Path(__file__).parents[1] / "packages" / "acme_store"
NAME = "acme_store"
PYPROJECT = """\
[build-system]
requires = ["setuptools>=69"]
build-backend = "setuptools.build_meta"

[project]
name = "acme-store"
version = "1.2.0"
description = "Cold chain and gates of Acme"
readme = "README.md"
license = "Apache-2.0"
requires-python = ">=3.11"
dependencies = ["storeloom>=0.1,<1"]

[project.entry-points."storeloom.plugins"]
acme_store = "acme_store"

[tool.setuptools.package-data]
acme_store = ["plugins.toml", "py.typed", "**/*.json", "**/*.yaml"]
"""
README = """\
# Acme's plugins for storeloom

Alerts when food in a chiller or freezer stays above its limit for longer than the grace time, and opens the gates of Acme by its line
protocol over TCP.

冷链超温告警：食品温度超过上限且超出容忍时长时告警并派发检查任务；并通过行协议连接 Acme 闸机控制器，接收开闸命令并上报闸机状态。
"""
CHANGELOG = "# Changelog\n\n## 1.2.0\n\nThe report at closing.\n"
FILES = {"pyproject.toml": PYPROJECT, "README.md": README, "CHANGELOG.md": CHANGELOG, "LICENSE": "Apache License, Version 2.0\n"}


class Vendor:
    """A package below `folder`, in `src/`; `adapter` keeps its driver too."""

    def __init__(self, folder: Path, *, adapter: bool = False) -> None:
        self.folder, self.root = folder, folder / "src" / NAME
        shutil.copytree(GOOD, self.root, ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "py.typed").touch()
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        if not adapter:
            shutil.rmtree(self.root / "adapters")
            self.change("src/acme_store/plugins.toml", '\n[adapters.gate]\nline_gate = "adapters/line_gate.py"\n', "")
            self.index()
        shutil.copytree(self.root / "schemas", folder / "last" / "schemas")

    @property
    def last(self) -> str:
        """The index of the package as it was made, as its last version."""
        return str(self.folder / "last" / "schemas" / "catalogue.json")

    def change(self, file: str, old: str, new: str) -> None:
        """Replace what stands once in a file."""
        text = (self.folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file}: {old!r} stands {text.count(old)} times"
        (self.folder / file).write_text(text.replace(old, new), encoding="utf-8")

    def solution(self, old: str, new: str, *, indexed: bool = True) -> None:
        """Change the solution's module, and write the index anew."""
        self.change("src/acme_store/solutions/cold_excursion.py", old, new)
        if indexed:
            self.index()

    def index(self) -> None:
        """`storeloom index`: the last one's contract does not bind it."""
        files, findings = index.build(Package(NAME, self.root))
        forget()
        assert not findings, findings[0].render()
        shutil.rmtree(self.root / "schemas")
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def wheel(self, into: Path, **more: str) -> Path:
        """The wheel that setuptools would build of it; `more` are further members (`__` for `/`)."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        stem = f"{project['name'].replace('-', '_')}-{project['version']}"
        head = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {project['version']}"]
        head += [f"License-Expression: {project['license']}", "License-File: LICENSE", f"Requires-Python: {project['requires-python']}"]
        head += [f"Requires-Dist: {line}" for line in project["dependencies"]]
        info = {
            "METADATA": "\n".join(head) + "\n\n" + (self.folder / "README.md").read_text(encoding="utf-8"),
            "entry_points.txt": f"[storeloom.plugins]\n{NAME} = {NAME}\n",
            "licenses/LICENSE": (self.folder / "LICENSE").read_text(encoding="utf-8"),
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        into.mkdir(exist_ok=True)
        made = into / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(made, "w") as archive:
            for name in shipped(self.folder, NAME, self.root):
                archive.write(self.root.parent / name, name)
            for name, text in info.items():
                archive.writestr(f"{stem}.dist-info/{name}", text)
            for name, text in more.items():
                archive.writestr(name.replace("__", "/"), text)
        return made


def forget() -> None:
    """What was imported of the package."""
    for name in [name for name in sys.modules if name.split(".")[0] == NAME]:
        del sys.modules[name]
