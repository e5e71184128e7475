"""Whether what came in is what a twin said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def matches(said: tuple[str, Mapping[str, Any]], facts: Sequence[Any]) -> bool:
    """Whether one of the facts is of this stream and has all of this data."""
    stream, data = said
    return any(fact.stream == stream and within(data, fact.data) for fact in facts)


def within(part: Any, whole: Any) -> bool:
    """Whether all of a part stands in the whole; numbers to 1e-6."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(key in whole and within(one, whole[key]) for key, one in part.items())
    if isinstance(part, (int, float)) and not isinstance(part, bool) and isinstance(whole, (int, float)):
        return abs(part - whole) <= 1e-6 * max(1.0, abs(part))
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) <= len(whole) and all(map(within, part, whole))
    return bool(part == whole)
