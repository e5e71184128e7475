"""What the code imports is declared in setup.py: a package that some other one brings today is gone tomorrow."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("core", "plugins", "schemas", "studio", "workers", "hardware_adapters")
# Part of the declared package that they come with, and that package's own public face.
BROUGHT = {"pydantic_core": "pydantic", "werkzeug": "flask"}
# Needed by scripts that make what is shipped, never by what runs: workers/vision/build.
BUILD_ONLY = {"torch"}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared() -> set[str]:
    requires = importlib.metadata.requires("storeloom") or []
    return {_plain(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in requires}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"storeloom"}


@pytest.mark.parametrize("part", SHIPPED)
def test_every_import_is_of_a_declared_package(part: str) -> None:
    packages, declared = importlib.metadata.packages_distributions(), _declared()
    missing = {}
    for path in sorted((ROOT / part).rglob("*.py")):
        for name in sorted(_imports(path) - BUILD_ONLY):
            brought = {_plain(found) for found in packages.get(name, [name])} | {BROUGHT.get(name, name)}
            if not brought & declared:
                missing.setdefault(name, str(path.relative_to(ROOT)))
    assert not missing, f"imported, yet in no list of setup.py: {missing}"
