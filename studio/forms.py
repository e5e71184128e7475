"""Forms from JSON Schemas on Streamlit's own widgets.

One widget a property: switches, numbers, text, choices; lists by line; maps and lists of plain records as tables; nested records as
framed forms; places in a picture drawn on it; anything else as JSON. The form does not judge values: what a widget lets through is the
kernel's to check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.studio.common import heading_of, language, say
from storeloom.studio.pictures import Camera
from storeloom.studio.regions import is_region, region_field

Schema = Mapping[str, Any]
Below = Callable[[str], None]
SCALARS = ("string", "integer", "number", "boolean")


def config_form(schema: Schema, value: Mapping[str, Any], key: str, below: Below, cameras: Sequence[Camera] = ()) -> dict[str, Any]:
    """Draw a form and return what it says.

    `key` is unique on the page; `below(name)` draws what belongs under a property; `cameras` are those whose pictures may be drawn on.
    """
    said = {}
    for name, facts in schema.get("properties", {}).items():
        got = _field(name, _resolved(facts, schema), value.get(name), f"{key}/{name}", schema, cameras)
        below(name)
        if got is not None:
            said[name] = got
    unknown = {name: one for name, one in value.items() if name not in schema.get("properties", {})}
    for name, one in unknown.items():
        st.markdown(f"`{name}` = `{json.dumps(one, ensure_ascii=False)}`")
        below(name)
        if not st.button(say("remove"), key=f"{key}/{name}/remove"):
            said[name] = one
    return said


def _resolved(facts: Schema, schema: Schema) -> dict[str, Any]:
    """A property with its reference and its `or null` followed; its own words win over those of what it refers to."""
    options = [one for one in facts.get("anyOf", ()) if one.get("type") != "null"]
    target = options[0] if len(options) == 1 else {}
    merged = {**target, **{name: one for name, one in facts.items() if name != "anyOf" or not target}}
    if "$ref" in merged:
        name = str(merged.pop("$ref")).rpartition("/")[2]
        return {**_resolved(schema["$defs"][name], schema), **merged}
    return merged


def _field(name: str, facts: Schema, value: Any, key: str, schema: Schema, cameras: Sequence[Camera]) -> Any:
    """One property's widget; the value that came in is returned as it is where the widget still shows it."""
    label = _label(name, facts)
    kind = facts.get("type")
    if kind == "object" and facts.get("properties"):
        return _record(label, facts, value, key, schema, cameras)
    if is_region(facts, value):
        items = _resolved(facts.get("items") or {}, schema)
        items = {**items, "properties": {part: _resolved(one, schema) for part, one in items.get("properties", {}).items()}}
        drawn = region_field(label, facts, items, value, key, _help(facts) or None, cameras)
        got = None if value is None and not drawn else drawn
    else:
        got = _widget(label, facts, value, key, schema)
    same = isinstance(got, bool) == isinstance(value, bool) and got == value
    return value if same else got


def _label(name: str, facts: Schema) -> str:
    unit = f" ({facts['x-unit']})" if facts.get("x-unit") else ""
    return f"{heading_of(facts, name)}{unit}"


def _help(facts: Schema) -> str:
    """Explanation, range and when a change counts."""
    words = facts.get("x-help-zh" if language() == "zh" else "description", "")
    low, high = facts.get("minimum"), facts.get("maximum")
    span = (
        f"{say('allowed')}{say('colon')}{'' if low is None else low} … {'' if high is None else high}"
        if (low, high) != (None, None)
        else ""
    )
    effect = say(f"effect_{facts['x-effect']}") if "x-effect" in facts else ""
    return "  \n".join(part for part in (words, span, effect) if part)


def _widget(label: str, facts: Schema, value: Any, key: str, schema: Schema) -> Any:
    kind, note = facts.get("type"), _help(facts) or None
    if "enum" in facts:
        options = list(facts["enum"])
        if value not in options:
            options.append(value)
        return st.selectbox(label, options, index=options.index(value), key=key, help=note)
    if kind == "boolean" and isinstance(value, bool):
        return st.toggle(label, value=value, key=key, help=note)
    if kind == "integer" and isinstance(value, int | None) and not isinstance(value, bool):
        return st.number_input(label, value=value, step=1, key=key, help=note)
    if kind in ("integer", "number") and isinstance(value, int | float | None) and not isinstance(value, bool):
        return st.number_input(
            label, value=None if value is None else float(value), step=_step(facts, value), format="%g", key=key, help=note
        )
    if kind == "string" and isinstance(value, str | None):
        return st.text_input(label, value=value, key=key, help=note)
    if kind == "array" and isinstance(value, list | None):
        items = _resolved(facts.get("items") or {}, schema)
        if items.get("type") in SCALARS and all(not isinstance(one, (dict, list)) for one in value or ()):
            return _lines(label, items, value, key, note)
        if _flat(items, value or []):
            return _rows(label, items, value or [], key)
    extra = facts.get("additionalProperties")
    if kind == "object" and isinstance(extra, Mapping) and extra.get("type") in SCALARS and isinstance(value, dict):
        return _pairs(label, value, key)
    return _json(label, value, key, note)


def _step(facts: Schema, value: float | None) -> float:
    """A step that moves the value in its own order of size."""
    span = facts.get("maximum", value or 1) - facts.get("minimum", 0)
    return 1.0 if abs(span) >= 50 else 0.1 if abs(span) > 2 else 0.01


def _record(label: str, facts: Schema, value: Any, key: str, schema: Schema, cameras: Sequence[Camera]) -> dict[str, Any]:
    with st.container(border=True):
        st.markdown(f"**{label}**", help=_help(facts) or None)
        properties = {name: _resolved(one, schema) for name, one in facts["properties"].items()}
        filled = {name: one["default"] for name, one in properties.items() if "default" in one} | dict(value or {})
        got = {name: _field(name, one, filled.get(name), f"{key}/{name}", schema, cameras) for name, one in properties.items()}
    said = {name: one for name, one in got.items() if one is not None}
    return dict(value) if value is not None and said == filled else said


def _lines(label: str, items: Schema, value: list[Any] | None, key: str, note: str | None) -> list[Any]:
    """A list of plain values, one a line."""
    text = st.text_area(f"{label} · {say('one_per_line')}", "\n".join(map(_shown, value or ())), key=key, help=note, height=100)
    return [_read(line.strip(), str(items["type"])) for line in text.splitlines() if line.strip()]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(text: str, kind: str) -> Any:
    """A line as the kind of value that is wanted, as text where it is none: the kernel then says what is wrong."""
    if kind == "string":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float)) else text


def _flat(items: Schema, value: list[Any]) -> bool:
    plain = all(one.get("type") in SCALARS for one in items.get("properties", {}).values())
    return bool(items.get("properties")) and plain and all(isinstance(row, dict) for row in value)


def _rows(label: str, items: Schema, value: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """A list of plain records as a table."""
    import pandas

    st.markdown(label)
    names = list(items["properties"])
    frame = pandas.DataFrame(value, columns=names, dtype=object)
    headings = {name: heading_of(facts, name) for name, facts in items["properties"].items()}
    edited = st.data_editor(frame, num_rows="dynamic", key=key, hide_index=True, column_config=headings)
    rows = [{name: row[name] for name in names if not pandas.isna(row[name])} for row in edited.to_dict("records")]
    return [row for row in rows if row]


def _pairs(label: str, value: dict[str, Any], key: str) -> dict[str, Any]:
    """A map of plain values as a table of two columns."""
    import pandas

    st.markdown(label)
    frame = pandas.DataFrame({"key": pandas.Series(list(value), dtype=str), "value": pandas.Series(list(value.values()))})
    headings = {"key": say("key"), "value": say("value")}
    edited = st.data_editor(frame, num_rows="dynamic", key=key, hide_index=True, column_config=headings)
    rows = edited.to_dict("records")
    return {str(row["key"]): row["value"] for row in rows if not pandas.isna(row["key"]) and not pandas.isna(row["value"])}


def _json(label: str, value: Any, key: str, note: str | None) -> Any:
    text = st.text_area(f"{label} · {say('json')}", json.dumps(value, ensure_ascii=False, indent=1), key=key, help=note)
    try:
        return json.loads(text)
    except ValueError as error:
        st.error(say("bad_json", reason=str(error)))
        return value
