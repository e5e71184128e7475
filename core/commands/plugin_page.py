"""The report of `plugin check` as one page of HTML, without network or scripts."""

from __future__ import annotations

from html import escape

from storeloom.core.commands.plugin_report import figure, figure_words, rule_words, title, word
from storeloom.core.conformance.report import Report
from storeloom.core.conformance.rules import Grade, Verdict
from storeloom.core.kernel.errors import Finding
from storeloom.core.virtual.report_words import STYLE

OWN_STYLE = """
.held{color:var(--good)}.failed{color:var(--mark);font-weight:600}.beside{color:var(--soft)}
.code{font-family:ui-monospace,monospace;font-size:.85rem;color:var(--soft);overflow-wrap:anywhere}
"""
WORDS: dict[str, tuple[str, str]] = {
    "rules": ("All rules", "全部规则"),
    "rule": ("Rule", "规则"),
    "grade": ("Grade", "等级"),
    "about": ("About", "对象"),
    "verdict": ("Verdict", "结论"),
    "held": ("holds", "通过"),
    "failed": ("fails", "未通过"),
    "beside": ("does not apply", "不适用"),
    "licence": ("Licence", "许可证"),
    "python": ("Python", "Python"),
    "requires": ("Requires", "依赖"),
    "figure": ("Figure", "指标"),
    "value": ("Value", "数值"),
    "nothing": ("Nothing to list.", "无。"),
}


def page(report: Report, lang: str) -> str:
    """The whole page."""
    heading = escape(title(report, lang))
    parts = [_head(report, lang, heading), *(_grade(report, grade, lang) for grade in Grade), _notes(report, lang)]
    parts += [_permissions(report, lang), _costs(report, lang), _rules(report, lang)]
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{heading}</title>\n'
        f"<style>\n{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _say(key: str, lang: str) -> str:
    return escape(WORDS[key][lang == "zh"])


def _heading(words: str) -> str:
    """The report's words as a heading, without their colon."""
    return escape(words.rstrip(":："))


def _head(report: Report, lang: str, heading: str) -> str:
    told, counts = report.subject.distribution, report.counts()
    facts = [("licence", told.licence), ("python", told.python), ("requires", ", ".join(told.requires))]
    listed = "".join(f"<div><dt>{_say(key, lang)}</dt><dd>{escape(value) or '–'}</dd></div>" for key, value in facts)
    lines = [word("counts", lang, **counts)]
    if report.subject.before is not None:
        lines.append(word("against", lang, words=report.subject.notes["before"][lang]))
    kicker = "".join(f'<p class="kicker">{escape(line)}</p>' for line in lines)
    return f'<h1>{heading}</h1>\n{kicker}<dl class="facts">{listed}</dl>\n'


def _grade(report: Report, grade: Grade, lang: str) -> str:
    failed = [one for one in report.failed if one.rule.grade is grade]
    if not failed:
        return ""
    items = "".join(_failed(one, lang) for one in failed)
    return f'<section class="card"><h2>{_heading(word("for", lang, grade=word(grade, lang)))}</h2>{items}</section>\n'


def _failed(verdict: Verdict, lang: str) -> str:
    asks, why = rule_words(verdict, lang)
    findings = "".join(f"<li>{_finding(one, lang)}</li>" for one in verdict.found.findings if one.severity == "error")
    head = f'<h3>{escape(asks)} <span class="code">{escape(verdict.rule.id)} · {escape(verdict.about)}</span></h3>'
    return f'{head}<p class="kicker">{escape(word("why", lang, words=why))}</p><ul>{findings}</ul>'


def _finding(finding: Finding, lang: str) -> str:
    place = f'<br><span class="code">{escape(finding.where)} [{escape(finding.code)}]</span>'
    fix = f"<br>{escape(finding.fix(lang))}" if finding.fix(lang) else ""
    return f"{escape(finding.text(lang))}{fix}{place}"


def _notes(report: Report, lang: str) -> str:
    if not report.notes:
        return ""
    items = "".join(f'<li><span class="code">{escape(one.about)}</span> {escape(found.text(lang))}</li>' for one, found in report.notes)
    return f'<section class="card"><h2>{_heading(word("notes", lang))}</h2><ul>{items}</ul></section>\n'


def _permissions(report: Report, lang: str) -> str:
    parts = [f'<section class="card"><h2>{_heading(word("permissions", lang))}</h2>']
    for about, findings in report.permissions.items():
        items = "".join(f"<li>{escape(one.text(lang))}</li>" for one in findings)
        parts.append(f"<h3>{escape(about)}</h3><ul>{items}</ul>")
    return "".join([*parts, "" if report.permissions else f"<p>{_say('nothing', lang)}</p>", "</section>\n"])


def _costs(report: Report, lang: str) -> str:
    rows = [(about, name, value) for about, figures in report.costs.items() for name, value in figures.items()]
    if not rows:
        return ""
    body = "".join(
        f"<tr><td>{escape(a)}</td><td>{escape(figure_words(n, lang))}</td><td class='n'>{escape(figure(v))}</td></tr>" for a, n, v in rows
    )
    head = f"<tr><th>{_say('about', lang)}</th><th>{_say('figure', lang)}</th><th class='n'>{_say('value', lang)}</th></tr>"
    table = f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'
    return f'<section class="card"><h2>{_heading(word("costs", lang))}</h2>{table}</section>\n'


def _rules(report: Report, lang: str) -> str:
    head = "".join(f"<th>{_say(key, lang)}</th>" for key in ("rule", "about", "grade", "verdict"))
    body = "".join(_row(one, lang) for one in report.verdicts)
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return f'<section class="card"><h2>{_say("rules", lang)}</h2>{table}</section>\n'


def _row(verdict: Verdict, lang: str) -> str:
    asks, _ = rule_words(verdict, lang)
    state = "failed" if not verdict.held else "beside" if verdict.found.beside else "held"
    why = f'<br><span class="beside">{escape(verdict.found.why_beside(lang))}</span>' if state == "beside" else ""
    cells = [f'{escape(asks)}<br><span class="code">{escape(verdict.rule.id)}</span>', escape(verdict.about)]
    cells += [escape(word(verdict.rule.grade, lang)), f'<span class="{state}">{_say(state, lang)}</span>{why}']
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
