"""Findings and the one tree of exceptions.

A finding says where, what was got, what is allowed and the next step, in zh or en. Checks collect findings and return them all at
once; code that cannot go on raises a `StoreloomError` that carries them. The words stand in `messages`, one entry a code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from storeloom.core.kernel.messages import MESSAGES, SEVERITIES

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    `code` is stable (`SL-CFG-02`); `path` is the place inside the document (`solutions.NAME.config.KEY`); `args` fill
    the message; `patch`, where a fix can be made by machine, is the JSON Merge Patch on the document that makes it.
    """

    code: str
    args: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    file: str | None = None
    line: int | None = None
    patch: Mapping[str, Any] | None = None

    @property
    def severity(self) -> str:
        return MESSAGES[self.code].severity

    @property
    def where(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else (self.file or "")
        return "  ".join(part for part in (place, self.path) if part)

    def text(self, lang: str = "en") -> str:
        return _fill(getattr(MESSAGES[self.code], lang), self.args, lang)

    def fix(self, lang: str = "en") -> str:
        return _fill(getattr(MESSAGES[self.code], f"fix_{lang}"), self.args, lang)

    def render(self, lang: str = "en") -> str:
        """The finding as a person reads it: place and code, then what is wrong, then the next step."""
        head = f"{self.where}   [{self.code}]" if self.where else f"[{self.code}]"
        return "\n".join([head, *(f"  {line}" for line in (self.text(lang), self.fix(lang)) if line)])

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity,
            "file": self.file,
            "line": self.line,
            "path": self.path,
            "reason": self.text(lang),
            "fix": self.fix(lang),
            "patch": self.patch,
        }


def _fill(template: str, args: Mapping[str, Any], lang: str) -> str:
    """Fill a message; a list reads as its parts with the language's comma, a mapping with zh and en as its own words."""
    words: dict[str, Any] = {}
    for key, value in args.items():
        if isinstance(value, Mapping) and set(LANGUAGES) <= set(value):
            value = value[lang]
        if isinstance(value, (list, tuple, set, frozenset)):
            parts = sorted(map(str, value)) if isinstance(value, (set, frozenset)) else list(map(str, value))
            value = ("、" if lang == "zh" else ", ").join(parts) or ("（无）" if lang == "zh" else "(none)")
        words[key] = value
    return template.format(**words).strip()


def worst(findings: Iterable[Finding]) -> str | None:
    """The gravest severity among the findings, None where there are none."""
    present = {finding.severity for finding in findings}
    return next((severity for severity in SEVERITIES if severity in present), None)


class StoreloomError(Exception):
    """What could not be done, with every finding that says why. `exit_code` is the command line's."""

    exit_code = 1

    def __init__(self, findings: Finding | Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(finding.render("en") for finding in self.findings))


class DocumentFault(StoreloomError):
    """A file that cannot be read as the document it should be."""


class PluginFault(StoreloomError):
    """A plugin that cannot be listed, imported or used."""


class ConfigFault(StoreloomError):
    """A config, table or event that does not fit its schema."""


class BundleFault(StoreloomError):
    """A bundle that must not run: findings of composing, or a lock that does not hold."""


class LogFault(StoreloomError):
    """A store log that cannot be opened, read or written."""


class InputFault(StoreloomError):
    """Real input (receipts, footage, episodes) that cannot be taken in."""


class ContractFault(StoreloomError):
    """A solution that did what its declaration does not allow."""


class PresenceFault(StoreloomError):
    """A running store that is not there, or does not answer."""


class HostFault(StoreloomError):
    """An instance's own process that died, was killed, or (`starting`) could not be started, so that it never saw what it was given."""

    def __init__(self, finding: Finding, *, starting: bool = False) -> None:
        super().__init__(finding)
        self.starting = starting


class DeliveryFault(StoreloomError):
    """A command or an event that could not be handed on."""


class ControlFault(StoreloomError):
    """What a control plane cannot do: a database of another form, a chain that is there already."""


class AgentFault(StoreloomError):
    """What a store's agent cannot do: a release that it cannot bring its store to, a control plane that it cannot reach."""


class TrustFault(StoreloomError):
    """What is not signed as it must be, is stale, or cannot be opened or signed; nothing of it is used."""


class MisuseFault(StoreloomError):
    """A command line that makes no sense."""

    exit_code = 2
