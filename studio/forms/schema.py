"""A JSON Schema (draft 2020-12) as a form reads it: references followed, `or null` taken out, alternatives kept apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Schema = Mapping[str, Any]
ALTERNATIVES = ("anyOf", "oneOf")
SHOWN = frozenset(
    {"$schema", "$id", "$defs", "$ref", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly"}
    | {"type", "enum", "const", "format", "pattern", "minLength", "maxLength", "anyOf", "oneOf"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}
    | {"properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"}
)
_FAR = 20


@dataclass(frozen=True)
class Settled:
    """A schema ready to be shown: `facts` without references, whether null is allowed, and the alternatives where there are several."""

    facts: Schema
    nullable: bool = False
    branches: tuple[Schema, ...] = ()

    @property
    def unshown(self) -> tuple[str, ...]:
        """The keywords that no widget can show; `x-` keywords are hints and never among them."""
        return tuple(sorted(word for word in self.facts if word not in SHOWN and not word.startswith("x-")))


def settle(schema: Any, root: Schema) -> Settled:
    """Follow references and single alternatives; a property's own words win over those of what it refers to."""
    if not isinstance(schema, Mapping):
        return Settled({} if schema is True else {"not": {}})
    facts, nullable = dict(schema), False
    for _ in range(_FAR):
        if "$ref" in facts:
            target = _referred(str(facts["$ref"]), root)
            if target is None:
                return Settled({**facts, str(facts["$ref"]): None})
            facts = {**target, **_without(facts, "$ref")}
            continue
        if len(facts.get("allOf", ())) == 1 and isinstance(facts["allOf"][0], Mapping):
            facts = {**facts["allOf"][0], **_without(facts, "allOf")}
            continue
        word = next((word for word in ALTERNATIVES if word in facts), None)
        if word is None:
            return _by_type(facts, nullable)
        options = [settle(one, root).facts for one in facts[word]]
        real = [one for one in options if one.get("type") != "null"]
        nullable = nullable or len(real) < len(options)
        if len(real) == 1:
            facts = {**real[0], **_without(facts, word)}
            continue
        if real and all("const" in one for one in real):
            return Settled({**_without(facts, word), "enum": [one["const"] for one in real], "x-options": real}, nullable)
        return Settled(_without(facts, word), nullable, tuple(real))
    return Settled({**facts, "$ref": None, "recursion": None}, nullable)


def _by_type(facts: dict[str, Any], nullable: bool) -> Settled:
    """A list of types is alternatives; null among them is taken out."""
    types = facts.get("type")
    if not isinstance(types, list):
        return Settled(facts, nullable)
    real = [one for one in types if one != "null"]
    nullable = nullable or "null" in types
    if len(real) == 1:
        return Settled({**facts, "type": real[0]}, nullable)
    return Settled(facts, nullable, tuple({**facts, "type": one} for one in real))


def _referred(reference: str, root: Schema) -> Schema | None:
    node: Any = root
    if not reference.startswith("#"):
        return None
    for key in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        node = node.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def _without(facts: Mapping[str, Any], word: str) -> dict[str, Any]:
    return {name: one for name, one in facts.items() if name != word}


def blank(schema: Any, root: Schema, depth: int = 0) -> Any:
    """The plainest value that a new row, record or alternative begins with: defaults where there are some, else the least that fits."""
    settled = settle(schema, root)
    facts = settled.facts
    for word in ("default", "const"):
        if word in facts and (facts[word] is not None or settled.nullable):
            return deepcopy(facts[word])
    if facts.get("enum"):
        return facts["enum"][0]
    if settled.branches:
        return blank(settled.branches[0], root, depth)
    kind = facts.get("type")
    if kind == "object" or "properties" in facts:
        needed = facts.get("required", ()) if depth < _FAR else ()
        return {name: blank(facts.get("properties", {}).get(name, True), root, depth + 1) for name in needed}
    if kind == "array":
        first = [blank(one, root, depth + 1) for one in facts.get("prefixItems", ())]
        more = facts.get("minItems", 0) - len(first)
        return first + [blank(facts.get("items", True), root, depth + 1) for _ in range(more if depth < _FAR else 0)]
    if kind in ("integer", "number"):
        return _least(facts, kind)
    return {"boolean": False, "string": ""}.get(str(kind))


def _least(facts: Schema, kind: str) -> int | float:
    """Nought where it is allowed, else the bound next to it."""
    step = 1 if kind == "integer" else 0.5
    low = facts.get("minimum", facts["exclusiveMinimum"] + step if "exclusiveMinimum" in facts else None)
    high = facts.get("maximum", facts["exclusiveMaximum"] - step if "exclusiveMaximum" in facts else None)
    if low is not None and low > 0:
        return low if high is None or low <= high else high  # type: ignore[no-any-return]
    return high if high is not None and high < 0 else 0


def fits_schema(schema: Schema, root: Schema, value: Any) -> bool:
    """Whether a value fits a part of a schema."""
    whole = {**schema, "$defs": root.get("$defs", {})}
    return bool(_compiled(json.dumps(whole, sort_keys=True)).is_valid(value))


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(json.loads(text), validate_formats=True)
