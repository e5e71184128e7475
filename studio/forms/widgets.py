"""Streamlit's widget for each kind of plain setting. What it says goes on by `on_change`; what it shows was put under its key before.

That value is each widget's default, too: a browser that is asked for its widgets' values before it has taken in what a new one shows tells
its default, and an empty one would count as an edit that clears the setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.studio.common import language, say
from storeloom.studio.forms.model import Node, Option

CLOCK_STEP_S = 900
DAYS = (date(1900, 1, 1), date(2100, 12, 31))
HOLDERS = {"time": "HH:MM", "cron": "0 6 * * 1-5", "date-time": "2026-01-31T09:00:00+08:00"}


def entry(kind: str, label: str, node: Node, **common: Any) -> None:
    """A widget that a value is typed, set or switched in."""
    value: Any = st.session_state[common["key"]]
    if kind == "switch":
        st.toggle(label, value=bool(value), **common)
    elif kind == "integer":
        st.number_input(label, value=value, step=1, format="%d", **common)
    elif kind == "number":
        st.number_input(label, value=value, step=_step(node), format="%g", **common)
    elif kind == "date":
        st.date_input(label, value=value, min_value=DAYS[0], max_value=DAYS[1], format="YYYY-MM-DD", **common)
    elif kind == "time":
        st.time_input(label, value=value, step=CLOCK_STEP_S, **common)
    elif kind == "lines":
        st.text_area(f"{label} · {say('one_per_line')}", value=value, height=100, **common)
    elif kind == "code":
        st.text_area(label, value=value, height=110, **common)
    else:
        st.text_input(label, value=value, placeholder=_holder(node), **common)


def chooser(kind: str, label: str, options: Sequence[Option], lang: str, *, free: bool, **common: Any) -> None:
    """A widget that values are chosen in; a picker takes an id that it does not know too, a list of choices where it is `free`."""
    words = {schemas.show(one.value, 400): str(getattr(one, lang)) for one in options}

    def read(one: Any) -> str:
        return words.get(schemas.show(one, 400), str(one))

    values, now = [one.value for one in options], st.session_state[common["key"]]
    at = values.index(now) if now in values else None
    if kind == "choices":
        st.multiselect(label, values, now, format_func=read, accept_new_options=free, placeholder=say("choose"), **common)
    elif kind == "pick":
        st.selectbox(label, values, index=at, format_func=read, accept_new_options=True, placeholder=say("choose"), **common)
    else:
        st.selectbox(label, values, index=at, format_func=read, placeholder=say("choose"), **common)


def _holder(node: Node) -> str | None:
    widget = str(node.facts.get("x-widget"))
    return say("secret_name") if widget == "secret" else HOLDERS.get(widget) or HOLDERS.get(str(node.facts.get("format")))


def _step(node: Node) -> float:
    """A step that moves the value in its own order of size."""
    value = node.shown if isinstance(node.shown, (int, float)) else 1
    span = abs(node.facts.get("maximum", value or 1) - node.facts.get("minimum", 0))
    return 1.0 if span >= 50 else 0.1 if span > 2 else 0.01


def branch_words(facts: Mapping[str, Any]) -> str:
    """An alternative in a few words: its title, what it may be, or its kind of value."""
    title = facts.get("x-zh" if language() == "zh" else "title") or facts.get("title")
    if title:
        return str(title)
    if "const" in facts:
        return str(facts["const"])
    if "enum" in facts:
        return " / ".join(map(str, facts["enum"][:4]))
    word = {"array": "kind_array", "object": "kind_object", "boolean": "kind_boolean", "string": "kind_string"}.get(str(facts.get("type")))
    inner = facts.get("items")
    more = f" ({', '.join(map(str, inner['enum'][:3]))} …)" if isinstance(inner, Mapping) and "enum" in inner else ""
    more = f" ({inner['minimum']} … {inner['maximum']})" if isinstance(inner, Mapping) and {"minimum", "maximum"} <= set(inner) else more
    return say(word or "kind_number") + more
