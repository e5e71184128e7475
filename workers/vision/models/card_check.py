"""A model card against its schema: every fault as a finding, in words of both languages."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding

SCHEMA = Path(__file__).with_name("card.schema.json")
KINDS_ZH = {"integer": "整数", "number": "数字", "string": "文本", "boolean": "true 或 false", "array": "列表", "object": "表"}
KINDS_EN = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
}
LIMITS = {
    "Minimum": ("{limit} or more", "不小于 {limit}"),
    "ExclusiveMinimum": ("more than {limit}", "大于 {limit}"),
    "Maximum": ("{limit} or less", "不大于 {limit}"),
    "MinItems": ("a list of at least {limit}", "至少 {limit} 项"),
    "MaxItems": ("a list of at most {limit}", "至多 {limit} 项"),
    "MinLength": ("not empty", "不为空"),
    "Pattern": ("text like {pattern}", "形如 {pattern} 的文本"),
}
NO_REMEDY = {"remedy_en": "", "remedy_zh": ""}


@cache
def _schema() -> tuple[dict[str, Any], Any]:
    """The schema and its compiled validator."""
    import jsonschema_rs

    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema, jsonschema_rs.Draft202012Validator(schema)


def card_findings(raw: Any, file: Path) -> list[Finding]:
    """All that is wrong with a card's data; `path` of a finding is the field."""
    return [finding for error in _schema()[1].iter_errors(raw) for finding in _word(error, str(file))]


def _word(error: Any, file: str) -> Iterator[Finding]:
    kind = type(error.kind).__name__.rpartition("_")[2]
    facts: Mapping[str, Any] = error.kind.as_dict()
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.instance_path).lstrip(".")
    parent: Any = reduce(lambda node, key: node[key], error.schema_path[:-1], _schema()[0])
    if kind == "AdditionalProperties":
        known = sorted(parent["properties"])
        for key in facts["unexpected"]:
            close = next(iter(difflib.get_close_matches(key, known, 1)), None)
            hint = {"hint_en": f" Did you mean '{close}'?" if close else "", "hint_zh": f"是否想写“{close}”？" if close else ""}
            args = {"key": key, "got": _show(error.instance[key]), "known": known, **hint}
            yield Finding("SL-CFG-02", args, path=f"{path}.{key}" if path else key, file=file)
    elif kind == "Required":
        yield Finding("SL-CFG-04", {"key": facts["property"], "known": parent["required"]}, path=path, file=file)
    else:
        yield Finding("SL-CFG-03", {"got": _show(error.instance), "allowed": _allowed(kind, facts), **NO_REMEDY}, path=path, file=file)


def _allowed(kind: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """What a field may be, in both languages."""
    if kind == "Type":
        return {"en": " or ".join(KINDS_EN[name] for name in facts["types"]), "zh": "或".join(KINDS_ZH[name] for name in facts["types"])}
    if kind == "Enum":
        options = ", ".join(map(_show, facts["options"]))
        return {"en": f"one of {options}", "zh": f"{options} 之一"}
    en, zh = LIMITS[kind]
    return {"en": en.format(**facts), "zh": zh.format(**facts)}


def _show(value: Any) -> str:
    """A value as it stands in a message: JSON, cut when long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
