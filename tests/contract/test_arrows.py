"""Arrows point one way: which folder may import which. Plugins are found by their listing and imported by nobody."""

import ast

import pytest

from storeloom.core.kernel.registry import ROOT

KERNEL, RUNTIME, VIRTUAL = "core.kernel", "core.runtime", "core.virtual"
ALLOWED = {
    "core/__init__.py": {KERNEL, VIRTUAL, "core.deprecation"},
    "core/deprecation.py": set(),
    "core/kernel": {KERNEL},
    "core/runtime": {KERNEL, RUNTIME, "core.__version__", "workers"},
    "core/virtual": {KERNEL, RUNTIME, VIRTUAL},
    "core/trust": {KERNEL, "core.trust"},
    "core/control": {KERNEL, RUNTIME, VIRTUAL, "core.trust", "core.control", "workers"},
    "core/conformance": {KERNEL, RUNTIME, VIRTUAL, "core.conformance", "core.control.trust.wheels"},
    "core/scaffold": {KERNEL, "core.scaffold"},
    "core/doctor": {KERNEL, RUNTIME, "core.doctor", "core.units"},
    "core/units.py": set(),
    "core/agent": {KERNEL, RUNTIME, "core.trust", "core.agent", "core.__version__"},
    "core/pages": {KERNEL, RUNTIME, VIRTUAL, "core.pages"},
    "core/progress.py": {"workers"},
    "core/surface": {KERNEL, "core.deprecation", "core.surface", "core.cli", "core.control"},
    "core/bench": {
        *(KERNEL, RUNTIME, VIRTUAL, "core.trust", "core.control", "core.agent"),
        *("core.bench", "core.conformance", "core.progress", "hardware_adapters", "workers"),
    },
    "core/commands": {
        *(KERNEL, RUNTIME, VIRTUAL, "core.trust", "core.control", "core.agent", "core.bench", "core.conformance", "core.pages"),
        *("core.doctor", "core.scaffold", "core.units"),
        *("core.commands", "core.cli", "core.progress", "core.surface", "core.__version__", "workers"),
    },
    "core/arguments": {KERNEL, "core.arguments"},
    "core/cli.py": {KERNEL, "core.arguments"},
    "workers": {"workers", "core.kernel.errors", "core.kernel.events", "core.kernel.hours"},
    "plugins": {KERNEL, "workers"},
    "hardware_adapters": {KERNEL, "core.deprecation", "workers", "hardware_adapters"},
    "studio": {KERNEL, RUNTIME, VIRTUAL, "core.control", "core.commands", "core.conformance", "workers", "studio"},
}


def imported(path):
    """What of this package a file imports, anywhere in it, with the line."""
    package = ["storeloom", *path.relative_to(ROOT).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: -node.level] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{stem}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "storeloom":
                yield name.removeprefix("storeloom").lstrip("."), node.lineno


def within(name, allowed):
    return any(name == part or name.startswith(part + ".") for part in allowed)


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_folder_imports_only_what_it_may(folder):
    place = ROOT / folder
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name or 'storeloom'}"
        for file in files
        for name, line in imported(file)
        if not within(name, ALLOWED[folder])
    ]
    assert not wrong, "\n".join(wrong)


def test_a_plugin_imports_no_other_plugin_and_every_folder_has_its_rule():
    folders = {f"core/{path.name}" for path in (ROOT / "core").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= ALLOWED.keys(), f"no rule for {sorted(folders - ALLOWED.keys())}"
    assert not [name for parts in ALLOWED.values() for name in parts if name.startswith("plugins")]


def test_the_check_sees_every_way_of_importing(tmp_path):
    file = ROOT / "core" / "kernel" / "example.py"  # never written: only its name is needed
    text = "import storeloom.core.virtual.trial\nfrom storeloom.workers import pricing\ndef f():\n    from ..runtime import log\n"

    class Text:
        def relative_to(self, root):
            return file.relative_to(root)

        def read_text(self, encoding):
            return text

    assert list(imported(Text())) == [("core.virtual.trial", 1), ("workers.pricing", 2), ("core.runtime.log", 4)]
