"""Messages of a stream, made from its schema: what a new twin says and is told, until its maker knows better.

A sample has the required fields alone, and one that differs from message to message: the first of them that is a number, else the first
free text, else such a one of the optional fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from storeloom.core.kernel import schemas

TIME = "2026-03-02T10:00:00Z"
GTIN = "04006381333931"
TURNS = 1000
UNIT = "UNIT"  # the name of the constant of a twin that is its device's id


class Code(str):
    """Python that stands for a value in a rendered literal."""

    __slots__ = ()


def sample(stream: str, *, command: bool) -> dict[str, Any]:
    """The required fields of a stream; `Code` where a value is worked out from `number`.

    The first field of a command says what it is for, and so does that of a fact which is named after it (`scale.reading`): the device.
    """
    schema = schemas.load(schemas.stream_file(stream))
    facts = {name: schema["properties"][name] for name in schema["required"]}
    made = {name: _value(name, one) for name, one in facts.items()}
    first = schema["required"][0]
    own = command or (first == stream.partition(".")[0] and schema["x-group"] in ("devices", "building"))
    if own:
        made[first] = Code(UNIT)
    others = {name: one for name, one in {**facts, **schema["properties"]}.items() if not (own and name == first)}
    varied = _varied({name: one for name, one in others.items() if name in facts}) or _varied(others)
    if varied is not None:
        text = others[varied].get("type") == "string"
        made[varied] = Code(f'f"{varied}-{{number}}"') if text else Code(f"1 + number % {TURNS}")
    if command:
        made["cmd"] = Code('f"c{number}"')
    return made


def _varied(facts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The field that is to differ: it may have any of `TURNS` values."""
    free = {name: one for name, one in facts.items() if not {"enum", "examples", "pattern", "format", "const"} & one.keys()}
    for kinds in (("number", "integer"), ("string",)):
        for name, one in free.items():
            if one.get("type") in kinds and one.get("maximum", TURNS) >= TURNS and "gtin" not in name:
                return name
    return None


def _value(name: str, schema: Mapping[str, Any]) -> Any:
    """A value that a schema allows, plain and the same each time."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("examples"):
        return schema["examples"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "string":
        return TIME if schema.get("format") == "date-time" else GTIN if name == "gtin" else f"{name}-1"
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    if kind == "array":
        return [_value(name, schema.get("items", {}))] * max(1, schema.get("minItems", 1))
    inner = schema.get("properties", {})
    return {one: _value(one, inner[one]) for one in schema.get("required", ())}


def literal(value: Any, indent: int) -> str:
    """A value as Python, as a formatter leaves it: each part of what is not empty in a line of its own."""
    inside, end = " " * (indent + 4), " " * indent
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, Mapping) and value:
        lines = [f"{inside}{_text(name)}: {literal(one, indent + 4)}," for name, one in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        lines = [f"{inside}{literal(one, indent + 4)}," for one in value]
    else:
        return _text(value) if isinstance(value, str) else repr(value)
    ends = "{}" if isinstance(value, Mapping) else "[]"
    return "\n".join([ends[0], *lines, f"{end}{ends[1]}"])


def _text(value: str) -> str:
    """A string in double quotes, which JSON and Python write alike."""
    return json.dumps(value, ensure_ascii=False)
