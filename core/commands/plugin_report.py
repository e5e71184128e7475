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

FIGURES: dict[str, tuple[str, str]] = {
    "episodes": ("episodes run", "运行的样例数"),
    "hostile_events": ("hostile events sent", "发送的恶意事件数"),
    "state_kib": ("state after hostile events (KiB)", "恶意事件后的状态（KiB）"),
    "longest_s": ("longest call with hostile events (s)", "恶意事件下的最长调用（秒）"),
    "answer_kib": ("largest answer to a hostile event (KiB)", "对恶意事件的最大输出（KiB）"),
    "events": ("events handled", "处理的事件数"),
    "events_s": ("events a second", "每秒事件数"),
    "frames_s": ("frames a second", "每秒帧数"),
    "day_s": ("computing between events for each day (s)", "事件之间每天的计算时间（秒）"),
    "state_kib_1000": ("growth of state for each 1,000 events (KiB)", "每千个事件的状态增长（KiB）"),
    "objects_1000": ("growth of objects for each 1,000 events", "每千个事件的对象增长"),
    "memory_mib": ("memory (MiB)", "内存（MiB）"),
    "messages": ("messages carried", "传递的消息数"),
    "grown_objects": ("growth of objects over the second half", "后半程的对象增长"),
    "grown_kib": ("growth of memory over the second half (KiB)", "后半程的内存增长（KiB）"),
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


def figure_words(name: str, lang: str) -> str:
    """What a figure is of, with its unit; its name where there are no words for it."""
    return FIGURES[name][lang == "zh"] if name in FIGURES else name


def figure(value: float) -> str:
    """A measured value, whole where it is, three digits of it otherwise; nothing finer than a thousandth."""
    if 0 < abs(value) < 0.001:
        return "< 0.001"
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
        yield f"  {about}  " + ("；" if lang == "zh" else "; ").join(
            f"{figure_words(name, lang)} {figure(value)}" for name, value in figures.items()
        )


def _line(finding: Finding, lang: str) -> str:
    return f"[{finding.code}] {finding.text(lang)}"
