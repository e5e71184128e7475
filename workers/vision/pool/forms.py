"""Data against a JSON Schema, every fault as a finding at its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.models.card_check import KINDS_EN, KINDS_ZH, LIMITS, NO_REMEDY

Place = Callable[..., tuple[str | None, int | None]]
Keys = tuple[str | int, ...]
MORE_LIMITS = {
    **LIMITS,
    "MinProperties": ("a table of at least {limit}", "至少 {limit} 项"),
    "MaxLength": ("text of at most {limit} signs", "至多 {limit} 个字符"),
    "ExclusiveMaximum": ("less than {limit}", "小于 {limit}"),
}


def nowhere(*_: str | int) -> tuple[None, None]:
    """The place of data that came from no file."""
    return None, None


def path_of(keys: Keys) -> str:
    """`("cameras", 0, "fps")` as `cameras[0].fps`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def show(value: Any) -> str:
    """A value as it stands in a message: JSON, cut when long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def form_findings(schema: Mapping[str, Any], value: Any, place: Place, at: Keys = ()) -> Iterator[Finding]:
    """All that is wrong with the form of a value that stands at `at`."""
    import jsonschema_rs

    for error in jsonschema_rs.Draft202012Validator(dict(schema)).iter_errors(value):
        yield from _word(error, schema, place, at)


def _word(error: Any, schema: Mapping[str, Any], place: Place, at: Keys) -> Iterator[Finding]:
    kind, facts = type(error.kind).__name__.rpartition("_")[2], error.kind.as_dict()
    keys = (*at, *error.instance_path)
    parent: Any = schema
    for key in error.schema_path[:-1]:
        parent = parent[key]

    def finding(code: str, args: Mapping[str, Any], *more: str) -> Finding:
        file, line = place(*keys, *more)
        return Finding(code, args, path=path_of((*keys, *more)), file=file, line=line)

    if kind == "AdditionalProperties":
        known = sorted(parent.get("properties", {}))
        for key in facts["unexpected"]:
            close = next(iter(difflib.get_close_matches(key, known, 1)), None)
            hint = {"hint_en": f" Did you mean '{close}'?" if close else "", "hint_zh": f"是否想写“{close}”？" if close else ""}
            yield finding("SL-CFG-02", {"key": key, "got": show(error.instance[key]), "known": known, **hint}, key)
    elif kind == "Required":
        yield finding("SL-CFG-04", {"key": facts["property"], "known": parent["required"]})
    elif kind == "Type":
        types = [facts["types"]] if isinstance(facts["types"], str) else list(facts["types"])
        allowed = {
            "en": " or ".join(KINDS_EN.get(name, "nothing") for name in types),
            "zh": "或".join(KINDS_ZH.get(name, "空") for name in types),
        }
        yield finding("SL-CFG-03", {"got": show(error.instance), "allowed": allowed, **NO_REMEDY})
    elif kind == "Enum":
        options = ", ".join(show(option) for option in facts["options"])
        yield finding(
            "SL-CFG-03", {"got": show(error.instance), "allowed": {"en": f"one of {options}", "zh": f"{options} 之一"}, **NO_REMEDY}
        )
    else:
        en, zh = MORE_LIMITS[kind]
        yield finding(
            "SL-CFG-03", {"got": show(error.instance), "allowed": {"en": en.format(**facts), "zh": zh.format(**facts)}, **NO_REMEDY}
        )
