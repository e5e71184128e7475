"""Whether what an old JSON Schema took is refused by a new one, and in words why: what `storeloom index` and `plugin check` call a break.

Schema containment is undecidable in general and costly even for JSON Schema's simple part (Habib et al., "Finding Data Compatibility Bugs
with JSON Subschema Checks", ISSTA 2021). Compared here, keyword by keyword, is what `config_schema` writes of pydantic's models: types,
keys, bounds, lengths, patterns, enumerations, items, maps, alternatives, and the definitions they refer to. Where two constraints cannot be
compared (another pattern, another `format`), the new one counts as narrower: a vendor must say that it takes what the old one took.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Words = dict[str, str]
Schema = Mapping[str, Any]

# keyword: whether a larger value is narrower, what it is called
_BOUNDS = {
    "minimum": (True, "minimum", "最小值"),
    "exclusiveMinimum": (True, "exclusive minimum", "下限（不含）"),
    "maximum": (False, "maximum", "最大值"),
    "exclusiveMaximum": (False, "exclusive maximum", "上限（不含）"),
    "minLength": (True, "shortest length", "最短长度"),
    "maxLength": (False, "longest length", "最大长度"),
    "minItems": (True, "least number of items", "最少项数"),
    "maxItems": (False, "largest number of items", "最多项数"),
    "minProperties": (True, "least number of keys", "最少键数"),
    "maxProperties": (False, "largest number of keys", "最多键数"),
}
_EXACT = {
    "pattern": ("pattern", "格式正则"),
    "format": ("format", "格式"),
    "multipleOf": ("step", "步长"),
    "uniqueItems": ("uniqueness", "唯一性"),
}
_OTHER = {
    "minimum": "exclusiveMinimum",
    "maximum": "exclusiveMaximum",
    "exclusiveMinimum": "minimum",
    "exclusiveMaximum": "maximum",
}


def narrowed(old: Schema, new: Schema) -> list[Words]:
    """How a schema refuses what the old one took, each in English and Chinese, in order of the English words; empty where it does not."""
    found = {words["en"]: words for words in _Comparison(old, new).of(old, new, "")}
    return [found[en] for en in sorted(found)]


class _Comparison:
    """Two whole documents, for their `$defs`, and the pairs of definitions that are being compared: a type may contain itself."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._open: set[tuple[str, str]] = set()

    def of(self, old: Any, new: Any, at: str) -> list[Words]:
        """All that narrows between two parts at the same place."""
        pair = (_reference(old), _reference(new))
        if all(pair):
            if pair in self._open:
                return []
            self._open.add(pair)
        try:
            olds, news = _alternatives(old, self._old), _alternatives(new, self._new)
            return [words for one in olds for words in self._least(one, news, at)]
        finally:
            self._open.discard(pair)

    def _least(self, old: Schema, news: list[Schema], at: str) -> list[Words]:
        """What narrows under the new alternative that narrows least; one of the same type is preferred, for its words say more."""
        tries = sorted((self._one(old, new, at) for new in news), key=lambda words: (len(words), words[0]["en"] if words else ""))
        same = [self._one(old, new, at) for new in news if new.get("type") == old.get("type")]
        return min(same, key=len) if tries and tries[0] and same else tries[0] if tries else [_type(old, {}, at)]

    def _one(self, old: Schema, new: Schema, at: str) -> list[Words]:
        """What narrows between two parts without alternatives."""
        if not _same_type(old, new):
            return [_type(old, new, at)]
        return [*_values(old, new, at), *_limits(old, new, at), *self._keys(old, new, at), *self._items(old, new, at)]

    def _keys(self, old: Schema, new: Schema, at: str) -> Iterator[Words]:
        olds, news = old.get("properties", {}), new.get("properties", {})
        closed = new.get("additionalProperties", True)
        for key, facts in olds.items():
            place = f"{at}.{key}".lstrip(".")
            if key in news:
                yield from self.of(facts, news[key], place)
            elif closed is False:
                yield _words(f"key '{place}' is gone", f"键“{place}”已移除")
            elif isinstance(closed, Mapping):
                yield from self.of(facts, closed, place)
        for key in new.get("required", ()):
            if key not in old.get("required", ()):
                place = f"{at}.{key}".lstrip(".")
                yield _words(f"key '{place}' is now required", f"键“{place}”变为必填")
        yield from self._maps(old, new, at)

    def _maps(self, old: Schema, new: Schema, at: str) -> Iterator[Words]:
        """Keys that no `properties` name: whether they are taken, their names, their values."""
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if old.get("type") != "object" or before is False:
            return
        if after is False:
            yield _words(f"'{at}' takes no other keys any more", f"“{at}”不再接受其他键")
        elif isinstance(after, Mapping):
            yield from self.of(before if isinstance(before, Mapping) else {}, after, f"{at}.*".lstrip("."))
        if new.get("propertyNames") is not None:
            names = {"type": "string", **(old.get("propertyNames") or {})}
            yield from self.of(names, {"type": "string", **new["propertyNames"]}, f"{at} keys")

    def _items(self, old: Schema, new: Schema, at: str) -> Iterator[Words]:
        if old.get("type") != "array":
            return
        olds, news = old.get("prefixItems", []), new.get("prefixItems", [])
        rest, most = old.get("items", {}), old.get("maxItems")
        for place in range(max(len(olds), len(news))):
            before = olds[place] if place < len(olds) else rest
            after = news[place] if place < len(news) else new.get("items", {})
            if before is not False and (most is None or place < most):
                yield from self.of(before, after, f"{at}[{place}]")
        if rest is not False and (most is None or most > len(olds)):
            yield from self.of(rest, new.get("items", {}), f"{at}[]")


def _values(old: Schema, new: Schema, at: str) -> Iterator[Words]:
    """Enumerations: a `const` is one of a single value."""
    allowed = _enumerated(new)
    if allowed is None:
        return
    before = _enumerated(old)
    gone = ["…"] if before is None else [text for text in before if text not in allowed]
    if gone:
        yield _words(f"'{at}' allows fewer values: {', '.join(gone)}", f"“{at}”允许的取值减少：{'、'.join(gone)}")


def _enumerated(schema: Schema) -> list[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else [json.dumps(one, ensure_ascii=False) for one in values]


def _limits(old: Schema, new: Schema, at: str) -> Iterator[Words]:
    if _enumerated(old) is not None:
        return  # its values are compared one by one
    for key, (lower, en, zh) in _BOUNDS.items():
        if key not in new or _holds_anyway(old, key, new[key]):
            continue
        if key not in old or (new[key] > old[key] if lower else new[key] < old[key]):
            before, after = old.get(key), new[key]
            yield _words(f"'{at}' has a narrower {en}: {before} -> {after}", f"“{at}”的{zh}收窄：{_none(before)} -> {after}")
    for key, (en, zh) in _EXACT.items():
        if new.get(key) and new[key] != old.get(key):
            before, after = old.get(key), new[key]
            yield _words(f"'{at}' has another {en}: {before} -> {after}", f"“{at}”的{zh}改变：{_none(before)} -> {after}")


def _none(value: Any) -> Any:
    return "无" if value is None else value


def _holds_anyway(old: Schema, key: str, bound: float) -> bool:
    """Whether what else the old one says keeps the bound: above 0 nothing lies below 0; no text is shorter than 0."""
    if key.startswith("min") and key != "minimum":
        return bound <= 0
    limit = old.get(_OTHER.get(key, ""))
    if limit is None:
        return False
    strict = key.startswith("exclusive")
    distance = limit - bound if key.endswith("inimum") else bound - limit
    return bool(distance > 0 if strict else distance >= 0)


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _alternatives(schema: Any, whole: Schema) -> list[Schema]:
    """The parts of which one must fit: `anyOf`, a list of types, what a reference leads to. `true` is the schema that takes all."""
    if not isinstance(schema, Mapping):
        return [{}] if schema is not False else []
    if "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _alternatives({**whole["$defs"][schema["$ref"].rpartition("/")[2]], **beside}, whole)
    options = schema.get("anyOf", schema.get("oneOf"))
    if options is not None:
        return [one for option in options for one in _alternatives(option, whole)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": one} for one in schema["type"]]
    return [schema]


def _kind(schema: Schema) -> str | None:
    """The type that a part names, or that its values have where it lists them; None where it takes any."""
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    kinds: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    told = {kinds.get(type(value)) for value in values}
    return schema.get("type") or (told.pop() if len(told) == 1 else None)


def _same_type(old: Schema, new: Schema) -> bool:
    before, after = _kind(old), new.get("type")
    return after is None or before == after or (before, after) == ("integer", "number")


def _type(old: Schema, new: Schema, at: str) -> Words:
    return _words(f"'{at}' changed its type from {_kind(old)} to {_kind(new)}", f"“{at}”的类型由 {_kind(old)} 变为 {_kind(new)}")


def _words(en: str, zh: str) -> Words:
    return {"en": en, "zh": zh}
