"""Which profiles are one person: a union-find over shared keys, strong ones that prove and weak ones that hint.

A shared strong key joins two persons at once, unless both hold verified phones and not one in common: that is a conflict. A profile's
verified phone is the first that was seen on it, so a number that passes to another member joins nobody. A weak key seen
on no more than `fanout` profiles joins two persons who differ in no strong key, and makes a household of those who do. Links are taken in
the order in which they came about, so the outcome does not hang on the order of arrival. Method: disjoint sets with the strictest reading
of a link (Talburt, Entity Resolution and Information Quality, 2011, chapters 1 and 3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

Keys = Mapping[str, Mapping[str, str]]
"""Of a profile: kind of key -> hash -> when it was first seen on it (RFC 3339)."""
PHONE = "phone_hash"


@dataclass(frozen=True)
class Resolution:
    """`persons`: profile -> all profiles of its person, sorted; `households`: groups of persons (by their least profile) who share a weak
    key; `conflicts`: (person, person, kind of the key) by their least profiles."""

    persons: Mapping[str, tuple[str, ...]]
    households: list[tuple[str, ...]] = field(default_factory=list)
    conflicts: list[tuple[str, str, str]] = field(default_factory=list)


class _Sets:
    def __init__(self, items: Iterable[str]) -> None:
        self.parent = {item: item for item in items}

    def find(self, item: str) -> str:
        while self.parent[item] != item:
            self.parent[item] = item = self.parent[self.parent[item]]
        return item

    def join(self, a: str, b: str) -> None:
        first, second = sorted((self.find(a), self.find(b)))
        self.parent[second] = first

    def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for item in sorted(self.parent):
            found.setdefault(self.find(item), []).append(item)
        return found


def resolve(
    profiles: Mapping[str, Keys],
    strong: Collection[str],
    weak: Collection[str],
    fanout: int,
    fixed: Iterable[tuple[str, str]] = (),
    apart: Collection[frozenset[str]] = (),
) -> Resolution:
    """Persons, households and conflicts of these profiles, which must be closed: all that share a key with one of them.

    `fixed`: pairs that are joined whatever their keys say; `apart`: pairs that were told not to be one person.
    """
    sets = _Sets(profiles)
    for a, b in fixed:
        if a in profiles and b in profiles:
            sets.join(a, b)
    conflicts, homely = {}, []
    for _, hints, kind, a, b in sorted(_links(profiles, strong, weak, fanout)):
        first, second = sets.find(a), sets.find(b)
        if first == second:
            continue
        mine, theirs = ([one for one in profiles if sets.find(one) == root] for root in (first, second))
        told = any(frozenset((x, y)) in apart for x in mine for y in theirs)
        if not hints and not told and PHONE in strong and _differ(profiles, mine, theirs, PHONE):
            conflicts[tuple(sorted((first, second)))] = kind
        elif told or (hints and any(_differ(profiles, mine, theirs, name) for name in strong)):
            homely.append((a, b))
        else:
            sets.join(a, b)
    persons = {one: tuple(group) for group in sets.groups().values() for one in group}
    homes = _Sets({group[0] for group in persons.values()})
    for a, b in homely:
        homes.join(persons[a][0], persons[b][0])
    households = [tuple(group) for group in homes.groups().values() if len(group) > 1]
    told_of = {(*sorted((persons[a][0], persons[b][0])), kind) for (a, b), kind in conflicts.items() if persons[a] != persons[b]}
    return Resolution(persons, households, sorted((a, b, kind) for a, b, kind in told_of))


def seen_on(profiles: Mapping[str, Keys], kinds: Collection[str]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Keys of these kinds -> (when, profile) of each that holds it, in order of time."""
    holders: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for profile, keys in profiles.items():
        for kind in keys.keys() & set(kinds):
            for value, when in keys[kind].items():
                holders.setdefault((kind, value), []).append((when, profile))
    return {key: sorted(found) for key, found in holders.items()}


def stricter(consents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The consents that all of these leave: yes only where none says no, channels only where all who name any name them."""
    merged: dict[str, Any] = {}
    for one in consents:
        for name, value in one.items():
            if name not in merged:
                merged[name] = list(value) if isinstance(value, (list, tuple)) else value
            elif isinstance(value, (list, tuple)):
                merged[name] = [channel for channel in merged[name] if channel in value]
            else:
                merged[name] = bool(merged[name] and value)
    return merged


def _links(
    profiles: Mapping[str, Keys], strong: Collection[str], weak: Collection[str], fanout: int
) -> Iterable[tuple[str, bool, str, str, str]]:
    """(when, whether it only hints, kind of key, profile, profile) of all links; sorted, proofs go first within one instant."""
    for (kind, _), holders in seen_on(profiles, [*strong, *weak]).items():
        hints = kind not in strong
        if hints and len(holders) > fanout:
            continue
        for (_, first), (when, second) in combinations(holders, 2):
            yield when, hints, kind, first, second


def _differ(profiles: Mapping[str, Keys], mine: Iterable[str], theirs: Iterable[str], kind: str) -> bool:
    """Whether both hold keys of a kind and not one in common."""
    first, second = ({value for one in group for value in _held(profiles[one], kind)} for group in (mine, theirs))
    return bool(first and second and not first & second)


def _held(keys: Keys, kind: str) -> Collection[str]:
    """A profile's keys of a kind; of phones the one it began with, for a later one may have been somebody else's."""
    values = keys.get(kind, {})
    return [min(values, key=lambda value: (values[value], value))] if kind == PHONE and values else values
