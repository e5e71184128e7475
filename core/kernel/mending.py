"""What would mend a value that does not fit its schema, as a JSON Merge Patch on the whole that it stands in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from storeloom.core.kernel.overlay import merge_patch
from storeloom.core.kernel.registry import nearest

GONE: Any = object()


def mending(compiled: Any, whole: Mapping[str, Any], error: Any, part: Mapping[str, Any]) -> Any:
    """A patch of `whole` after which it has fewer errors, None where none is known.

    `error` is one of the compiled validator's, `part` the schema that it is about: an unknown key is renamed to the nearest or taken out,
    a number brought to its nearest bound, text read as the number that it spells, a word replaced by the nearest choice, all else by its
    default.
    """
    keys = list(error.instance_path)
    kind = type(error.kind).__name__.rpartition("_")[2]
    wrong = len(list(compiled.iter_errors(whole)))
    for change in _changes(kind, error, part, keys):
        patch = _patch(whole, change)
        if patch is not None and len(list(compiled.iter_errors(merge_patch(whole, patch)))) < wrong:
            return patch
    return None


def _changes(kind: str, error: Any, part: Mapping[str, Any], keys: Sequence[str | int]) -> Iterator[dict[tuple[str | int, ...], Any]]:
    """What may be put where, the best first; GONE takes a key out."""
    if kind in ("AdditionalProperties", "UnevaluatedProperties"):
        known = part.get("properties", {})
        for key in error.kind.as_dict()["unexpected"]:
            close = nearest(key, list(known))
            if close and close not in error.instance:
                yield {(*keys, key): GONE, (*keys, close): error.instance[key]}
            yield {(*keys, key): GONE}
        return
    for new in _values(error.instance, part):
        yield {tuple(keys): new}
    if part.get("default") is not None:
        yield {tuple(keys): deepcopy(part["default"])}


def _values(value: Any, part: Mapping[str, Any]) -> Iterator[Any]:
    """Values near the wrong one."""
    for one in (part, *part.get("anyOf", ())):
        number = _number(value, one)
        if number is not None:
            yield number
        if isinstance(value, str) and one.get("enum"):
            close = nearest(value, [word for word in one["enum"] if isinstance(word, str)])
            if close:
                yield close


def _number(value: Any, part: Mapping[str, Any]) -> int | float | None:
    """The nearest number that the schema allows, None where the value is none or the schema takes none."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if part.get("type") not in ("integer", "number") or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    nearer = min(max(value, part.get("minimum", value)), part.get("maximum", float("inf")))
    return round(nearer) if part["type"] == "integer" else nearer  # type: ignore[no-any-return]


def _patch(whole: Any, change: Mapping[tuple[str | int, ...], Any]) -> Any:
    """The merge patch that makes the change; a list is replaced as a whole. None where the change is about the whole itself."""
    patch: dict[str, Any] = {}
    for keys, new in change.items():
        if not keys:
            return None
        tables = next((at for at, key in enumerate(keys) if isinstance(key, int)), len(keys))
        head, inside = keys[:tables], keys[tables:]
        node = patch
        for key in head[:-1]:
            node = node.setdefault(str(key), {})
        if inside:
            new = deepcopy(_at(whole, head)) if head[-1] not in node else node[str(head[-1])]
            _put(new, inside, change[keys])
        node[str(head[-1])] = None if new is GONE else new
    return patch


def _at(value: Any, keys: Sequence[str | int]) -> Any:
    for key in keys:
        value = value[key]
    return value


def _put(value: Any, keys: Sequence[str | int], new: Any) -> None:
    node = _at(value, keys[:-1])
    if new is GONE:
        del node[keys[-1]]
    else:
        node[keys[-1]] = new
