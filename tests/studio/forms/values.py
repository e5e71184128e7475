"""Values for a schema: right ones, and odd ones that a file, a template or an older version may hold."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from hypothesis import strategies as st

from storeloom.studio.forms.schema import settle

WORDS = st.sampled_from(["", "x", "冷柜 1", " padded ", "two\nlines", "50%", "<b>&amp;", "$5 $6", "a" * 300, "0", "null", "true", "1e3"])
LOOSE = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
    | st.lists(WORDS, max_size=2) | st.dictionaries(WORDS, WORDS, max_size=2)
)  # fmt: skip


def right(schema: Any, root: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    settled = settle(schema, root)
    facts = settled.facts
    found = st.one_of(*(right(one, root) for one in settled.branches)) if settled.branches else _plain(facts, root)
    return st.none() | found if settled.nullable else found


def _plain(facts: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "const" in facts:
        return st.just(facts["const"])
    if "enum" in facts:
        return st.sampled_from(facts["enum"])
    kind = facts.get("type")
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "number"):
        return _number(facts, kind)
    if kind == "string":
        return _text(facts)
    if kind == "array":
        return _array(facts, root)
    if kind == "object" or "properties" in facts:
        return _table(facts, root)
    return LOOSE


def _number(facts: Mapping[str, Any], kind: str) -> st.SearchStrategy[Any]:
    over, under = facts.get("exclusiveMinimum"), facts.get("exclusiveMaximum")
    low, high = facts.get("minimum", over), facts.get("maximum", under)
    if kind == "integer":
        step = 1
        return st.integers(
            (low if over is None or low != over else low + step) if low is not None else -(10**6),
            (high if under is None or high != under else high - step) if high is not None else 10**6,
        )
    return st.floats(
        low if low is not None else -1e9,
        high if high is not None else 1e9,
        exclude_min=over is not None,
        exclude_max=under is not None,
        allow_nan=False,
    )


def _text(facts: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if facts.get("format") == "date":
        return st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(str)  # the years that a date may have
    if "pattern" in facts:
        if "minLength" in facts and "default" in facts:  # texts of a form that are as long as that too are too rare to be drawn
            return st.just(facts["default"])
        pattern = re.compile(facts["pattern"], re.ASCII)
        return st.from_regex(pattern, fullmatch=facts["pattern"].startswith("^")).filter(lambda text: "\n" not in text)
    low, high = facts.get("minLength", 0), facts.get("maxLength", 20)
    return st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=low, max_size=max(low, min(high, 20)))


def _array(facts: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "prefixItems" in facts:
        return st.tuples(*(right(one, root) for one in facts["prefixItems"])).map(list)
    low = facts.get("minItems", 0)
    unique = {"unique_by": repr} if facts.get("uniqueItems") else {}
    return st.lists(right(facts.get("items", True), root), min_size=low, max_size=max(low, min(3, facts.get("maxItems", 3))), **unique)


def _table(facts: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    properties, needed = facts.get("properties", {}), facts.get("required", ())
    known = st.fixed_dictionaries(
        {name: right(one, root) for name, one in properties.items() if name in needed},
        optional={name: right(one, root) for name, one in properties.items() if name not in needed},
    )
    extra = facts.get("additionalProperties")
    if properties or not isinstance(extra, Mapping):
        return known
    names = facts.get("propertyNames", {"type": "string", "minLength": 1})
    return st.dictionaries(right({"type": "string", **names}, root), right(extra, root), max_size=3)


def odd(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables in which some settings hold what they may and others anything, keys that nobody knows among them."""
    known = {name: right(one, schema) | LOOSE for name, one in schema.get("properties", {}).items()}
    return st.builds(
        lambda table, more: {**more, **table}, st.fixed_dictionaries({}, optional=known), st.dictionaries(WORDS, LOOSE, max_size=1)
    )
