"""The page of one solution in the catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st

from storeloom.core.commands.catalogue import PILLARS
from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Catalogue, Entry
from storeloom.core.virtual.figures import MONEY, unit_text
from storeloom.studio.common import draft, heading_of, language, registry, say, title_of
from storeloom.studio.trials.running import begin, job_of, show_job, show_told

SAMPLE_DAY = date(2026, 3, 2)
SAMPLE_SCALE = 0.2
MOST_KINDS = 4
PARTS = ("overview", "config", "sample_run", "documentation")


def solution_page(entry: Entry, known: Catalogue) -> None:
    """What it does, what it takes and gives, its settings and figures, a sample run, its documentation, and the way into the draft."""
    st.title(title_of(entry.facts), anchor=False)
    scenario = known.scenarios.get(entry["scenario"])
    place = f"{PILLARS[entry['pillar']][0 if language() == 'zh' else 1]} / {title_of(scenario) if scenario else entry['scenario']}"
    st.caption(f"{place} · `{entry.id}` {entry['version']}")
    st.write(entry["purpose_zh" if language() == "zh" else "purpose_en"])
    formats = " ".join(f":blue-badge[{say(one)}]" for one in entry["formats"])
    st.markdown(f"{formats} :gray-badge[{say('load')}{say('colon')}{say(entry['load'])}]")
    _draft(entry)
    tabs = st.tabs([say(name) for name in PARTS])
    for tab, part in zip(tabs, (_overview, _config, _sample, _documentation), strict=True):
        with tab:
            part(entry, known)


def _draft(entry: Entry) -> None:
    composition = draft().compose(registry())
    body = composition.sources.value.get("solutions", {}).get(entry.id)
    if isinstance(body, Mapping) and body.get("enabled") is not False:
        st.success(say("in_draft", name=composition.sources.name), icon=":material/check:")
    else:
        st.button(say("add_to_draft"), key="add_to_draft", type="primary", icon=":material/add:", on_click=lambda: draft().add(entry.id))


def _overview(entry: Entry, known: Catalogue) -> None:
    st.subheader(say("flows"), anchor=False)
    ways = [(say("takes"), spec) for spec in entry["consumes"]] + [(say("gives"), spec) for spec in entry["produces"]]
    st.table([_flow(entry, way, spec, known) for way, spec in ways])
    st.subheader(say("devices"), anchor=False)
    devices = [_device(spec, known) for spec in entry["adapters"]]
    if devices:
        st.table(devices)
    else:
        st.caption(say("none"))
    if entry["reads"]:
        tables = [
            heading_of(schemas.load(schemas.table_file(spec.rstrip("?"))), spec.rstrip("?")) + _optional(spec) for spec in entry["reads"]
        ]
        st.markdown(f"**{say('tables')}**{say('colon')}{', '.join(tables)}")
    st.subheader(say("figures"), anchor=False)
    st.table(
        [{say("figure"): title_of(one), say("key"): f"`{key}`", say("unit"): _unit(one["unit"])} for key, one in entry["kpis"].items()]
    )


def _unit(unit: str) -> str:
    return say("unit_money") if unit in MONEY else say("unit_number") if unit == "count" else unit_text(unit, language())


def _optional(spec: str) -> str:
    return f" {say('optional')}" if spec.endswith("?") else ""


def _flow(entry: Entry, way: str, spec: str, known: Catalogue) -> dict[str, str]:
    """One stream: its way, its name in words, and the kinds of device at the other end."""
    stream = spec.rstrip("?")
    takes = spec in entry["consumes"]
    side = "feeds" if takes else "takes"
    ends = [title_of(facts) for facts in known.adapter_kinds.values() if stream in facts.get(side, ())][:MOST_KINDS]
    key = "produces" if takes else "consumes"
    others = sum(stream in {one.rstrip("?") for one in other[key]} for other in known.solutions.values() if other.id != entry.id)
    if others:
        ends.append(say("by_solutions", n=others))
    command = f" ({say('command_to')})" if schemas.streams().get(stream) else ""
    title = heading_of(schemas.load(schemas.stream_file(stream)), stream)
    return {say("direction"): way, say("stream"): f"{title}{command}{_optional(spec)}  \n`{stream}`", say("comes_from"): ", ".join(ends)}


def _device(spec: str, known: Catalogue) -> dict[str, str]:
    kinds = spec.rstrip("?").split("|")
    names = [title_of(known.adapter_kinds[one]) if one in known.adapter_kinds else f"`{one}`" for one in kinds]
    drivers = [title_of(one.facts) for one in known.adapters.values() if one["kind"] in kinds]
    return {say("device_kind"): say("or").join(names) + _optional(spec), say("device_drivers"): ", ".join(drivers) or say("none")}


def _config(entry: Entry, known: Catalogue) -> None:
    rows = []
    for key, facts in schemas.load(entry.schema_file).get("properties", {}).items():
        note = str(facts.get("x-help-zh" if language() == "zh" else "description", "")).replace("[", "\\[").replace("]", "\\]")
        rows.append(
            {
                say("setting"): "  \n".join(part for part in (heading_of(facts, key), f"`{key}`", note and f":small[{note}]") if part),
                say("default"): f"{schemas.show(facts.get('default'), 80)} {facts.get('x-unit', '')}".strip(),
                say("allowed"): schemas.choice(facts),
            }
        )
    if rows:
        st.table(rows)
    else:
        st.caption(say("no_settings"))


def _sample(entry: Entry, known: Catalogue) -> None:
    """A day of the solution alone in a default store of its first format."""
    st.write(say("sample_lead", format=say(entry["formats"][0])))
    st.caption(say("sample_small"))
    job = job_of("sample")
    if job is not None and job.asked["runs"][0].get("solution") != entry.id:
        job = None
    asked = {"start": SAMPLE_DAY.isoformat(), "days": 1, "seed": 1, "scale": SAMPLE_SCALE, "history": 0}
    st.button(
        say("sample_button"),
        key="sample/run",
        icon=":material/play_arrow:",
        disabled=job is not None and job.state == "running",
        on_click=begin,
        args=("sample", lambda: ({**asked, "runs": [{"solution": entry.id, "name": title_of(entry.facts)}]}, {})),
    )
    show_told()
    if job is not None:
        show_job(job)


def _documentation(entry: Entry, known: Catalogue) -> None:
    if entry["kinds"]:
        st.subheader(say("notes_kinds"), anchor=False)
        st.table([{say("kind"): title_of(one), say("key"): f"`{key}`"} for key, one in entry["kinds"].items()])
    st.subheader(say("author_words"), anchor=False)
    try:
        text = entry.author_words()
    except (OSError, SyntaxError, ValueError) as error:
        st.warning(say("not_readable", reason=str(error)))
    else:
        st.text(text or say("none"))
    with st.expander(say("all_as_json"), icon=":material/data_object:"):
        facts: dict[str, Any] = {**entry.as_dict(), "config": schemas.load(entry.schema_file)}
        st.code(json.dumps(facts, ensure_ascii=False, indent=1), language="json", height=420)
