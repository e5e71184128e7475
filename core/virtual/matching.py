"""How an expectation fits an output: subsets of tables, lists from the start, numbers to 1e-6, times by instant."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.core.runtime.tables import padded

RELATIVE = 1e-6


def matches(expected: Any, got: Any, key: str = "") -> bool:
    """Whether a value fits: a table holds at least these keys, a list starts with these elements, a number lies within 1e-6 (relative)
    or within `{approx, tol}`; RFC 3339 times are compared as instants, `gtin` fields padded."""
    if isinstance(expected, Mapping):
        if "approx" in expected and set(expected) <= {"approx", "tol"}:
            return _number(got) and abs(got - expected["approx"]) <= expected.get("tol", RELATIVE * abs(expected["approx"]))
        return isinstance(got, Mapping) and all(name in got and matches(value, got[name], name) for name, value in expected.items())
    if isinstance(expected, list):
        return (
            isinstance(got, list)
            and len(got) >= len(expected)
            and all(matches(one, other, key) for one, other in zip(expected, got, strict=False))
        )
    if _number(expected) and _number(got):
        return math.isclose(expected, got, rel_tol=RELATIVE, abs_tol=1e-9)
    if isinstance(expected, str) and isinstance(got, str):
        return expected == got or _same_time(expected, got) or (key == "gtin" and padded(expected) == padded(got))
    return type(expected) is type(got) and bool(expected == got)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same_time(one: str, other: str) -> bool:
    first, second = _instant(one), _instant(other)
    return first is not None and first == second


def _instant(text: str) -> datetime | None:
    if len(text) < 17 or "T" not in text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        return None
