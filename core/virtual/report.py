"""The report of a trial: one HTML file that a store manager can read, with plots, without network or scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import Event
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.virtual.figures import by_hour, figure_text, hours, store_time, within
from storeloom.core.virtual.plots import Series, hourly
from storeloom.core.virtual.report_words import STYLE, word
from storeloom.core.virtual.score import score
from storeloom.core.virtual.trial import SolutionResult, TrialResult

MOST_MESSAGES = 50
MOST_ROWS = 6
OWN_WORDS = ("alert.raise", "task.create", "message.send")


def write_report(result: TrialResult, catalogue: Catalogue, path: str | Path, lang: str) -> None:
    """Write the report in `lang`, zh or en. InputFault where matplotlib is not installed."""
    Path(path).write_text(Report(result, catalogue, lang).html(), encoding="utf-8")


def opened(events: Iterable[Event]) -> list[Event]:
    """Alerts that were raised; news that one has cleared is none."""
    return [event for event in events if event.stream == "alert.raise" and event.get("state") != "cleared"]


class Report:
    """The page of one trial in one language."""

    def __init__(self, result: TrialResult, catalogue: Catalogue, lang: str) -> None:
        self.result, self.catalogue, self.lang = result, catalogue, lang
        self.hours = hours(result)
        self.days = list(dict.fromkeys(hour[:10] for hour in self.hours))
        self.outputs: dict[str, list[Event]] = {name: [] for name in result.solutions}
        for event in result.outputs:
            self.outputs[event.source].append(event)

    def html(self) -> str:
        """The whole page."""
        title = f"{self.word('report')}: {self.result.name}"
        parts = [self._head(), self._summary()]
        parts += [self._section(number, name, one) for number, (name, one) in enumerate(self.result.solutions.items(), 1)]
        parts += [self._whole(), self._truth(), self._failures(self.result.failures)]
        return (
            f'<!DOCTYPE html>\n<html lang="{"zh-CN" if self.lang == "zh" else "en"}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
            f"<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
        )

    def word(self, key: str, **values: object) -> str:
        """A word of the page, escaped."""
        return escape(word(key, self.lang, **values))

    def _said(self, facts: Mapping[str, Any]) -> str:
        return str(facts["zh" if self.lang == "zh" else "en"])

    def _entry(self, one: SolutionResult) -> Mapping[str, Any]:
        return self.catalogue.solution(one.solution).facts

    def _stream(self, stream: str) -> str:
        """A stream in words: the common ones by name, the others as their schema calls them."""
        if stream in OWN_WORDS:
            return word(stream, self.lang)
        schema = schemas.load(schemas.stream_file(stream))
        return str(schema.get("x-zh" if self.lang == "zh" else "title", stream))

    def _figure(self, value: float | None, unit: str) -> str:
        return escape(figure_text(value, unit, self.lang, self.result.currency))

    def _figures(self, one: SolutionResult, entry: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Title and value of each figure that the solution declares."""
        return [(escape(self._said(kpi)), self._figure(one.figures.get(key), kpi["unit"])) for key, kpi in entry["kpis"].items()]

    def _more(self, shown: int, total: int) -> str:
        return f'<p class="soft">{self.word("more", n=total - shown, total=total)}</p>' if total > shown else ""

    def _head(self) -> str:
        result = self.result
        period = self.days[0] if len(self.days) == 1 else f"{self.days[0]} – {self.days[-1]}"
        length = self.word("day") if len(self.days) == 1 else self.word("days", n=len(self.days))
        speed = self.word("speed_value", s=f"{result.seconds:.1f}", x=f"{result.speed:,.0f}")
        cells = (
            (self.word("store"), escape(result.store or "–")),
            (self.word("period"), f"{period} <span class=soft>({length})</span>"),
            (self.word("facts"), f"{sum(result.facts.values()):,}"),
            (self.word("alerts"), f"{len(opened(result.outputs)):,}"),
            (self.word("speed"), speed),
        )
        facts = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cells)
        title = f'<p class="kicker">{self.word("report")}</p><h1>{escape(result.name)}</h1>'
        return f'<header class="card">{title}<dl class="facts">{facts}</dl></header>\n'

    def _summary(self) -> str:
        names = ("solution", "figures", "actions", "other")
        head = "".join(f"<th>{self.word(name)}</th>" for name in names) + f'<th class="n">{self.word("alerts")}</th>'
        rows = []
        for number, (name, one) in enumerate(self.result.solutions.items(), 1):
            entry = self._entry(one)
            figures = [f"{title} <b>{value}</b>" for title, value in self._figures(one, entry)]
            alerts = len(opened(self.outputs[name]))
            actions, data = self._sent(one)
            rows.append(
                f'<tr><td><a href="#s{number}"><b>{escape(self._said(entry))}</b></a></td>'
                f"{self._cell('figures', figures)}{self._cell('actions', actions)}{self._cell('other', data)}"
                f'<td class="n" data-name="{self.word("alerts")}">{f"<span class=mark>{alerts:,}</span>" if alerts else "0"}</td></tr>\n'
            )
        table = f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>\n{"".join(rows)}</tbody></table>'
        return f'<section class="card"><h2>{self.word("summary")}</h2><div class="scroll">{table}</div></section>\n'

    def _cell(self, name: str, lines: Sequence[str]) -> str:
        if not lines:
            return "<td></td>"
        return f'<td data-name="{self.word(name)}"><ul>{"".join(f"<li>{line}</li>" for line in lines)}</ul></td>'

    def _sent(self, one: SolutionResult) -> tuple[list[str], list[str]]:
        """What it sent: commands to devices and people, and data for others; alerts apart."""
        lines: tuple[list[str], list[str]] = ([], [])
        for stream, count in sorted(one.outputs.items()):
            if stream != "alert.raise":
                lines[not schemas.streams()[stream]].append(f"{escape(self._stream(stream))} <b>{count:,}</b>")
        return lines

    def _section(self, number: int, name: str, one: SolutionResult) -> str:
        entry = self._entry(one)
        purpose = entry["purpose_zh" if self.lang == "zh" else "purpose_en"]
        rows = "".join(f'<tr><td>{title}</td><td class="n"><b>{value}</b></td></tr>' for title, value in self._figures(one, entry))
        figures = f"<div><h3>{self.word('figures')}</h3><table><tbody>{rows}</tbody></table></div>"
        why = " ".join(one.silence.said(self.lang)) if one.silence else ""
        plot = self.timeline(f"p{number}", name) or f'<p class="soft">{self.word("none")} {escape(why)}</p>'
        failures = [finding for finding in self.result.failures if finding.args.get("instance") == name]
        return (
            f'<section class="card" id="s{number}"><h2>{escape(self._said(entry))}</h2>'
            f'<p class="kicker"><code>{escape(name)}</code> · {one.handled:,} {self.word("events")}</p><p>{escape(purpose)}</p>'
            f'<div class="two">{figures}<div>{plot}</div></div>'
            f"{self._by_day(one, entry)}{self._messages(name, entry)}{self._failures(failures) if failures else ''}</section>\n"
        )

    def timeline(self, ident: str, name: str) -> str:
        """The plot of an instance's outputs by hour of store time, empty where there are none; `ident` is unique on the page."""
        counts = by_hour(self.outputs[name], self.result)
        if not counts:
            return ""
        order = sorted(counts, key=lambda stream: (stream != "alert.raise", not schemas.streams()[stream], -counts[stream].total()))
        rows = [Series(f"{self._stream(s)} ({counts[s].total():,})", counts[s], s == "alert.raise") for s in order[:MOST_ROWS]]
        if order[MOST_ROWS:]:
            rest = sum((counts[stream] for stream in order[MOST_ROWS:]), Counter[str]())
            rows[-1:] = [rows[-1], Series(f"{word('more_series', self.lang)} ({rest.total():,})", rest)]
        return self._plot(ident, "timeline", rows)

    def _plot(self, ident: str, title: str, rows: Sequence[Series]) -> str:
        names = [word(key, self.lang) for key in (title, "hour", "per_hour")]
        return hourly(ident, names[0], names[1], names[2], self.hours, rows)

    def _by_day(self, one: SolutionResult, entry: Mapping[str, Any]) -> str:
        if len(self.days) < 2 or not one.by_day:
            return ""
        head = "".join(f'<th class="n">{day[5:]}</th>' for day in one.by_day)
        rows = "".join(
            f"<tr><td>{escape(self._said(kpi))}</td>"
            + "".join(f'<td class="n">{self._figure(figures.get(key), kpi["unit"])}</td>' for figures in one.by_day.values())
            + "</tr>"
            for key, kpi in entry["kpis"].items()
        )
        table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f'<h3>{self.word("by_day")}</h3><div class="scroll">{table}</div>'

    def _messages(self, name: str, entry: Mapping[str, Any]) -> str:
        events = sorted((e for e in self.outputs[name] if e.stream in ("alert.raise", "task.create")), key=lambda e: e.time)
        if not events:
            return ""
        shown = events[:MOST_MESSAGES]
        rows = "".join(self._message(event, entry) for event in shown)
        head = "".join(f"<th>{self.word(key)}</th>" for key in ("time", "kind", "text", "about", "level"))
        table = f'<table class="stack brief"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        return f'<h3>{self.word("messages")}</h3><div class="scroll">{table}</div>{self._more(len(shown), len(events))}'

    def _message(self, event: Event, entry: Mapping[str, Any]) -> str:
        at = store_time(event.time, self.result.zone)
        when = f"{at:%H:%M}" if len(self.days) == 1 else f"{at:%m-%d %H:%M}"
        kind = self._said(entry["kinds"][event["kind"]]) if event["kind"] in entry["kinds"] else event["kind"]
        about = next((str(event[key]) for key in ("subject", "asset", "till", "staff", "fixture", "zone") if event.get(key)), "")
        if event.stream == "task.create":
            text, level, strong = event["title"], self.word("priority", n=event["priority"]), event["priority"] <= 1
        else:
            cleared = event.get("state") == "cleared"
            text, level = event["text"], self.word("cleared" if cleared else event["severity"])
            strong = not cleared and event["severity"] in ("high", "critical")
        look = ' class="mark"' if strong else ""
        cells = f'<td class="when">{when}</td><td class="kind">{escape(kind)}</td><td>{escape(text)}</td><td>{escape(about)}</td>'
        return f'<tr>{cells}<td data-name="{self.word("level")}"><span{look}>{level}</span></td></tr>'

    def _whole(self) -> str:
        """Receipts by hour as the solutions saw them, else as the virtual store knows them, and who really came in."""
        truth = self.result.truth
        receipts = self.result.facts_by_hour.get("pos.sale") or within(truth.get("receipts", {}), self.result)
        rows = [Series(word("receipts_n", self.lang, n=f"{receipts.total():,}"), receipts)] if receipts else []
        visitors = within(truth.get("arrivals", {}), self.result)
        if visitors:
            rows.append(Series(word("visitors_n", self.lang, n=f"{visitors.total():,}"), visitors))
        if not rows:
            return ""
        return f'<section class="card"><h2>{self.word("whole")}</h2>{self._plot("whole", "trade", rows)}</section>\n'

    def _truth(self) -> str:
        scores = score(self.result)
        if not scores:
            return ""
        head = f"<th>{self.word('question')}</th><th>{self.word('solution')}</th>" + "".join(
            f'<th class="n">{self.word(key)}</th>' for key in ("answer", "so", "share")
        )
        rows = "".join(
            f"<tr><td>{escape(self._said(one.name))}</td><td>{escape(self._said(self._entry(self.result.solutions[one.solution])))}</td>"
            f'<td class="n" data-name="{self.word("answer")}"><b>{self._figure(one.answer, "count")}</b></td>'
            f'<td class="n" data-name="{self.word("so")}">{self._figure(one.truth, "count")}</td>'
            f'<td class="n" data-name="{self.word("share")}">{f"{one.answer / one.truth:.1%}" if one.truth else "–"}</td></tr>'
            for one in scores
        )
        table = f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        note = f'<p class="soft">{self.word("truth_note")}</p>'
        return f'<section class="card"><h2>{self.word("truth")}</h2>{note}<div class="scroll">{table}</div></section>\n'

    def _failures(self, failures: Sequence[Finding]) -> str:
        if not failures:
            return f'<p class="good">{self.word("no_failures")}</p>\n'
        shown = failures[:MOST_MESSAGES]
        items = "".join(
            f"<li><b>{escape(f.text(self.lang))}</b> {escape(f.fix(self.lang))} <code>{escape(f.code)}</code></li>" for f in shown
        )
        more = self._more(len(shown), len(failures))
        return f'<section class="card"><h2 class="mark">{self.word("failures")}</h2><ul>{items}</ul>{more}</section>\n'
