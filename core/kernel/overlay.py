"""Templates and overlays as JSON Merge Patches (RFC 7396), with the layer that each value of the outcome came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.core.kernel.documents import Document, Keys

_UNSAID = object()


def merge_patch(target: Any, patch: Any) -> Any:
    """The target with the patch applied (RFC 7396, section 2). Shares no table or list with either, changes neither."""
    if not isinstance(patch, Mapping):
        return _copied(patch)
    merged = {key: _copied(value) for key, value in target.items()} if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def diff_patch(old: Any, new: Any) -> Any:
    """The least patch that turns old into new; ValueError where none can, since a null in a patch removes its key."""
    return _diff(old, new, ())


def _diff(old: Any, new: Any, keys: Keys) -> Any:
    if not isinstance(new, Mapping):
        return _copied(new)
    before: Mapping[str, Any] = old if isinstance(old, Mapping) else {}
    patch: dict[str, Any] = {key: None for key in before if key not in new}
    for key, value in new.items():
        if key in before and same(before[key], value):
            continue
        if value is None:
            raise ValueError(f"a merge patch cannot set {'.'.join(map(str, (*keys, key)))} to null")
        patch[key] = _diff(before.get(key), value, (*keys, key))
    return patch


@dataclass(frozen=True, slots=True)
class Difference:
    """A leaf that two tables do not share: its path and both values; `had` and `has` tell whether it is there at all."""

    path: Keys
    before: Any
    after: Any
    had: bool = True
    has: bool = True


def differences(before: Any, after: Any, path: Keys = ()) -> Iterator[Difference]:
    """The leaves in which two values differ, in the order of the later one, then what went. A list is one leaf."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from differences(before.get(key, _UNSAID), after.get(key, _UNSAID), (*path, key))
    elif before is _UNSAID and isinstance(after, Mapping) and after:
        for keys, value in _leaves(after, path):
            yield Difference(keys, None, value, had=False)
    elif after is _UNSAID and isinstance(before, Mapping) and before:
        for keys, value in _leaves(before, path):
            yield Difference(keys, value, None, has=False)
    elif before is _UNSAID or after is _UNSAID or not same(before, after):
        had, has = before is not _UNSAID, after is not _UNSAID
        yield Difference(path, before if had else None, after if has else None, had, has)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    """Equal as JSON, where true is not 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


@dataclass(frozen=True, slots=True)
class Layer:
    """One patch of a stack: `data`, at the path `prefix` of its document, or of no document where made in code."""

    name: str
    document: Document | None
    data: Mapping[str, Any]
    prefix: Keys = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Who set a value: the layer, its file and the line there, from 1."""

    layer: str
    path: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A leaf of the outcome (list, empty table or scalar) and, in `overridden`, what earlier layers said, oldest first.

    A None there is a removal; a table or a scalar there is what stood in the leaf's or its parent's place.
    """

    path: Keys
    value: Any
    origin: Origin
    overridden: tuple[tuple[str, Any], ...]


class Layered:
    """Layers merged from the base to the most particular: each is a patch on those before it."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        if not layers:
            raise ValueError("at least one layer is needed")
        self.layers = tuple(layers)
        self.value: dict[str, Any] = {}
        removals: dict[Keys, tuple[str, Any]] = {}
        for layer in self.layers:
            for keys in _nulls(layer.data, self.value, ()):
                removals[keys] = (layer.name, _get(self.value, keys))
            self.value = merge_patch(self.value, layer.data)
        self.removed = self._still_gone(removals)

    def origin(self, *keys: str | int) -> Origin:
        """Where the value at the path (into lists too), or at its nearest existing parent, was last set."""
        while keys and _get(self.value, keys) is _UNSAID:
            keys = keys[:-1]
        layer, _ = self._words(_outside_lists(self.value, keys))[-1]
        return self._origin(layer, keys)

    def explain(self, *prefix: str) -> list[Row]:
        """Every leaf at or below the path, in the order of `value`; none where the path does not exist."""
        start = _get(self.value, prefix)
        if start is _UNSAID:
            return []
        rows = []
        for keys, value in _leaves(start, prefix):
            *earlier, (last, _) = self._words(keys)
            overridden = tuple((layer.name, word) for layer, word in earlier)
            rows.append(Row(keys, value, self._origin(last, keys), overridden))
        return rows

    def _words(self, keys: Keys) -> list[tuple[Layer, Any]]:
        """What each layer says on a path, oldest first, from the first that gives it a value."""
        words: list[tuple[Layer, Any]] = []
        for layer in self.layers:
            word = _word(layer.data, keys)
            if word is not _UNSAID and (words or word is not None):
                words.append((layer, word))
        return words

    def _origin(self, layer: Layer, keys: Keys) -> Origin:
        if layer.document is None:
            return Origin(layer.name, None, None)
        return Origin(layer.name, layer.document.path, layer.document.line_of(*layer.prefix, *keys))

    def _still_gone(self, removals: Mapping[Keys, tuple[str, Any]]) -> tuple[tuple[Keys, str], ...]:
        """Removed paths that the outcome lacks; of a table that came back, the leaves that did not."""
        gone: list[tuple[Keys, str]] = []
        for keys, (layer, before) in removals.items():
            lost = [keys] if _get(self.value, keys) is _UNSAID else [leaf for leaf, _ in _leaves(before, keys)]
            gone += [(path, layer) for path in lost if _get(self.value, path) is _UNSAID]
        return tuple(gone)


def _get(value: Any, keys: Keys) -> Any:
    """The value at a path, `_UNSAID` where there is none."""
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key, _UNSAID)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            return _UNSAID
    return value


def _word(patch: Any, keys: Keys) -> Any:
    """What one patch says on a path: a value there, or the null, scalar or list that it puts in a parent's place."""
    for key in keys:
        if not isinstance(patch, Mapping):
            return patch
        if key not in patch:
            return _UNSAID
        patch = patch[key]
    return patch


def _nulls(patch: Mapping[str, Any], current: Any, prefix: Keys) -> list[Keys]:
    """Paths that a patch removes from the current value."""
    found: list[Keys] = []
    for key, value in patch.items():
        if isinstance(current, Mapping) and key in current:
            if value is None:
                found.append((*prefix, key))
            elif isinstance(value, Mapping):
                found += _nulls(value, current[key], (*prefix, key))
    return found


def _leaves(value: Any, keys: Keys) -> list[tuple[Keys, Any]]:
    if not isinstance(value, Mapping) or not value:
        return [(keys, value)]
    return [leaf for key, item in value.items() for leaf in _leaves(item, (*keys, key))]


def _outside_lists(value: Any, keys: Keys) -> Keys:
    """The path cut at the first list on its way: layers replace lists as wholes."""
    for depth in range(len(keys)):
        if isinstance(_get(value, keys[:depth]), list):
            return keys[:depth]
    return keys
