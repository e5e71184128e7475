"""What a check came to: the grade, what keeps the package from the next one, what it may do, what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.core.conformance.rules import Grade, Subject, Verdict, graded
from storeloom.core.kernel.errors import Finding

PERMISSIONS = "permitted.told"


@dataclass(frozen=True)
class Report:
    """The verdicts on one subject. `partial`: only some rules or plugins were looked at, so that it has no grade."""

    subject: Subject
    verdicts: Sequence[Verdict]
    partial: bool = False

    @property
    def grade(self) -> Grade | None:
        """The grade of the package; None where it has none, or not all was looked at."""
        return None if self.partial else graded(list(self.verdicts))

    def reaches(self, wanted: Grade) -> bool:
        """Whether all rules that were looked at hold, of this grade and of those below."""
        order = list(Grade)
        return all(one.held for one in self.verdicts if order.index(one.rule.grade) <= order.index(wanted))

    @property
    def failed(self) -> list[Verdict]:
        """What does not hold, the lowest grade first."""
        order = list(Grade)
        return sorted((one for one in self.verdicts if not one.held), key=lambda one: order.index(one.rule.grade))

    @property
    def notes(self) -> list[tuple[Verdict, Finding]]:
        """What is to be known besides: findings that keep no rule from holding, but for permissions."""
        held = [(one, finding) for one in self.verdicts for finding in one.found.findings if finding.severity != "error"]
        return [(one, finding) for one, finding in held if not one.rule.id.startswith(PERMISSIONS)]

    @property
    def permissions(self) -> Mapping[str, tuple[Finding, ...]]:
        """What each plugin may do, in plain words."""
        told = {one.about: one.found.findings for one in self.verdicts if one.rule.id.startswith(PERMISSIONS)}
        return {about: tuple(one for one in findings if one.severity == "info") for about, findings in told.items()}

    @property
    def costs(self) -> Mapping[str, Mapping[str, float]]:
        """What was measured of each plugin, by figure."""
        found: dict[str, dict[str, float]] = {}
        for one in self.verdicts:
            if one.found.figures:
                found.setdefault(one.about, {}).update(one.found.figures)
        return found

    def counts(self) -> dict[str, int]:
        """How many verdicts hold, fail, and do not apply."""
        beside = sum(one.held and bool(one.found.beside) for one in self.verdicts)
        failed = sum(not one.held for one in self.verdicts)
        return {"held": len(self.verdicts) - beside - failed, "failed": failed, "beside": beside}

    def as_dict(self, lang: str) -> dict[str, Any]:
        """The report as JSON; words in one language, titles of rules in both."""
        distribution, before = self.subject.distribution, self.subject.notes["before"]
        package = {"name": distribution.name, "version": distribution.version, "package": self.subject.package.name}
        return {
            "package": {**package, "licence": distribution.licence, "against": before[lang]},
            "grade": self.grade,
            "partial": self.partial,
            "counts": self.counts(),
            "rules": [verdict_as_dict(one, lang) for one in self.verdicts],
            "permissions": {about: [one.text(lang) for one in findings] for about, findings in self.permissions.items()},
            "costs": {about: dict(figures) for about, figures in self.costs.items()},
        }


def verdict_as_dict(verdict: Verdict, lang: str) -> dict[str, Any]:
    """One verdict as JSON."""
    rule, found = verdict.rule, verdict.found
    return {
        "rule": rule.id,
        "grade": rule.grade,
        "about": verdict.about,
        "held": verdict.held,
        "beside": found.why_beside(lang),
        "en": rule.en,
        "zh": rule.zh,
        "why": rule.why_zh if lang == "zh" else rule.why_en,
        "findings": [one.as_dict(lang) for one in found.findings],
        "figures": dict(found.figures),
        "seconds": round(verdict.seconds, 3),
    }
