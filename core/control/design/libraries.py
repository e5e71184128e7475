"""The libraries that vendors' wheels need in a store, chosen among what the vendors uploaded, for the machine on which they are installed.

A requirement of a wheel is met by what storeloom is installed with there, which always comes first on the path, else by a wheel of a
vendor that asks for it: nobody's code comes into a release under another's requirement. All wheels of a release share one environment, so
that of each library there is one version, the newest that fits all (resolvelib's backtracking, as pip's).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver
from resolvelib.structs import RequirementInformation

from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.kernel.errors import BundleFault, Finding
from storeloom.core.trust.wire import Machine

MOST_ROUNDS = 10_000
Key = tuple[str, str]


@dataclass(frozen=True)
class Book:
    """A wheel as it is chosen: its name, version and tags as they compare."""

    row: VendorPackage = field(hash=False, compare=False)
    id: str

    @cached_property
    def parsed(self) -> tuple[str, Version, frozenset[Tag]]:
        name, version, _, tags = parse_wheel_filename(self.row.filename)
        return str(name), version, tags

    @cached_property
    def requires(self) -> tuple[Requirement, ...]:
        return tuple(map(Requirement, self.row.requires))


class Place:
    """A machine as wheels are judged by it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.installed = {str(canonicalize_name(name)): version for name, version in machine.installed.items()}
        major, minor = (int(part) for part in machine.python.split(".")[:2])
        known = (*cpython_tags((major, minor), [f"cp{major}{minor}"], machine.platforms),)
        known += (*compatible_tags((major, minor), f"cp{major}{minor}", machine.platforms),)
        self._rank = {tag: place for place, tag in reversed(list(enumerate(known)))}

    def fits(self, book: Book) -> int | None:
        """How well a wheel fits its Python and platform, 0 best; None: not at all."""
        if not SpecifierSet(book.row.python).contains(self.machine.python, prereleases=True):
            return None
        return min((self._rank[tag] for tag in book.parsed[2] if tag in self._rank), default=None)

    def holds(self, need: Requirement, extra: str) -> bool:
        """Whether a requirement counts here, for a wheel taken with this extra."""
        values = {"platform_release": "", "platform_version": "", **self.machine.markers, "extra": extra}
        return need.marker is None or need.marker.evaluate(values)


@dataclass(frozen=True)
class Need:
    """What a wheel asks for: a distribution, perhaps with one of its extras, of some versions, or one wheel exactly."""

    name: str
    extra: str
    wanted: SpecifierSet
    text: str
    by: Book | None
    exact: str | None = None

    @property
    def who(self) -> str:
        return "" if self.by is None else self.by.row.filename


@dataclass(frozen=True)
class Pick:
    """What meets needs: a wheel, or where it has none, what is installed."""

    name: str
    extra: str
    version: Version
    book: Book | None


class Shelf:
    """All wheels of a chain by the names of their distributions."""

    def __init__(self, rows: Iterable[VendorPackage]) -> None:
        self.books = [Book(row, row.id) for row in rows]
        self.by_name: dict[str, list[Book]] = {}
        for book in self.books:
            self.by_name.setdefault(book.parsed[0], []).append(book)

    def with_libraries(self, roots: Sequence[Book], place: Place) -> list[Book]:
        """Plugins' wheels with all that they need at a place. BundleFault says which requirement of which wheel is not met, and why."""
        provider = _Provider(self, place)
        asked = [Need(book.parsed[0], "", SpecifierSet(), book.row.filename, None, book.id) for book in roots]
        try:
            result = Resolver(provider, BaseReporter()).resolve(asked, max_rounds=MOST_ROUNDS)
        except ResolutionImpossible as error:
            raise BundleFault(self._told(error.causes, roots, provider)) from error
        except ResolutionTooDeep as error:
            raise BundleFault(
                [_lacking(book.row.filename, book.row.filename, "too many ways to choose", "可选组合过多") for book in roots]
            ) from error
        found = {one.book.id: one.book for one in result.mapping.values() if one.book is not None}
        return [found[key] for key in sorted(found)]

    def _told(self, causes: Iterable[RequirementInformation[Need, Pick]], roots: Sequence[Book], provider: _Provider) -> list[Finding]:
        """Each need that cannot be met by itself, of the plugins too; else those that exclude each other."""
        needs = {one.requirement: None for one in causes}
        needs |= {need: None for book in roots for need in provider.needs(Pick(book.parsed[0], "", book.parsed[1], book))}
        alone = [(need, why) for need in needs if (why := provider.why_not(need)) is not None]
        if alone:
            return [_lacking(need.who, need.text, *why) for need, why in alone]
        others = {need: [one for one in needs if one.name == need.name and one is not need and one.by is not None] for need in needs}
        return [
            _lacking(need.who, need.text, f"{_words(rest)} exclude it", f"与{_words(rest)}冲突")
            for need, rest in others.items()
            if rest and need.by
        ]


class _Provider(AbstractProvider[Need, Pick, Key]):
    """What resolvelib asks."""

    def __init__(self, shelf: Shelf, place: Place) -> None:
        self._shelf, self._place = shelf, place

    def identify(self, requirement_or_candidate: Need | Pick) -> Key:
        return requirement_or_candidate.name, requirement_or_candidate.extra

    def get_preference(
        self,
        identifier: Key,
        resolutions: Mapping[Key, Pick],
        candidates: Mapping[Key, Iterator[Pick]],
        information: Mapping[Key, Iterator[RequirementInformation[Need, Pick]]],
        backtrack_causes: Sequence[RequirementInformation[Need, Pick]],
    ) -> Any:
        held = any(one.requirement.name == identifier[0] for one in backtrack_causes)
        pinned = any(one.requirement.exact is not None for one in information[identifier])
        return not pinned, not held, identifier

    def find_matches(
        self, identifier: Key, requirements: Mapping[Key, Iterator[Need]], incompatibilities: Mapping[Key, Iterator[Pick]]
    ) -> Collection[Pick]:
        needs, out = list(requirements[identifier]), set(incompatibilities[identifier])
        return [
            pick
            for pick in self._candidates(identifier, needs)
            if pick not in out and all(self.is_satisfied_by(one, pick) for one in needs)
        ]

    def is_satisfied_by(self, requirement: Need, candidate: Pick) -> bool:
        if requirement.exact is not None:
            return candidate.book is not None and candidate.book.id == requirement.exact
        return requirement.wanted.contains(candidate.version, prereleases=True)

    def get_dependencies(self, candidate: Pick) -> list[Need]:
        return list(self.needs(candidate))

    def needs(self, pick: Pick) -> Iterator[Need]:
        """What comes with a pick: for one with an extra, itself without, and what the extra adds."""
        book = pick.book
        if book is None:
            return
        if pick.extra:
            yield Need(pick.name, "", SpecifierSet(), book.row.filename, book, book.id)
        for line in book.requires:
            if not self._place.holds(line, pick.extra) or (pick.extra and self._place.holds(line, "")):
                continue
            name = str(canonicalize_name(line.name))
            for extra in ("", *sorted(str(canonicalize_name(one)) for one in line.extras)):
                yield Need(name, extra, line.specifier, str(line), book)

    def why_not(self, need: Need) -> tuple[str, str] | None:
        """Why nothing meets a need, whatever else is wanted; None where something does."""
        if need.exact is not None:
            book = next(one for one in self._shelf.by_name[need.name] if one.id == need.exact)
            return None if self._place.fits(book) is not None else self._unfit()
        there = self._place.installed.get(need.name)
        if there is not None:
            fits = need.wanted.contains(there, prereleases=True)
            return None if fits else (f"the store's storeloom is installed with {there}", f"门店的 storeloom 环境中为 {there}")
        books = [one for one in self._shelf.by_name.get(need.name, ()) if need.by is not None and one.row.vendor == need.by.row.vendor]
        if not books:
            return "its vendor uploaded nothing of this name", "供应商未上传该名称的软件包"
        right = [one for one in books if need.wanted.contains(one.parsed[1], prereleases=True)]
        if not right:
            known = ", ".join(sorted({str(one.parsed[1]) for one in books}))
            return f"its vendor uploaded {known}", f"供应商仅上传了 {known}"
        return None if any(self._place.fits(one) is not None for one in right) else self._unfit()

    def _unfit(self) -> tuple[str, str]:
        machine = self._place.machine
        what = f"{machine.python}, {machine.platforms[0] if machine.platforms else 'any'}"
        return f"no wheel of it fits the store's Python {what}", f"没有适用于门店 Python {what} 的 wheel"

    def _candidates(self, identifier: Key, needs: Sequence[Need]) -> Iterator[Pick]:
        """What there is of a name, the newest and best fitting first; versions before their release last."""
        name, extra = identifier
        exact = {one.exact for one in needs if one.exact is not None}
        there = self._place.installed.get(name)
        if there is not None and not exact:
            version = _version(there)
            if version is not None:
                yield Pick(name, extra, version, None)
            return
        vendors = {one.by.row.vendor for one in needs if one.by is not None}
        books = [one for one in self._shelf.by_name.get(name, ()) if one.id in exact or (not exact and one.row.vendor in vendors)]
        early = any(one.wanted.prereleases for one in needs)
        ranked = [
            (early or not one.parsed[1].is_prerelease, one.parsed[1], -rank, one)
            for one in books
            if (rank := self._place.fits(one)) is not None
        ]
        for *_, one in sorted(ranked, key=lambda row: row[:3], reverse=True):
            yield Pick(name, extra, one.parsed[1], one)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _words(needs: Sequence[Need]) -> str:
    return "; ".join(sorted(f"'{one.text}' ({one.who})" for one in needs)[:3])


def _lacking(wheel: str, requirement: str, en: str, zh: str) -> Finding:
    return Finding(
        "SL-REL-09", {"wheel": wheel or {"en": "The design", "zh": "方案"}, "requirement": requirement, "reason": {"en": en, "zh": zh}}
    )
