"""The kernel and the runtime name no solution: what they know of one they read from the catalogue. A value that a stream's schema lists,
such as a channel of sale, is a word of the streams, even where a solution has the same name."""

import json
import re

import pytest

from storeloom.core.kernel.registry import ROOT, Package, read_catalogue

FOLDERS = ("core/kernel", "core/runtime", "core/virtual", "core/commands")


def listed(schema):
    """The values that a schema lists anywhere."""
    if isinstance(schema, list):
        return {word for one in schema for word in listed(one)}
    if not isinstance(schema, dict):
        return set()
    return {word for word in schema.get("enum", ()) if isinstance(word, str)} | listed(list(schema.values()))


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_solution_is_named(folder):
    words = {
        word for path in (ROOT / "schemas" / "streams").glob("*.json") for word in listed(json.loads(path.read_text(encoding="utf-8")))
    }
    ids = read_catalogue([Package("storeloom", ROOT)]).solutions.keys() - words
    pattern = re.compile(r"\b(" + "|".join(ids) + r")\b")
    named = {
        f"{path.name}:{number}: {found[0]}"
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := pattern.search(line))
    }
    assert not named
