"""What is wrong with figures of customers or of a test, in words for a person: all of it at once."""

from __future__ import annotations

from collections.abc import Sequence

from storeloom.core.kernel.errors import Finding


class InsightFault(ValueError):
    """Data or settings that no honest figure can be made of; `findings` holds all that is wrong, in zh and en."""

    def __init__(self, findings: Finding | Sequence[Finding]) -> None:
        self.findings: tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(f"{one.text()} {one.fix()}".strip() for one in self.findings))


def require(what_en: str, what_zh: str, count: int, least: int) -> None:
    """Raise where there are fewer than `least` of something that an estimate needs."""
    if count < least:
        raise InsightFault(Finding("SL-CUS-07", {"what": {"en": what_en, "zh": what_zh}, "count": count, "least": least}))


def require_setting(name: str, got: object, allowed: str, met: bool) -> None:
    """Raise where a setting lies outside what is `allowed` (written as a range or a list)."""
    if not met:
        raise InsightFault(Finding("SL-CUS-08", {"setting": name, "got": got, "allowed": allowed}))


def needed(what_en: str, what_zh: str, count: int, least: int) -> list[Finding]:
    """A finding where there are fewer than `least`, else none."""
    return [] if count >= least else [Finding("SL-EXP-03", {"what": {"en": what_en, "zh": what_zh}, "count": count, "least": least})]


def wrong(what: str, got_en: str, got_zh: str, count: int, allowed_en: str, allowed_zh: str) -> list[Finding]:
    """A finding where `count` is above nought, else none."""
    words = {"got": {"en": got_en, "zh": got_zh}, "allowed": {"en": allowed_en, "zh": allowed_zh}}
    return [Finding("SL-EXP-02", {"what": what, "count": count, **words})] if count else []


def complain(findings: Sequence[Finding]) -> None:
    """Raise where anything was found."""
    if findings:
        raise InsightFault(findings)
