"""Which control shows a value, and how a value goes into a control and comes back. No Streamlit here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, time
from typing import Any

from storeloom.core.kernel.overlay import same
from storeloom.studio.components.region_editor.geometry import FORMS, fits
from storeloom.studio.forms.schema import Schema, Settled, settle


class _Missing:
    """No value: the key is not there."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
PICKED = ("device", "product", "zone", "staff", "table")
SIMPLE = frozenset(["text", "secret", "pick", "date", "time", "integer", "number", "switch", "choice", "const"])
NESTED = frozenset(["record", "tuple", "list", "map", "union"])
_SCALARS = ("string", "integer", "number", "boolean")
_LARGEST = 2**53 - 1
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def kind_of(settled: Settled, root: Schema, value: Any) -> tuple[str, str]:
    """The control for a value (MISSING where there is none), and why it is the JSON editor: `keywords`, `value` or empty."""
    kind = natural_kind(settled, root)
    if kind == "json":
        return kind, "keywords"
    if kind == "text" and isinstance(value, str) and "\n" in value:
        return "code", ""
    if kind == "choices" and not _fits(kind, settled, value):
        kind = "lines"
    if kind == "time" and not _fits(kind, settled, value):
        kind = "text"
    return (kind, "") if _fits(kind, settled, value) else ("json", "value")


def natural_kind(settled: Settled, root: Schema) -> str:
    """The control that a schema asks for, whatever the value."""
    facts = settled.facts
    if settled.unshown:
        return "json"
    if facts.get("x-widget") in FORMS and facts.get("type") == "array":
        return "region"
    if settled.branches:
        return "union"
    if "const" in facts:
        return "const"
    if "enum" in facts:
        return "choice"
    kind = str(facts.get("type"))
    if kind == "boolean":
        return "choice" if settled.nullable else "switch"
    if kind in ("integer", "number"):
        return kind
    if kind == "string":
        return _text_kind(facts)
    if kind == "array":
        return _array_kind(facts, root)
    if kind == "object":
        return "record" if facts.get("properties") else "map" if isinstance(facts.get("additionalProperties"), Mapping) else "json"
    return "json"


def _text_kind(facts: Schema) -> str:
    widget, form = facts.get("x-widget"), facts.get("format")
    if widget in ("secret", "code"):
        return str(widget)
    if widget in PICKED:
        return "pick"
    if widget == "time" and not re.search(facts.get("pattern", "^$"), "open"):
        return "time"
    return "date" if form == "date" else "text"


def _array_kind(facts: Schema, root: Schema) -> str:
    if "prefixItems" in facts:
        return "tuple" if facts.get("maxItems") == len(facts["prefixItems"]) else "json"
    items = settle(facts.get("items", True), root)
    if items.facts.get("type") in _SCALARS and not items.branches and not items.nullable:
        picked = facts.get("x-widget") in PICKED or items.facts.get("x-widget") in PICKED
        return "choices" if "enum" in items.facts or (picked and items.facts["type"] == "string") else "lines"
    return "json" if not items.facts and not items.branches else "list"


def _fits(kind: str, settled: Settled, value: Any) -> bool:
    """Whether a control shows this value as it is."""
    facts = settled.facts
    if value is MISSING:
        return True
    if kind in ("union", "choice"):
        return True
    if value is None:
        return settled.nullable or kind in SIMPLE - {"const", "switch"}
    if kind in ("integer", "number"):
        return _is_number(value, kind)
    if kind in ("text", "secret", "pick", "code"):
        return isinstance(value, str) and "\r" not in value and "\0" not in value
    if kind in ("date", "time"):
        return isinstance(value, str) and _is_moment(kind, value)
    if kind == "lines":
        return isinstance(value, list) and all(map(_is_line, value)) and same(read_lines(lines(value), facts.get("items")), value)
    if kind == "choices":
        return isinstance(value, list) and all(isinstance(one, str) for one in value) and len(set(value)) == len(value)
    if kind == "tuple":
        return isinstance(value, list) and len(value) == len(facts["prefixItems"])
    if kind == "region":
        return fits(facts["x-widget"], value)
    types = {"switch": bool, "list": list, "map": dict, "record": dict}
    return same(value, facts["const"]) if kind == "const" else isinstance(value, types[kind])


def _is_number(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float)):
        return False
    return abs(value) <= _LARGEST if isinstance(value, int) else math.isfinite(value)


def _is_moment(kind: str, value: str) -> bool:
    if kind == "time":
        return bool(_CLOCK.fullmatch(value))
    try:
        return bool(_DAY.fullmatch(value)) and 1900 <= date.fromisoformat(value).year <= 2100
    except ValueError:
        return False


def _is_line(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value) and value == value.strip() and len(value.splitlines()) == 1
    return isinstance(value, (bool, int, float))


def lines(value: list[Any]) -> str:
    """Plain values, one a line."""
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in value)


def read_lines(text: str, items: Any) -> list[Any]:
    """The values of lines; a line that is not of the wanted kind stays text, so that the kernel says what is wrong."""
    kind = items.get("type") if isinstance(items, Mapping) else "string"
    found: list[Any] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        try:
            got = json.loads(line) if kind in ("integer", "number", "boolean") else line
        except ValueError:
            got = line
        found.append(got if isinstance(got, (bool, int, float, str)) else line)
    return found


def into(kind: str, value: Any) -> Any:
    """What a control is given for a value."""
    empty = value is MISSING or value is None
    if kind == "json":
        return "" if value is MISSING else json.dumps(value, ensure_ascii=False, indent=2)
    if kind == "switch":
        return not empty and bool(value)
    if kind == "lines":
        return "" if empty else lines(value)
    if kind == "choices":
        return [] if empty else list(value)
    if empty:
        return "" if kind == "code" else None
    if kind == "number":
        return float(value)
    if kind == "time":
        return time.fromisoformat(value)
    if kind == "pick":
        return value or None
    return date.fromisoformat(value) if kind == "date" else value


def out_of(kind: str, settled: Settled, raw: Any) -> Any:
    """The value that a control says; MISSING where it is emptied. ValueError where text is no JSON."""
    if kind == "json":
        return json.loads(raw, parse_constant=_refused) if raw.strip() else MISSING
    if kind == "lines":
        return read_lines(raw, settled.facts.get("items"))
    if kind in ("text", "secret", "pick", "code"):
        emptied = MISSING if settled.nullable or settled.facts.get("minLength") else ""
        return raw or (emptied if kind != "pick" or settled.facts.get("default") == "" else MISSING)
    if raw is None:
        return MISSING
    if kind == "time":
        return raw.strftime("%H:%M")
    return raw.isoformat() if kind == "date" else list(raw) if kind == "choices" else raw


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
