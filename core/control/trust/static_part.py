"""The static part of a vendor's wheel, what a catalogue is made of: the listing, the index, the schemas of configs, and the modules that a
release's lock holds the hashes of. None of it is run.

`storeloom index` writes it, but a wheel may hold anything: before anybody relies on it, it must have the form that the kernel counts on,
name no file outside of its package, and lead nowhere else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import jsonschema_rs
import orjson

from storeloom.core.kernel import schemas
from storeloom.core.kernel.capacity import INSTANCE
from storeloom.core.kernel.errors import Finding, TrustFault
from storeloom.core.kernel.index import DIALECT
from storeloom.core.kernel.registry import listed

LISTING, INDEX = "plugins.toml", "schemas/catalogue.json"
MOST_STATIC = 16 << 20  # bytes of all files of a static part
DEEPEST = 40  # parts of a schema within each other; those that `storeloom index` writes have up to ten
SAME_VALUE = ("anyOf", "oneOf", "allOf"), ("not", "if", "then", "else")  # parts that hold for the value itself, not for what is in it

_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}


def _form(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*properties], "properties": properties}


def _each(form: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": form}


_PLUGIN = dict.fromkeys(("en", "zh", "purpose_en", "purpose_zh", "version", "path", "schema", "schema_sha256"), _TEXT)
_LISTS = dict.fromkeys(("formats", "consumes", "produces", "adapters", "hooks"), _TEXTS)
_SOLUTION = _form(
    **_PLUGIN,
    **_LISTS,
    pillar=_TEXT,
    scenario=_TEXT,
    load={"enum": [*INSTANCE]},
    kpis=_each(_form(unit=_TEXT, en=_TEXT, zh=_TEXT)),
)
_SOLUTION["properties"]["number"] = {"type": ["integer", "null"]}
_ADAPTER = _form(**_PLUGIN, kind=_TEXT, feeds=_TEXTS, takes=_TEXTS)
_FORM = _form(solutions=_each(_SOLUTION), adapters=_each(_ADAPTER))
_FORM["properties"]["adapter_kinds"] = _each(_form(en=_TEXT, zh=_TEXT, feeds=_TEXTS, takes=_each(_TEXT)))


def static_files(filename: str, member: Callable[[str], bytes]) -> tuple[dict[str, bytes], dict[str, dict[str, Any]]]:
    """The files of a wheel's static part by their place in its package, and what the index says of each plugin that is listed, by group.

    `member` gives a file of the package. TrustFault (SL-TRU-21) with the first reason why they cannot be relied on.
    """
    files = {name: member(name) for name in (LISTING, INDEX)}
    listing, index = tomllib.loads(files[LISTING].decode("utf-8")), orjson.loads(files[INDEX])
    for finding in schemas.check(schemas.SCHEMAS / "plugins.json", listing):
        raise unreadable(filename, *(f"{LISTING}: {finding.path}: {finding.text(lang)}" for lang in ("en", "zh")))
    for error in jsonschema_rs.Draft202012Validator(_FORM).iter_errors(index):
        at = f"{INDEX}: {'.'.join(map(str, error.instance_path))}: {error.message}"[:500]
        raise unreadable(filename, at, at)
    found: dict[str, dict[str, Any]] = {"solutions": {}, "adapters": {}}
    for group, _section, plugin, settings in listed(listing):
        facts = index[group].get(plugin)
        if facts is None or facts["path"] != settings["path"]:
            raise unreadable(filename, f"'{plugin}' is listed, but not in its catalogue", f"“{plugin}”已列出但不在目录中")
        found[group][plugin] = facts
        for name in (facts["path"], facts["schema"]):
            files[name] = member(str(inside(filename, name)))
        _check_schema(filename, facts["schema"], files[facts["schema"]])
        if sum(map(len, files.values())) > MOST_STATIC:
            raise unreadable(filename, f"its catalogue has more than {MOST_STATIC >> 20} MiB", f"目录文件超过 {MOST_STATIC >> 20} MiB")
    if not found["solutions"] and not found["adapters"]:
        raise unreadable(filename, "it lists no solution and no adapter", "未列出任何方案或适配器")
    return files, found


def inside(filename: str, name: str) -> PurePosixPath:
    """The place of a file within a wheel. TrustFault where its name leads out of it."""
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name or "\0" in name or not place.parts:
        raise unreadable(filename, f"{name} lies outside of its folder", f"{name} 位于其目录之外")
    return place


def unreadable(filename: str, en: str, zh: str) -> TrustFault:
    """That a wheel cannot be read, and why."""
    return TrustFault(Finding("SL-TRU-21", {"file": filename, "reason": {"en": en, "zh": zh}}))


def _check_schema(filename: str, name: str, data: bytes) -> None:
    """A config's schema is one, fetches nothing, and is nowhere its own beginning."""
    schema = orjson.loads(data)
    if not isinstance(schema, dict) or schema.get("type") != "object" or schema.get("$schema", DIALECT) != DIALECT:
        raise unreadable(filename, f"{name} is no schema of a config", f"{name} 不是配置模式")
    definitions = schema.get("$defs", {})
    for part, depth in _parts(schema, 0):
        if depth > DEEPEST:
            raise unreadable(filename, f"{name} is deeper than {DEEPEST} parts", f"{name} 嵌套超过 {DEEPEST} 层")
        strange = [part[key] for key in ("$dynamicRef", "$recursiveRef") if key in part]
        strange += [part[key] for key in ("$id", "$schema") if depth and isinstance(part.get(key), str)]
        strange += [part["$ref"]] if isinstance(part.get("$ref"), str) and _named(part["$ref"]) not in definitions else []
        if strange:
            raise unreadable(filename, f"{name} leads to {strange[0]}", f"{name} 引用了 {strange[0]}")
    try:
        jsonschema_rs.Draft202012Validator(schema)
    except ValueError as error:
        raise unreadable(filename, f"{name}: {error}"[:500], f"{name}：{error}"[:500]) from error
    facts = schema.get("properties", {}).values()
    if any(not isinstance(one, dict) or one.get("x-effect", "live") not in ("live", "reload", "restart") for one in facts):
        raise unreadable(filename, f"{name} has a key without a form", f"{name} 中有键缺少定义")
    ways = {one: set(_same_value(part)) for one, part in definitions.items()}
    if any(one in _reached(one, ways) for one in ways):
        raise unreadable(filename, f"{name} has a definition that begins with itself", f"{name} 中有定义循环引用自身")


def _parts(value: Any, depth: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Every table in a schema and how deep it lies; none below the first that is too deep."""
    if isinstance(value, dict):
        yield value, depth
    if isinstance(value, (dict, list)) and depth <= DEEPEST:
        for one in value.values() if isinstance(value, dict) else value:
            yield from _parts(one, depth + 1)


def _named(ref: str) -> str | None:
    """The definition that a reference names, None for another reference."""
    head, _, name = ref.rpartition("/")
    return name if head == "#/$defs" else None


def _same_value(part: Any) -> Iterator[str]:
    """The definitions that a part of a schema holds a value itself to."""
    if not isinstance(part, dict):
        return
    if "$ref" in part:
        yield str(_named(part["$ref"]))
    for key in SAME_VALUE[0]:
        for one in part.get(key, ()):
            yield from _same_value(one)
    for key in SAME_VALUE[1]:
        yield from _same_value(part.get(key))


def _reached(start: str, ways: Mapping[str, set[str]]) -> set[str]:
    """All that is reached from a definition."""
    found: set[str] = set()
    ahead = set(ways[start])
    while ahead:
        found |= ahead
        ahead = {one for name in ahead for one in ways.get(name, ())} - found
    return found
