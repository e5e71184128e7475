"""The report of `plugin check` as text: the grade on top, then what keeps the package from the next one, permissions, costs."""

from __future__ import annotations

from collections.abc import Iterator

from storeloom.core.conformance.report import Report
from storeloom.core.conformance.rules import Grade, Verdict
from storeloom.core.kernel.errors import Finding

WORDS: dict[str, tuple[str, str]] = {
    "bronze": ("bronze", "铜级"),
    "silver": ("silver", "银级"),
    "gold": ("gold", "金级"),
    "none": ("no grade", "未达等级"),
    "partial": ("looked at in part: no grade", "部分检查：不评级"),
    "counts": ("{held} rules hold, {failed} fail, {beside} do not apply", "{held} 项规则通过，{failed} 项未通过，{beside} 项不适用"),
    "against": ("beside its last version: {words}", "对照上一版本：{words}"),
    "for": ("For {grade}:", "达到{grade}须改正："),
    "why": ("Why: {words}", "理由：{words}"),
    "all_hold": ("All rules hold.", "全部规则通过。"),
    "notes": ("To be known:", "须知："),
    "permissions": ("Permissions:", "权限："),
    "costs": ("Measured:", "实测："),
}


def word(key: str, lang: str, **values: object) -> str:
    """A word of the report."""
    return WORDS[key][lang == "zh"].format(**values)


def title(report: Report, lang: str) -> str:
    """Name, version and grade."""
    told = report.subject.distribution
    grade = "partial" if report.partial else str(report.grade or "none")
    return f"{told.name} {told.version}: {word(grade, lang)}"


def rule_words(verdict: Verdict, lang: str) -> tuple[str, str]:
    """What a rule asks, and why."""
    rule = verdict.rule
    return (rule.zh, rule.why_zh) if lang == "zh" else (rule.en, rule.why_en)


def figure(value: float) -> str:
    """A measured value, whole where it is."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def text(report: Report, lang: str) -> str:
    """The whole report."""
    return "\n".join([title(report, lang), *(f"  {line}" for line in _head(report, lang)), *_failed(report, lang), *_rest(report, lang)])


def _head(report: Report, lang: str) -> Iterator[str]:
    yield word("counts", lang, **report.counts())
    if report.subject.before is not None:
        yield word("against", lang, words=report.subject.notes["before"][lang])
    if not report.failed and not report.partial:
        yield word("all_hold", lang)


def _failed(report: Report, lang: str) -> Iterator[str]:
    for grade in Grade:
        failed = [one for one in report.failed if one.rule.grade is grade]
        if failed:
            yield ""
            yield word("for", lang, grade=word(grade, lang))
        for verdict in failed:
            asks, why = rule_words(verdict, lang)
            yield f"  {verdict.rule.id}  {verdict.about}  {asks}"
            yield f"    {word('why', lang, words=why)}"
            for finding in verdict.found.findings:
                if finding.severity == "error":
                    yield from (f"    {line}" for line in finding.render(lang).splitlines())


def _rest(report: Report, lang: str) -> Iterator[str]:
    if report.notes:
        yield from ("", word("notes", lang))
        yield from (f"  {verdict.about}  {_line(finding, lang)}" for verdict, finding in report.notes)
    if report.permissions:
        yield from ("", word("permissions", lang))
    for about, findings in report.permissions.items():
        yield f"  {about}"
        yield from (f"    {one.text(lang)}" for one in findings)
    if report.costs:
        yield from ("", word("costs", lang))
    for about, figures in report.costs.items():
        yield f"  {about}  " + ", ".join(f"{name} {figure(value)}" for name, value in figures.items())


def _line(finding: Finding, lang: str) -> str:
    return f"[{finding.code}] {finding.text(lang)}"
