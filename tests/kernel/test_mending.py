"""What would mend a wrong value: the patch is on the whole, and with it the fault is gone."""

import json
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel import schemas
from storeloom.core.kernel.overlay import merge_patch

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "grace_s": {"type": "integer", "minimum": 10, "maximum": 100, "default": 30},
        "share": {"anyOf": [{"type": "number", "maximum": 1}, {"type": "null"}], "default": None},
        "mode": {"enum": ["gentle", "strict"], "default": "gentle"},
        "at": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$", "default": "08:00"},
        "bare": {"type": "string", "pattern": "^x$"},
        "over": {"type": "number", "exclusiveMinimum": 0, "default": 0.5},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}},
        "deep": {"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}},
    },
}


@pytest.mark.parametrize(
    ("value", "patch"),
    [
        ({"grace_s": 5000}, {"grace_s": 100}),
        ({"grace_s": "45"}, {"grace_s": 45}),
        ({"grace_s": 50.4}, {"grace_s": 50}),
        ({"grace_s": "soon"}, {"grace_s": 30}),
        ({"share": 7}, {"share": 1}),
        ({"mode": "strikt"}, {"mode": "strict"}),
        ({"mode": 5}, {"mode": "gentle"}),
        ({"at": "8:00"}, {"at": "08:00"}),
        ({"bare": "y"}, None),
        ({"over": 0}, {"over": 0.5}),
        ({"grace": 20}, {"grace": None, "grace_s": 20}),
        ({"grace": 20, "grace_s": 30}, {"grace": None}),
        ({"zzz": 1}, {"zzz": None}),
        ({"rows": [{"n": 2}, {"n": 0}]}, {"rows": [{"n": 2}, {"n": 1}]}),
        ({"deep": {"n": 9}, "mode": "strict"}, {"deep": {"n": 5}}),
    ],
)
def test_a_wrong_value_has_the_patch_that_mends_it(tmp_path: Path, value: dict[str, Any], patch: dict[str, Any] | None) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA), encoding="utf-8")
    before = json.dumps(value)
    (found,) = schemas.check(file, value, mend=True)
    assert found.patch == patch and json.dumps(value) == before
    if patch is not None:
        assert schemas.check(file, merge_patch(value, patch)) == []
    assert schemas.check(file, value)[0].patch is None
