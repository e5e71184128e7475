"""A trial's outcome on a page, one part at a time; with two runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import PluginFault
from storeloom.core.virtual.figures import figure_text
from storeloom.core.virtual.report_words import word as report_word
from storeloom.studio.address import kept
from storeloom.studio.common import heading_of, language, registry, say, title_of, words_of
from storeloom.studio.locales import day_text, difference_text, time_text, value_text
from storeloom.studio.trials.jobs import Job
from storeloom.studio.trials.plots import hourly_chart
from storeloom.studio.trials.scenes import drawn

View = Mapping[str, Any]
MOST_SERIES = 6
PARTS = ("figures", "timelines", "cameras", "notes", "actions", "truth")


def results(job: Job, views: Sequence[View]) -> None:
    """All of a trial: how it went, what can be taken along, and the part that the reader chose."""
    first = views[0]
    facts, seconds = sum(first["facts"].values()), sum(view["seconds"] for view in views)
    days = [day_text(date.fromisoformat(hour[:10]), language()) for hour in (first["hours"][0], first["hours"][-1])]
    st.caption(say("try_period", days=" – ".join(dict.fromkeys(days)), store=first["store"]))
    st.success(say("done", facts=f"{facts:,}", s=f"{seconds:.1f}", x=f"{first['speed']:,.0f}"))
    _take_along(job)
    _failures(views)
    part = st.segmented_control(
        say("try_part"), PARTS, format_func=words_of(PARTS, "part_").__getitem__, required=True, **kept("part", PARTS, PARTS[0])
    )
    show = {"figures": _figures, "timelines": _timelines, "cameras": _cameras, "notes": _notes, "actions": _actions, "truth": _truth}
    show[str(part or PARTS[0])](views)


def run_name(views: Sequence[View], at: int) -> str:
    """What a run is called where two stand side by side."""
    names = [view["label"][language()] if view.get("label") else view["name"] for view in views]
    return str(names[at]) if len(set(names)) == len(names) else f"{names[at]} ({at + 1})"


def facts_of(solution: str) -> Mapping[str, Any] | None:
    """What the catalogue knows of a solution, None where it is no longer installed."""
    try:
        return registry().catalogue.solution(solution).facts
    except PluginFault:
        return None


def instance_title(name: str, solution: str) -> str:
    facts = facts_of(solution)
    return name if facts is None else title_of(facts) if name == solution else f"{title_of(facts)} ({name})"


def stream_title(stream: str) -> str:
    return heading_of(schemas.load(schemas.stream_file(stream)), stream)


def _take_along(job: Job) -> None:
    report = job.report(language())
    with st.container(horizontal=True):
        if report is None:
            st.caption(say("try_report_coming" if job.alive else "try_no_report"))
        else:
            name = f"trial-{language()}.html"
            st.download_button(say("report"), report, file_name=name, mime="text/html", icon=":material/description:", on_click="ignore")
        raw = (job.folder / "result.json").read_bytes()
        st.download_button(
            say("try_json"), raw, file_name="trial.json", mime="application/json", icon=":material/data_object:", on_click="ignore"
        )


def _failures(views: Sequence[View]) -> None:
    for at, view in enumerate(views):
        if view["failures"]:
            with st.expander(f"{say('failures')} ({view['failures_total']}) · {run_name(views, at)}", icon=":material/error:"):
                for one in view["failures"][:20]:
                    st.error(f"{one['text'][language()]} {one['fix'][language()]} `{one['code']}`")


# figures


def _figures(views: Sequence[View]) -> None:
    for name, solution in instances(views).items():
        found = [next((one for one in view["solutions"] if one["name"] == name), None) for view in views]
        facts = facts_of(solution)
        with st.container(border=True):
            st.markdown(f"**{instance_title(name, solution)}**")
            missing = [at for at, one in enumerate(found) if one is None]
            if missing:
                st.caption(say("only_in", name=run_name(views, 1 - missing[0])))
            kpis = facts["kpis"] if facts else {}
            if len(views) == 1 and found[0] is not None:
                _metrics(found[0], kpis, views[0]["currency"])
            else:
                st.markdown(_side_by_side(views, found, kpis))
            one = found[0] or found[-1]
            if one is not None:
                st.caption(_sent(one))
                if one["silence"]:
                    st.info(" ".join([say("try_no_output"), *one["silence"][language()]]))
                _by_day(one, kpis, views[0]["currency"])


def instances(views: Sequence[View]) -> dict[str, str]:
    """The instances of all runs, with their solutions."""
    return {one["name"]: one["solution"] for view in views for one in view["solutions"]}


def _metrics(one: View, kpis: Mapping[str, Any], currency: str) -> None:
    with st.container(horizontal=True, gap="medium"):
        for key, kpi in kpis.items():
            value = value_text(one["figures"].get(key), kpi["unit"], language(), currency)
            st.metric(title_of(kpi), value, width="content")
        st.metric(say("alerts"), f"{one['alerts']:,}", width="content")


def _side_by_side(views: Sequence[View], found: Sequence[View | None], kpis: Mapping[str, Any]) -> str:
    head = [say("figure"), *(run_name(views, at) for at in range(len(views))), say("difference")]
    rows = [[_cell(one) for one in head], ["---", "---:", "---:", "---:"]]
    currency = views[0]["currency"]
    for key, kpi in kpis.items():
        values = [one["figures"].get(key) if one else None for one in found]
        texts = [value_text(value, kpi["unit"], language(), currency) for value in values]
        rows.append([_cell(title_of(kpi)), *texts, _marked(difference_text(values[0], values[1], kpi["unit"], language(), currency))])
    alerts = [float(one["alerts"]) if one else None for one in found]
    told = [figure_text(value, "count", language()) for value in alerts]
    rows.append([say("alerts"), *told, _marked(difference_text(alerts[0], alerts[1], "count", language(), ""))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _marked(difference: str) -> str:
    return difference if difference in ("±0", "–") else f"**{difference}**"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("$", "\\$")


def _sent(one: View) -> str:
    sent = [f"{stream_title(stream)} {count:,}" for stream, count in one["outputs"].items() if stream != "alert.raise"]
    return f"{say('try_sent')}{say('colon')}{', '.join(sent) or say('none')} · `{one['name']}` {one['version']}"


def _by_day(one: View, kpis: Mapping[str, Any], currency: str) -> None:
    if len(one["by_day"]) < 2 or not kpis:
        return
    with st.expander(say("try_by_day")):
        rows = []
        for key, kpi in kpis.items():
            days = {
                time_text(datetime.fromisoformat(day), language()).rsplit(" ", 1)[0]: value_text(
                    figures.get(key), kpi["unit"], language(), currency
                )
                for day, figures in one["by_day"].items()
            }
            rows.append({say("figure"): title_of(kpi), **days})
        st.dataframe(rows, hide_index=True)


# timelines


def _timelines(views: Sequence[View]) -> None:
    found = instances(views)
    titles = {"": say("try_whole_store"), **{name: instance_title(name, solution) for name, solution in found.items()}}
    names = tuple(titles)
    chosen = st.selectbox(
        say("try_which"),
        names,
        format_func=titles.__getitem__,
        **kept("of", names),
    )
    if not chosen:
        for key in ("receipts", "visitors"):
            _chart(say(f"try_{key}_hour"), views, [view["trade"][key] for view in views])
        return
    totals: dict[str, int] = {}
    for view in views:
        for stream, counts in view["series"].get(chosen, {}).items():
            totals[stream] = totals.get(stream, 0) + sum(counts.values())
    if not totals:
        st.info(say("try_no_output"))
    order = sorted(totals, key=lambda stream: (stream != "alert.raise", not schemas.streams()[stream], -totals[stream]))
    for stream in order[:MOST_SERIES]:
        _chart(
            stream_title(stream), views, [view["series"].get(chosen, {}).get(stream, {}) for view in views], alert=stream == "alert.raise"
        )


def _chart(title: str, views: Sequence[View], counts: Sequence[Mapping[str, int]], *, alert: bool = False) -> None:
    if any(counts):
        runs = {run_name(views, at): one for at, one in enumerate(counts)}
        hours = max((view["hours"] for view in views), key=len)
        hourly_chart(f"{title} ({sum(counts[0].values()):,})", hours, runs, (say("axis_hour"), say("axis_count")), alert=alert)


# cameras


def _cameras(views: Sequence[View]) -> None:
    view = views[0]
    if not view["pictures"]:
        st.info(say("try_no_pictures"))
        return
    cameras = sorted({one["camera"] for one in view["pictures"]})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        camera = st.selectbox(say("try_camera"), cameras, width=260, **kept("camera", cameras, cameras[0]))
        boxes = st.toggle(say("try_boxes"), value=True, key="trial/boxes")
    shown = [one for one in view["pictures"] if one["camera"] == camera]
    st.caption(say("try_footage_note" if shown[0].get("jpeg") else "try_scene_note"))
    columns = st.columns(2)
    for number, one in enumerate(shown):
        at = time_text(datetime.fromisoformat(one["time"]), language(), seconds=True)
        alt = say("try_picture_alt", camera=camera, time=at, n=len(one["objects"]))
        with columns[number % 2]:
            st.image(drawn(one, view["regions"], language(), boxes=boxes), caption=alt, width="stretch", alt=alt)


# alerts, tasks, actions


def _notes(views: Sequence[View]) -> None:
    for at, view in enumerate(views):
        _run_heading(views, at)
        if not view["notes"]:
            st.info(say("try_no_notes"))
            continue
        found = instances([view])
        rows = [_note_row(one, found) for one in view["notes"]]
        st.dataframe(rows, hide_index=True)
        _shown_of(len(rows), view["notes_total"])


def _note_row(one: View, found: Mapping[str, str]) -> dict[str, str]:
    facts = facts_of(found[one["instance"]])
    kinds = facts["kinds"] if facts else {}
    level = str(one["level"])
    return {
        say("time"): time_text(datetime.fromisoformat(one["time"]), language()),
        say("kind"): title_of(kinds[one["kind"]]) if one["kind"] in kinds else one["kind"],
        say("text"): one["text"],
        say("severity"): report_word(level, language()) if one["alert"] else report_word("priority", language(), n=level),
        say("about_what"): one["about"],
        say("selected"): instance_title(one["instance"], found[one["instance"]]),
        say("try_sort"): say("try_alert" if one["alert"] else "try_task"),
    }


def _actions(views: Sequence[View]) -> None:
    for at, view in enumerate(views):
        _run_heading(views, at)
        if not view["actions"]:
            st.info(say("try_no_actions"))
            continue
        found = instances([view])
        rows = [
            {
                say("time"): time_text(datetime.fromisoformat(one["time"]), language(), seconds=True),
                say("try_command"): stream_title(one["stream"]),
                say("try_to"): one["target"],
                say("try_data"): one["data"],
                say("selected"): instance_title(one["instance"], found[one["instance"]]),
            }
            for one in view["actions"]
        ]
        st.dataframe(rows, hide_index=True)
        _shown_of(len(rows), view["actions_total"])


def _run_heading(views: Sequence[View], at: int) -> None:
    if len(views) > 1:
        st.markdown(f"**{run_name(views, at)}**")


def _shown_of(shown: int, total: int) -> None:
    if total > shown:
        st.caption(say("try_shown_of", n=f"{shown:,}", total=f"{total:,}"))


# truth


def _truth(views: Sequence[View]) -> None:
    if not any(view["scores"] for view in views):
        st.info(say("try_no_truth"))
        return
    st.caption(say("try_truth_note"))
    for at, view in enumerate(views):
        _run_heading(views, at)
        found = instances([view])
        rows = [
            {
                say("compared"): one["name"][language()],
                say("selected"): instance_title(one["instance"], found[one["instance"]]),
                say("answer"): figure_text(one["answer"], "count", language()),
                say("so"): figure_text(one["truth"], "count", language()),
                say("try_share"): f"{one['answer'] / one['truth']:.1%}" if one["truth"] else "–",
            }
            for one in view["scores"]
        ]
        st.table(rows)
