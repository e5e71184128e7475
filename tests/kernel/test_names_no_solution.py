"""The kernel and the runtime name no solution: what they know of one they read from the catalogue."""

import re

import pytest

from storeloom.core.kernel.registry import ROOT, Package, read_catalogue

FOLDERS = ("core/kernel", "core/runtime", "core/virtual", "core/commands")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_solution_is_named(folder):
    ids = read_catalogue([Package("storeloom", ROOT)]).solutions
    pattern = re.compile(r"\b(" + "|".join(ids) + r")\b")
    named = {
        f"{path.name}:{number}: {found[0]}"
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := pattern.search(line))
    }
    assert not named
