"""JSON Schemas told in words: what a value may be, and every field of a schema, nested ones by their place (`lines[].gtin`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.pages.page import Page

DEEPEST = 6
MOST_DEFAULT = 80
UNITS = {
    **{"s": "s", "ms": "ms", "min": "min", "h": "h", "hours": "h", "d": "d", "days": "d"},
    **{"g": "g", "kg": "kg", "mm": "mm", "m": "m", "m2": "m²", "l": "l"},
    **{"c": "°C", "k": "K", "pct": "%", "w": "W", "kw": "kW", "db": "dB", "dbm": "dBm", "kbps": "kbit/s", "mb": "MB"},
}
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A field: its place from the top, its schema, whether it must be there."""

    place: str
    schema: Schema
    required: bool


def parts(schema: Schema, whole: Schema | None = None) -> Iterator[Part]:
    """Every field of a schema with those inside it; `whole` holds what `$ref` points to."""
    return _parts(schema, schema if whole is None else whole, "", ())


def _parts(schema: Schema, whole: Schema, at: str, seen: tuple[str, ...]) -> Iterator[Part]:
    schema, seen = _resolved(schema, whole, seen)
    if len(seen) > DEEPEST or at.count(".") > DEEPEST:
        return
    required = schema.get("required", ())
    for key, found in schema.get("properties", {}).items():
        one = found if isinstance(found, Mapping) else {}
        place = f"{at}.{key}" if at else key
        yield Part(place, one, key in required)
        yield from _parts(one, whole, place, seen)
    if isinstance(schema.get("items"), Mapping):
        yield from _parts(schema["items"], whole, f"{at}[]", seen)
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from _parts(schema["additionalProperties"], whole, f"{at}.*" if at else "*", seen)
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        if isinstance(one, Mapping) and one.get("type") != "null":
            yield from _parts(one, whole, at, seen)


def _resolved(schema: Schema, whole: Schema, seen: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
    """A schema behind its reference; one that holds itself ends at its own name."""
    if not isinstance(schema, Mapping):  # `true`: anything
        return {}, seen
    while "$ref" in schema:
        name = str(schema["$ref"])
        if name in seen:
            return {}, seen
        seen = (*seen, name)
        found: Any = whole
        for key in name.removeprefix("#/").split("/"):
            found = found.get(key, {})
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema, seen


class Shapes(Page):
    """Schemas in one language's words; `whole` holds what `$ref` points to."""

    def __init__(self, lang: str, whole: Schema) -> None:
        super().__init__(lang)
        self.whole = whole

    def kind(self, schema: Schema) -> str:
        """A value's type in a few words: `list of text`, `whole number`."""
        schema, _ = _resolved(schema, self.whole, ())
        if schema.get("x-money"):
            return self.word("t_money")
        if schema.get("x-widget") == "secret":
            return self.word("t_secret")
        choices = [one for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())) if "type" in one or "$ref" in one or "const" in one]
        if choices:
            return self.word("or").join(dict.fromkeys(self.kind(one) for one in choices))
        if schema.get("type") == "string" and f"t_{schema.get('format')}" in ("t_date-time", "t_date", "t_time"):
            return self.word(f"t_{schema['format']}")
        if schema.get("type") == "array":
            return self.word("t_array", item=self.kind(schema.get("items") or {}))
        if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping) and not schema.get("properties"):
            return self.word("t_map", item=self.kind(schema["additionalProperties"]))
        kinds = schema.get("type", _kind_of(schema))
        if isinstance(kinds, list):
            return self.word("or").join(self.kind({**schema, "type": one}) for one in kinds)
        return self.word(f"t_{kinds}")

    def limits(self, schema: Schema) -> str:
        """What of its type a value may be: its values, its range, its length."""
        schema, _ = _resolved(schema, self.whole, ())
        found = []
        if "const" in schema:
            found.append(_code(schema["const"]))
        elif "enum" in schema:
            found.append(", ".join(_code(one) for one in schema["enum"]))
        elif schemas.span(schema):
            found.append(schemas.span(schema))
        for key, name in (("minLength", "long_least"), ("maxLength", "long_most"), ("minItems", "items_least"), ("maxItems", "items_most")):
            if key in schema:
                found.append(self.word(name, limit=schema[key]))
        if "pattern" in schema:
            found.append(self.word("like", pattern=schema["pattern"]))
        for one in schema.get("anyOf", ()):
            found.append(self.limits(one))
        if isinstance(schema.get("items"), Mapping) and "enum" in schema["items"]:
            found.append(self.limits(schema["items"]))
        return "; ".join(dict.fromkeys(part for part in found if part))

    def unit(self, place: str, schema: Schema) -> str:
        """The unit of a figure: as declared, else as the end of its name says; empty where it has none."""
        kinds = schema.get("type", "")
        if "x-unit" in schema or not {"integer", "number"} & set(kinds if isinstance(kinds, list) else [kinds]):
            return str(schema.get("x-unit", ""))
        name = place.rpartition(".")[2].removesuffix("[]")
        return "" if schema.get("x-money") else UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""

    def fields(self, schema: Schema) -> str:
        """A table of all fields of a schema, nested ones too."""
        return self.table(("field", "type", "needed", "note"), [self._row(part) for part in parts(schema, self.whole)])

    def _row(self, part: Part) -> tuple[str, ...]:
        one, _ = _resolved(part.schema, self.whole, ())
        examples = one.get("examples", ())
        notes = [self.titled(one), self.helped(one), self.limits(one)]
        notes += [self.word("for_example", values=", ".join(_code(value) for value in examples))] if examples else []
        unit = self.unit(part.place, one)
        notes += [self.word("unit_of", unit=unit)] if unit else []
        said = "。" if self.lang == "zh" else ". "
        note = said.join(dict.fromkeys(note.rstrip(".。") for note in notes if note))
        return f"`{part.place}`", self.kind(part.schema), self.word("yes" if part.required else "no"), note

    def settings(self, schema: Schema) -> str:
        """A table of a config's keys: what each is, its type and limits, default, when a change counts; rows within one by their place."""
        rows = []
        for part in parts(schema, self.whole):
            one, _ = _resolved(part.schema, self.whole, ())
            meaning = ". ".join(filter(None, (self.titled(one).rstrip("."), self.helped(one)))) if self.lang == "en" else ""
            meaning = meaning or "。".join(filter(None, (self.titled(one), self.helped(one))))
            kind = "; ".join(filter(None, (self.kind(part.schema), self.limits(part.schema))))
            default = self.word("required") if part.required else self._default(one)
            effect = self.word(f"effect_{one['x-effect']}") if "x-effect" in one else ""
            rows.append((f"`{part.place}`", meaning, kind, default, effect))
        return self.table(("setting", "meaning", "type", "default", "effect"), rows)

    def _default(self, schema: Schema) -> str:
        if "default" not in schema:
            return ""
        text = json.dumps(schema["default"], ensure_ascii=False)
        return f"`{text if len(text) <= MOST_DEFAULT else text[: MOST_DEFAULT - 1] + '…'}` {schema.get('x-unit', '')}".strip()


def _kind_of(schema: Schema) -> str:
    """The type of a schema that names none: that of its values."""
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    kinds = {names.get(type(value), "any") for value in values}
    if "properties" in schema:
        return "object"
    return kinds.pop() if len(kinds) == 1 else "any"


def _code(value: Any) -> str:
    return f"`{value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)}`"


def least(schema: Schema, whole: Schema | None = None) -> Any:
    """The least value that fits a schema, made of its constants, examples, defaults and types."""
    found, _ = _resolved(schema, schema if whole is None else whole, ())
    outer = schema if whole is None else whole
    for key in ("const", "default"):
        if key in found:
            return found[key]
    for key in ("examples", "enum"):
        if found.get(key):
            return found[key][0]
    kind = found.get("type", "object" if "properties" in found else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {key: least(found["properties"][key], outer) for key in found.get("required", ())}
    if kind == "array":
        return [least(found.get("items") or {}, outer)] * max(1, found.get("minItems", 1))
    if kind in ("integer", "number"):
        return max(found.get("minimum", 0), 0)
    texts = {"date-time": "2026-03-02T10:00:00Z", "date": "2026-03-02"}
    formats = [found.get("format"), *(one.get("format") for one in found.get("anyOf", ()))]
    return {"boolean": True, "null": None}.get(kind, next((texts[one] for one in formats if one in texts), "..."))
