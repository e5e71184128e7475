"""Other values that a config key may take: what its JSON Schema allows, the likeliest to matter first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def perturbed(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[Any]:
    """Values other than `value` for a key of this schema, each once; `whole` is the config's schema, for its definitions.

    Some may be refused all the same: by a pattern, or by a check across fields.
    """
    seen = {json.dumps(value)}
    for candidate in _candidates(schema, value, whole):
        text = json.dumps(candidate)
        if text not in seen:
            seen.add(text)
            yield candidate


def _candidates(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[Any]:
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    if "default" in schema:
        yield schema["default"]
    yield from schema.get("enum", ())
    for option in schema.get("anyOf", ()):
        yield from _candidates(option, value, whole)
    kind = schema.get("type")
    if kind == "null":
        yield None
    elif kind == "boolean":
        yield not value
    elif kind in ("integer", "number"):
        yield from _numbers(schema, value, kind == "integer")
    elif kind == "string":
        yield from _texts(schema, value)
    elif kind == "array":
        yield from _lists(schema, value, whole)
    elif kind == "object":
        yield from _maps(schema, value, whole)


def _numbers(schema: Mapping[str, Any], value: Any, whole_number: bool) -> Iterator[float]:
    base = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    inside = (low or 0) if low is not None else None
    for number in (low, high, base * 2, base / 2, base + 1, base - 1, base * 10, None if inside is None else inside + 1, 0, 1, -1):
        if number is None or (low is not None and number < low) or (high is not None and number > high):
            continue
        yield int(number) if whole_number else float(number)


def _texts(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    text = value if isinstance(value, str) else ""
    pattern = schema.get("pattern", "")
    yield from (text + "x", text[:-1], "", "x")
    if ":" in text or ":" in pattern or schema.get("x-widget") == "time" or text.startswith(("open", "close")):
        yield from ("00:00", "05:00", "12:00", "18:30", "23:30", "06:00-12:00", "00:00-24:00", "open", "close", "open+2h", "close-2h")
    yield from (text.upper(), text.swapcase(), "A", "en", "zh", "USD", "1")


def _lists(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[list[Any]]:
    items = list(value or [])
    yield []
    yield items[:-1]
    yield items[1:]
    yield items[::-1]
    inner = schema.get("items", {})
    for place, item in enumerate(items):
        for other in _candidates(inner, item, whole):
            yield [*items[:place], other, *items[place + 1 :]]
    for other in _candidates(inner, items[0] if items else None, whole):
        yield [*items, other]


def _maps(schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    entries = dict(value) if isinstance(value, Mapping) else {}
    yield {}
    parts = schema.get("properties", {})
    for key, item in entries.items():
        yield {name: other for name, other in entries.items() if name != key}
        inner = parts.get(key, schema.get("additionalProperties", {}))
        for other in _candidates(inner if isinstance(inner, Mapping) else {}, item, whole):
            yield {**entries, key: other}
    for key in parts.keys() - entries.keys():
        for other in _candidates(parts[key], None, whole):
            yield {**entries, key: other}
