"""JSON Schemas compiled on first use, and their verdicts as findings.

The verdict is jsonschema-rs's; the words are ours: where, what was got, what is allowed, the next step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.registry import ROOT, hint

SCHEMAS = ROOT / "schemas"
YEARS = range(1900, 2200)  # of times in events, tables and configs
DAYS_YEARS = range(1899, 2201)  # of dates: a store's day may be the one before or after
LEAST_TIME, LEAST_DATE = len("2026-03-02T10:00:00Z"), len("2026-03-02")
Place = Callable[..., tuple[str | None, int | None]]

_TYPE_ZH = {
    "integer": "整数",
    "number": "数字",
    "string": "文本",
    "boolean": "true 或 false",
    "array": "列表",
    "object": "表",
    "null": "空",
}
_TYPE_EN = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


@lru_cache(maxsize=1024)
def load(path: Path) -> dict[str, Any]:
    """A schema file's content."""
    with open(path, "rb") as file:
        content: dict[str, Any] = json.load(file)
    return content


@lru_cache(maxsize=1024)
def validator(path: Path) -> Any:
    """The compiled validator of a schema file."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(load(path), validate_formats=True, formats={"date-time": _is_time, "date": _is_date})


def _is_time(text: str) -> bool:
    """RFC 3339 as every part of the store reads it, without leap seconds, in years with which one can reckon."""
    try:
        return len(text) >= LEAST_TIME and text[10] == "T" and parse_time(text).year in YEARS
    except (ValueError, OverflowError):
        return False


def _is_date(text: str) -> bool:
    try:
        return len(text) == LEAST_DATE and date.fromisoformat(text).year in DAYS_YEARS
    except ValueError:
        return False


@cache
def stream_file(stream: str) -> Path:
    return SCHEMAS / "streams" / f"{stream}.json"


@cache
def table_file(table: str) -> Path:
    return SCHEMAS / "tables" / f"{table}.json"


@lru_cache(maxsize=1)
def streams() -> dict[str, bool]:
    """Every stream, and whether it is a command."""
    return {path.stem: bool(load(path).get("x-command")) for path in sorted((SCHEMAS / "streams").glob("*.json"))}


def target_field(stream: str) -> str:
    """The field of a command that says what it is for (a relay, a label, a screen): its first required one."""
    field: str = load(stream_file(stream))["required"][0]
    return field


def queue(stream: str) -> Mapping[str, Any]:
    """The way in that a stream's schema declares (`x-queue`), empty where it leaves it to the default."""
    declared: Mapping[str, Any] = load(stream_file(stream)).get("x-queue", {})
    return declared


def lossy_streams() -> list[str]:
    """The streams whose schema lets their queue leave facts out."""
    return [stream for stream in streams() if queue(stream).get("policy", "block") != "block"]


@lru_cache(maxsize=1)
def tables() -> dict[str, tuple[str, ...]]:
    """Every table and its key fields."""
    return {path.stem: tuple(load(path).get("x-key", ())) for path in sorted((SCHEMAS / "tables").glob("*.json"))}


@lru_cache(maxsize=1)
def adapter_kinds() -> dict[str, dict[str, Any]]:
    """Every built-in adapter kind: titles, the streams it feeds, the commands it takes and by which rule."""
    kinds: dict[str, dict[str, Any]] = load(SCHEMAS / "adapter_kinds.json")["kinds"]
    return kinds


def only_incomplete(path: Path, value: Any) -> bool:
    """Whether a value lacks required fields but is right in all that it has."""
    return all(type(error.kind).__name__.endswith("Required") for error in validator(path).iter_errors(value))


def first_error(path: Path, value: Any) -> str | None:
    """The first thing that is wrong with a value, in English, None when it fits; the fast way for events."""
    compiled = validator(path)
    if compiled.is_valid(value):
        return None
    error = next(iter(compiled.iter_errors(value)))
    place = ".".join(map(str, error.instance_path))
    return f"{place}: {error.message}" if place else str(error.message)


def check(path: Path, value: Any, *, at: str = "", place: Place | None = None, mend: bool = False) -> list[Finding]:
    """All findings of a value against a schema file. `at` is where the value stands, `place(*keys)` finds file and line of a key in it.
    With `mend`, a finding has the patch of the value that would mend it, where one is known."""
    compiled = validator(path)
    if compiled.is_valid(value):
        return []
    schema, findings = load(path), []
    for error in compiled.iter_errors(value):
        worded = list(_word(error, schema, at, place))
        if mend and len(worded) == 1:
            from storeloom.core.kernel.mending import mending

            patch = mending(compiled, value, error, _sub_schema(schema, list(error.schema_path)[:-1]))
            worded = [replace(worded[0], patch=patch)]
        findings += worded
    return findings


def marked(path: Path, value: Any, widget: str) -> list[tuple[tuple[str | int, ...], Any]]:
    """The parts of a value whose setting has the widget, each with the keys that lead to it; the value fits the schema file."""
    schema, found = load(path), []
    for keys, part, one in _parts(schema, schema, value, ()):
        if part.get("x-widget") == widget:
            found += [((*keys, at), item) for at, item in enumerate(one)] if isinstance(one, list) else [(keys, one)]
    return found


def retiring(path: Path, value: Any, *, at: str, place: Place) -> list[Finding]:
    """A finding for each key of a value that its schema file calls deprecated, where `place` knows a file that sets it."""
    schema, findings = load(path), []
    for keys, part, _ in _parts(schema, schema, value, ()):
        file, line = place(*keys) if part.get("deprecated") else (None, None)
        if file is not None:
            args = {"key": keys[-1], "since": part.get("x-since", "?"), "use": part.get("x-use", "?")}
            findings.append(Finding("SL-CFG-10", args, join(at, keys), file, line))
    return findings


def _parts(
    schema: Mapping[str, Any], part: Any, value: Any, keys: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any], Any]]:
    """Every part of a value with its schema, and the keys that lead to it."""
    if not isinstance(part, Mapping):
        return
    for also in [_resolve(schema, part["$ref"])] if "$ref" in part else part.get("anyOf", []):
        yield from _parts(schema, also, value, keys)
    yield keys, part, value
    if isinstance(value, Mapping):
        others = part.get("additionalProperties")
        for key, one in value.items():
            yield from _parts(schema, part.get("properties", {}).get(key, others), one, (*keys, key))
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _parts(schema, part.get("items", {}), one, (*keys, at))


def _word(error: Any, schema: Mapping[str, Any], at: str, place: Place | None) -> Iterable[Finding]:
    keys = list(error.instance_path)
    kind = _kind(error)
    facts = error.kind.as_dict()
    parent = _sub_schema(schema, list(error.schema_path)[:-1])

    def finding(code: str, args: Mapping[str, Any], extra: tuple[Any, ...] = ()) -> Finding:
        file, line = place(*keys, *extra) if place else (None, None)
        return Finding(code, args, path=join(at, [*keys, *extra]), file=file, line=line)

    if kind == "AdditionalProperties" or kind == "UnevaluatedProperties":
        known = sorted(parent.get("properties", {}))
        for key in facts["unexpected"]:
            got = show(error.instance.get(key) if isinstance(error.instance, Mapping) else None)
            yield finding("SL-CFG-02", {"key": key, "got": got, "known": known, **hint(key, known)}, (key,))
    elif kind == "Required":
        yield finding("SL-CFG-04", {"key": facts["property"], "known": parent.get("required", [])})
    elif kind == "Type":
        types = [facts["types"]] if isinstance(facts["types"], str) else list(facts["types"])
        allowed = {"en": _types(types, _TYPE_EN, " or "), "zh": _types(types, _TYPE_ZH, "或")}
        args = {"got": show(error.instance), "got_type": type_name(error.instance), "allowed": allowed, **_remedy(parent)}
        yield finding("SL-CFG-01", args)
    elif kind == "PropertyNames":
        key = facts["error"].instance
        among = _allowed(parent, _kind(facts["error"]), facts["error"].message)
        yield finding("SL-CFG-03", {"got": show(key), "allowed": among, **_remedy({})}, (key,))
    else:
        args = {"got": show(error.instance), "allowed": _allowed(parent, kind, error.message), **_remedy(parent)}
        yield finding("SL-CFG-03", args)


def _kind(error: Any) -> str:
    return type(error.kind).__name__.rpartition("_")[2]


def _sub_schema(schema: Mapping[str, Any], path: list[Any]) -> Mapping[str, Any]:
    node: Any = schema
    for key in path:
        while isinstance(node, Mapping) and "$ref" in node and key not in node:
            node = _resolve(schema, node["$ref"])
        if isinstance(node, Mapping) and key == "$ref":
            node = _resolve(schema, node["$ref"])
        elif isinstance(node, (Mapping, list)):
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                return {}
    return node if isinstance(node, Mapping) else {}


def _resolve(schema: Mapping[str, Any], reference: str) -> Any:
    node: Any = schema
    for key in reference.removeprefix("#/").split("/"):
        node = node.get(key, {})
    return node


def _types(types: list[str], words: Mapping[str, str], between: str) -> str:
    return between.join(words.get(name, name) for name in types)


def type_name(value: Any) -> Mapping[str, str]:
    """What a value is, in both languages."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object", type(None): "null"}
    name = names.get(type(value), "object")
    return {"en": _TYPE_EN[name], "zh": _TYPE_ZH[name]}


def show(value: Any, width: int = 60) -> str:
    """A value as it stands in a message: JSON, cut when long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= width else text[: width - 3] + "..."


def _allowed(schema: Mapping[str, Any], kind: str, message: str) -> Mapping[str, str]:
    unit = f" {schema['x-unit']}" if "x-unit" in schema else ""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if "enum" in schema or "const" in schema:
        values = ", ".join(show(value) for value in schema.get("enum", [schema.get("const")]))
        return {"en": f"one of {values}", "zh": f"{values} 之一"}
    if low is not None or high is not None:
        left = "" if low is None else f"{low}{' <' if 'exclusiveMinimum' in schema else ' <='} "
        right = "" if high is None else f" {'<' if 'exclusiveMaximum' in schema else '<='} {high}"
        span = f"{left}value{right}{unit}"
        return {"en": span, "zh": span.replace("value", "值")}
    sizes = {"MinItems": "minItems", "MaxItems": "maxItems", "MinLength": "minLength", "MaxLength": "maxLength"}
    if kind in sizes:
        limit = schema.get(sizes[kind])
        least = kind.startswith("Min")
        return {"en": f"{'at least' if least else 'at most'} {limit} long", "zh": f"长度{'至少' if least else '至多'} {limit}"}
    if kind == "Pattern":
        return {"en": f"text like {schema.get('pattern')}", "zh": f"形如 {schema.get('pattern')} 的文本"}
    return {"en": message, "zh": message}


def span(schema: Mapping[str, Any]) -> str:
    """The range of a number as it is written, `1 … 200`, `> 0`, empty where there is none."""
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    left = f"> {over}" if over is not None else f"≥ {low}" if low is not None else ""
    right = f"< {under}" if under is not None else f"≤ {high}" if high is not None else ""
    return f"{low} … {high}" if low is not None and high is not None else ", ".join(filter(None, (left, right)))


def choice(schema: Mapping[str, Any]) -> str:
    """What a setting may be, as a table of settings says it: its values, else its range."""
    return ", ".join(map(str, schema["enum"])) if "enum" in schema else span(schema)


def _remedy(schema: Mapping[str, Any]) -> dict[str, str]:
    if "default" in schema:
        default = show(schema["default"])
        return {"remedy_en": f"Default: {default}.", "remedy_zh": f"默认值：{default}。"}
    return {"remedy_en": "", "remedy_zh": ""}


def join(at: str, keys: Iterable[str | int]) -> str:
    """The place of a part in a text: `solutions.a.config.lines[0].camera`."""
    text = at
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else (f".{key}" if text else str(key))
    return text
