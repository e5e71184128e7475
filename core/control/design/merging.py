"""A new revision of a template under a store's own layer: merged value by value, three ways.

Base is the revision that the store is built on, theirs the new one, ours the store's own layer, a merge patch (RFC 7396) on the base. Where
the template did not change, ours stands; where ours says nothing, theirs does; where both speak and differ, somebody has to choose. A list
is one value. Ours counts where it *says* a value, also one that happens to be the base's: who wrote it meant it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from storeloom.core.kernel.overlay import merge_patch, same

Path = tuple[str, ...]
Take = Literal["ours", "theirs"]


class Absent:
    """Stands for no value, where a null is one."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Conflict:
    """A place where the template's change and the store's own layer differ: what was there, and what either makes of it."""

    path: Path
    base: Any
    theirs: Any
    ours: Any


@dataclass(frozen=True, slots=True)
class Merge:
    """The store's own layer on the new revision, with all choices made, and the places where none was made."""

    own: dict[str, Any]
    conflicts: tuple[Conflict, ...]


def merge(base: Mapping[str, Any], theirs: Mapping[str, Any], own: Mapping[str, Any], choices: Mapping[Path, Take] | None = None) -> Merge:
    """Bring a store's own layer from one revision of its template to another.

    `choices` settle conflicts by their paths: `ours` keeps what the store had there, as a whole; `theirs` takes the value out of the own
    layer, so that the template's holds. A conflict without a choice is listed, and its place in `own` is as it was.
    """
    conflicts: list[Conflict] = []
    merged = _merge(merge_patch({}, base), merge_patch({}, theirs), own, (), choices or {}, conflicts)
    return Merge(merged, tuple(conflicts))


def _merge(
    base: Mapping[str, Any],
    theirs: Mapping[str, Any],
    own: Mapping[str, Any],
    path: Path,
    choices: Mapping[Path, Take],
    conflicts: list[Conflict],
) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key, word in own.items():
        before, after, here = base.get(key, ABSENT), theirs.get(key, ABSENT), (*path, key)
        if _unchanged(before, after):
            merged[key] = word
        elif isinstance(word, Mapping) and isinstance(after, Mapping):
            inner = _merge(before if isinstance(before, Mapping) else {}, after, word, here, choices, conflicts)
            if inner or not word:
                merged[key] = inner
        elif _agree(before, after, word):
            merged[key] = word
        else:
            ours = ABSENT if word is None else merge_patch(None if before is ABSENT else before, word)
            take = choices.get(here)
            if take is None:
                conflicts.append(Conflict(here, before, after, ours))
                merged[key] = word
            elif take == "ours":
                merged[key] = None if ours is ABSENT else ours
    return merged


def _unchanged(before: Any, after: Any) -> bool:
    return before is after if ABSENT in (before, after) else same(before, after)


def _agree(before: Any, after: Any, word: Any) -> bool:
    """Whether the own layer makes of the base just what the template now is."""
    if word is None or after is ABSENT:
        return word is None and after is ABSENT
    return same(merge_patch(None if before is ABSENT else before, word), after)


def without(own: Mapping[str, Any], path: Path, beneath: Mapping[str, Any]) -> dict[str, Any]:
    """The own layer without what it says at or below a path, so that the value `beneath` it holds.

    A table that this leaves empty goes too where there is one beneath. KeyError where the own layer says nothing there.
    """
    key, *rest = path
    if key not in own:
        raise KeyError(key)
    if rest:
        if not isinstance(own[key], Mapping):
            raise KeyError(rest[0])
        under = beneath.get(key)
        inner = without(own[key], tuple(rest), under if isinstance(under, Mapping) else {})
        if inner or not isinstance(under, Mapping):
            return {**own, key: inner}
    return {name: word for name, word in own.items() if name != key}
