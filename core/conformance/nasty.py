"""Nasty data that a JSON Schema allows, made from the schema and one datum that fits it; always the same for the same two.

One thing is wrong with each, and its words say what: `Nasty.en`, `Nasty.zh`. What the schema does not allow is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.kernel import schemas

MANY, LONG = 10_000, 10_000
MOST_BYTES = 1 << 20  # of one event: what a store would carry on
LARGEST = 2**53 - 1  # RFC 7493: the largest whole number that every reader of JSON keeps
Keys = tuple[str | int, ...]
TEXTS: tuple[tuple[str, str, str], ...] = (
    ("", "empty text", "空文本"),
    ("x" * LONG, f"{LONG:,} characters", f"{LONG:,} 个字符"),
    ("é\u202e🛒\u0000\u2028零", "odd Unicode", "特殊 Unicode 字符"),
    ("__proto__", "__proto__", "__proto__"),
    ("../../etc/passwd", "a path upwards", "上级路径"),
    ("a|b:c,d;e.f/g", "separators", "分隔符"),
    ("-1", "a negative number as text", "文本形式的负数"),
    ("1e999", "a number out of range as text", "文本形式的超大数"),
    ("2026-02-30", "a day that there is not, as text", "不存在的日期文本"),
    ("{0.__class__} %s %(x)s ${y}", "format marks", "格式占位符"),
    ("unknown_kind", "a word that nobody knows", "未知词语"),
)
NUMBERS: tuple[tuple[float, str, str], ...] = (
    (0, "zero", "零"),
    (-1, "a negative number", "负数"),
    (LARGEST, "the largest number", "最大数"),
    (-LARGEST, "the smallest number", "最小数"),
    (0.1, "a fraction", "小数"),
    (1e-9, "next to nothing", "极小的数"),
)
TIMES: tuple[tuple[str, str, str], ...] = (
    ("1970-01-01T00:00:00Z", "a time long past", "久远的时间"),
    ("2199-12-31T23:59:59Z", "a time far in the future", "遥远未来的时间"),
    ("2026-03-02T10:00:00+14:00", "a time of another zone", "其他时区的时间"),
    ("2026-03-02T10:00:00.123456789Z", "a time in nanoseconds", "纳秒精度的时间"),
)


@dataclass(frozen=True)
class Nasty:
    """A datum with one thing nasty about it."""

    en: str
    zh: str
    data: dict[str, Any]


def nasty(file: Path, datum: Mapping[str, Any]) -> Iterator[Nasty]:
    """Variations of a datum that its schema file allows and a store would carry, each once."""
    seen = {orjson.dumps(datum, option=orjson.OPT_SORT_KEYS)}
    for keys, en, zh, value in _varied(schemas.load(file), dict(datum), ()):
        data = _with(datum, keys, value)
        body = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        if len(body) <= MOST_BYTES and body not in seen and schemas.first_error(file, data) is None:
            seen.add(body)
            place = schemas.join("", keys)
            yield Nasty(f"{en} in '{place}'" if place else en, f"“{place}”为{zh}" if place else zh, data)


DATES: tuple[tuple[str, str, str], ...] = (
    ("1900-01-01", "a day long past", "久远的日期"),
    ("2199-12-31", "a day far in the future", "遥远未来的日期"),
    ("2028-02-29", "a leap day", "闰日"),
)
GONE = object()
Change = tuple[Keys, str, str, Any]


def _with(datum: Any, keys: Keys, value: Any) -> Any:
    """A copy of the datum with the part at these keys replaced, or taken out where the value is GONE."""
    if not keys:
        return copy.deepcopy(value)
    made = list(datum) if isinstance(datum, list) else dict(datum)
    key: Any = keys[0]
    if len(keys) == 1 and value is GONE:
        del made[key]
    else:
        made[key] = _with(made[key] if keys[1:] else None, keys[1:], value)
    return made


def _varied(schema: Mapping[str, Any], value: Any, keys: Keys) -> Iterator[Change]:
    if "null" in _types(schema) and value is not None:
        yield keys, "nothing", "空值", None
    if isinstance(value, dict):
        yield from _object(schema, value, keys)
    elif isinstance(value, list):
        yield from _array(schema, value, keys)
    else:
        yield from ((keys, en, zh, other) for other, en, zh in _plain(schema, value))


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _plain(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[Any, str, str]]:
    kinds = _types(schema) or [_type_of(value)]
    for choice in schema.get("enum", ()):
        yield choice, f"{choice!r}", f"“{choice}”"
    if "enum" in schema:
        return
    if "string" in kinds:
        yield from {"date-time": TIMES, "date": DATES}.get(schema.get("format", ""), TEXTS)
    if "boolean" in kinds:
        yield True, "true", "true"
        yield False, "false", "false"
    if "integer" in kinds or "number" in kinds:
        for bound in ("minimum", "maximum"):
            if bound in schema:
                yield schema[bound], f"its {bound}", "取值边界"
        yield from NUMBERS


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return names.get(type(value), "string")


def _object(schema: Mapping[str, Any], value: dict[str, Any], keys: Keys) -> Iterator[Change]:
    parts: Mapping[str, Any] = schema.get("properties", {})
    required = schema.get("required", ())
    if parts:
        yield keys, "only what is required", "仅含必填字段", {key: value[key] for key in required if key in value}
        yield (*keys, "x_unknown"), "an unknown field", "未知字段", {"deep": [[None, {"": []}]]}
    else:
        yield keys, "an empty table", "空表", {}
        yield (*keys, "__proto__"), "an odd key", "特殊键名", {"": None}
    for key, item in value.items():
        if key not in required and parts:
            yield (*keys, key), "nothing at all", "缺失", GONE
        yield from _varied(parts.get(key, {}), item, (*keys, key))
    for key in parts.keys() - value.keys():
        fitting = example(parts[key])
        yield (*keys, key), "a first value", "新值", fitting
        for inner, en, zh, other in _varied(parts[key], fitting, ()):
            yield (*keys, key), en, zh, _with(fitting, inner, other)


def _array(schema: Mapping[str, Any], value: list[Any], keys: Keys) -> Iterator[Change]:
    items = schema.get("items", {})
    first = value[0] if value else example(items)
    yield keys, "an empty list", "空列表", []
    yield keys, "the same twice", "重复的元素", [first, first]
    size = len(orjson.dumps(first)) + 1
    many = min(schema.get("maxItems", MANY), MANY, (MOST_BYTES - 4096) // size)
    yield keys, "as many as an event can hold", "达到上限的元素", [first] * many
    if value:
        yield from _varied(items, first, (*keys, 0))


def example(schema: Mapping[str, Any]) -> Any:
    """A value that fits a schema, with all the fields that it names."""
    if "enum" in schema:
        return schema["enum"][0]
    if "examples" in schema:
        return schema["examples"][0]
    kind = next(iter(_types(schema)), "object" if "properties" in schema else "string")
    if kind == "object":
        return {key: example(part) for key, part in schema.get("properties", {}).items()}
    if kind == "array":
        places = schema.get("prefixItems") or [schema.get("items", {})] * max(1, schema.get("minItems", 1))
        return [example(place) for place in places]
    if kind == "string":
        return {"date-time": "2026-03-02T10:00:00Z", "date": "2026-03-02"}.get(schema.get("format", ""), "a")
    if kind == "boolean":
        return True
    least = schema.get("minimum", 1)
    return int(least) if kind == "integer" else least
