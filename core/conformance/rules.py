"""What `storeloom plugin check` asks of a vendor's package: rules, each of a grade, and what they found.

A package has a grade when every rule of that grade and of those below it holds. A rule is one function that looks at one subject, the
package as a whole or one of its plugins, and says all that is wrong with it as findings; it measures, it does not judge. The functions
stand by what they look at: `declared` and `behaviour` (solutions), `adapters` (drivers on their twins), `packaged`, `compatible`,
`permitted`, `costs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import Package, Registry


class Grade(StrEnum):
    """The grades of a package, the lowest first: it works and does no harm; it is complete; it is fit for a thousand stores."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


class Scope(StrEnum):
    """What a rule looks at: the package as a whole, or each of its solutions or adapters."""

    PACKAGE = "package"
    SOLUTION = "solution"
    ADAPTER = "adapter"


@dataclass(frozen=True)
class Distribution:
    """What a package's metadata says of it (Python's core metadata), wherever it was read: a source folder, a wheel, an installation."""

    name: str
    version: str
    licence: str = ""
    requires: tuple[str, ...] = ()
    python: str = ""
    readme: str = ""
    files: tuple[str, ...] = ()


@dataclass
class Subject:
    """A package that is checked: its plugins, its metadata, the registry over it and what is built in, and its last version where one is
    known (`before`). `folder` is the source tree it stands in, None for an installed one or a wheel; `plugins` limits the check to some
    ids; `notes` is for what one rule finds out and another needs."""

    package: Package
    distribution: Distribution
    registry: Registry
    folder: Path | None = None
    before: Package | None = None
    plugins: frozenset[str] = frozenset()
    long: bool = False
    notes: dict[str, Any] = field(default_factory=dict)

    def ids(self, scope: Scope) -> list[str]:
        """The package's own plugins of a kind that are to be checked, in the catalogue's order."""
        known = self.registry.catalogue.solutions if scope is Scope.SOLUTION else self.registry.catalogue.adapters
        return [
            one for one, entry in known.items() if entry.package.name == self.package.name and (not self.plugins or one in self.plugins)
        ]


@dataclass(frozen=True)
class Found:
    """What a rule found on one subject: what is wrong (nothing: the rule holds), what it measured, and why it does not apply, if so; the
    last in both languages, `{"en": ..., "zh": ...}`."""

    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    beside: Mapping[str, str] | str = ""

    def why_beside(self, lang: str) -> str:
        """Why it does not apply, in one language; empty where it does."""
        return self.beside if isinstance(self.beside, str) else self.beside[lang]


@dataclass(frozen=True)
class Rule:
    """One machine-checked rule: its id (`behaviour.replay`), from which grade on it counts, what it asks and why, in both languages, and
    the function that looks: `look(subject, id)`, the id empty for the package as a whole."""

    id: str
    grade: Grade
    scope: Scope
    en: str
    zh: str
    why_en: str
    why_zh: str
    look: Callable[[Subject, str], Found]


@dataclass(frozen=True)
class Verdict:
    """A rule that was looked at: the plugin's id or the package's name, what was found, and how long it took (s)."""

    rule: Rule
    about: str
    found: Found
    seconds: float

    @property
    def held(self) -> bool:
        return not any(finding.severity == "error" for finding in self.found.findings)


def graded(verdicts: list[Verdict]) -> Grade | None:
    """The highest grade all of whose rules, and of those below, hold; None where not even bronze does."""
    reached: Grade | None = None
    for grade in Grade:
        if any(one.rule.grade is grade and not one.held for one in verdicts):
            return reached
        reached = grade
    return reached
