"""Try: the bundle in work on the virtual store, with figures, alerts, plots and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import Plan
from storeloom.core.virtual.figures import figure_text, store_time
from storeloom.core.virtual.plots import COLOURS
from storeloom.core.virtual.report import Report, opened
from storeloom.core.virtual.report_words import word
from storeloom.core.virtual.score import score
from storeloom.core.virtual.trial import SolutionResult, TrialResult, try_virtual
from storeloom.studio.common import draft, faults_shown, heading_of, language, registry, say, show_findings, title_of

FIRST_DAY = date(2026, 3, 2)


@dataclass
class Kept:
    """The last trial of the session, what it was made from, and its report by language."""

    result: TrialResult
    made_from: str
    reports: dict[str, str]


def page() -> None:
    """Choose, run, look."""
    st.title(say("try"))
    st.write(say("try_lead"))
    with faults_shown():
        composition = draft().compose(registry())
        st.markdown(f"**{composition.sources.name}**")
        if composition.plan is None:
            show_findings(composition.errors)
            st.warning(say("pack_blocked"))
        else:
            _controls(composition.plan, composition.sources.name)
        kept: Kept | None = st.session_state.get("trial")
        if kept is not None:
            _results(kept)


def _fingerprint() -> str:
    return json.dumps(draft().data, sort_keys=True, default=str)


def _controls(plan: Plan, name: str) -> None:
    columns = st.columns(5)
    start = columns[0].date_input(say("first_day"), value=FIRST_DAY, key="start")
    days = columns[1].number_input(say("days"), value=1, min_value=1, max_value=31, step=1, key="days")
    scale = columns[2].number_input(say("scale"), value=1.0, min_value=0.01, max_value=3.0, step=0.1, key="scale")
    history = columns[3].number_input(say("history"), value=0, min_value=0, max_value=365, step=1, key="history")
    seed = columns[4].number_input(say("seed"), value=1, min_value=0, step=1, key="seed")
    if st.button(say("run"), type="primary", icon=":material/play_arrow:", key="run"):
        hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
        begin, end = hours.midnight(start - timedelta(days=int(history))), hours.midnight(start + timedelta(days=int(days)))
        bar = st.progress(0.0)

        def show(now: datetime) -> None:
            share = (now - begin) / (end - begin)
            bar.progress(min(1.0, max(0.0, share)), say("running", time=f"{hours.local(now):%Y-%m-%d %H:%M}"))

        result = try_virtual(
            plan,
            registry(),
            start=start,
            days=int(days),
            seed=int(seed),
            scale=float(scale),
            history=int(history),
            name=name,
            progress=show,
        )
        bar.empty()
        st.session_state["trial"] = Kept(result, _fingerprint(), {})


def _entry(one: SolutionResult) -> Mapping[str, Any]:
    return registry().catalogue.solution(one.solution).facts


def _results(kept: Kept) -> None:
    result = kept.result
    if kept.made_from != _fingerprint():
        st.info(say("stale"))
    st.success(say("done", facts=f"{sum(result.facts.values()):,}", s=f"{result.seconds:.1f}", x=f"{result.speed:,.0f}"))
    if language() not in kept.reports:
        kept.reports[language()] = Report(result, registry().catalogue, language()).html()
    st.download_button(
        say("report"), kept.reports[language()], file_name=f"trial-{language()}.html", mime="text/html", icon=":material/description:"
    )
    st.subheader(say("results"))
    st.table([_row(name, one, result) for name, one in result.solutions.items()])
    _truth(result)
    _alerts(result)
    _plots(result)
    if result.failures:
        st.subheader(say("failures"))
        show_findings(result.failures[:20])


def _row(name: str, one: SolutionResult, result: TrialResult) -> dict[str, str]:
    entry = _entry(one)
    figures = [
        f"{title_of(kpi)} **{figure_text(one.figures.get(key), kpi['unit'], language(), result.currency)}**"
        for key, kpi in entry["kpis"].items()
    ]
    sent = [f"{_stream(stream)} {count:,}" for stream, count in sorted(one.outputs.items()) if stream != "alert.raise"]
    alerts = len([event for event in opened(result.outputs) if event.source == name])
    return {
        say("selected"): f"**{title_of(entry)}**",
        say("figures"): "  \n".join(figures),
        say("actions"): "  \n".join(sent),
        say("alerts"): f"{alerts:,}",
    }


def _stream(stream: str) -> str:
    return heading_of(schemas.load(schemas.stream_file(stream)), stream)


def _truth(result: TrialResult) -> None:
    scores = score(result)
    if scores:
        st.subheader(say("truth"))
        st.table(
            [
                {
                    say("compared"): one.name[language()],
                    say("selected"): title_of(_entry(result.solutions[one.solution])),
                    say("answer"): figure_text(one.answer, "count", language()),
                    say("so"): figure_text(one.truth, "count", language()),
                }
                for one in scores
            ]
        )


def _alerts(result: TrialResult) -> None:
    st.subheader(say("alerts"))
    alerts = opened(result.outputs)
    if not alerts:
        st.write(say("no_alerts"))
        return
    rows = []
    for event in alerts:
        entry = _entry(result.solutions[event.source])
        kinds = entry["kinds"]
        rows.append(
            {
                say("time"): f"{store_time(event.time, result.zone):%m-%d %H:%M}",
                say("selected"): title_of(entry),
                say("kind"): title_of(kinds[event["kind"]]) if event["kind"] in kinds else event["kind"],
                say("text"): event["text"],
                say("severity"): word(event["severity"], language()),
            }
        )
    st.dataframe(rows, hide_index=True)


def _plots(result: TrialResult) -> None:
    """The report's own plots, in the colours of the studio."""
    st.subheader(say("plots"))
    report = Report(result, registry().catalogue, language())
    columns = st.columns(2)
    for number, (name, one) in enumerate(result.solutions.items()):
        with columns[number % 2], st.container(border=True):
            st.markdown(f"**{title_of(_entry(one))}**")
            svg = report.timeline(f"t{number}", name)
            if svg:
                st.image(_coloured(svg), width="stretch")
            else:
                st.caption(say("none"))


def _coloured(svg: str) -> str:
    """The plot with fixed colours: a picture does not see the page's variables."""
    dark = st.context.theme.type == "dark"
    shades = ("#e8ecf1", "#a8b2c0", "#39424f", "#6aa9ec", "#f0935f") if dark else ("#1c2430", "#566070", "#d5dae1", "#2563a8", "#b3400e")
    for variable, shade in zip(COLOURS.values(), shades, strict=True):
        svg = svg.replace(variable, shade)
    return svg


page()
