"""Catalogue: pillars and scenarios with counts, search and filters, and one solution's page."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import streamlit as st

from storeloom.core.commands.catalogue import PILLARS
from storeloom.core.kernel import schemas
from storeloom.core.kernel.registry import Catalogue, Entry
from storeloom.studio.common import draft, faults_shown, heading_of, language, registry, say, show_findings, title_of

FORMATS = ("supermarket", "convenience", "mall", "specialty")
LOADS = ("light", "vision", "forecast", "optimise")


def page() -> None:
    """The list, or the solution that the address names."""
    known = registry().catalogue
    chosen = st.query_params.get("solution")
    if chosen:
        with faults_shown():
            _solution(known.solution(chosen), known)
    else:
        _list(known)
    show_findings(known.findings)


def _pillar(name: str) -> str:
    return PILLARS[name][0 if language() == "zh" else 1]


def _list(known: Catalogue) -> None:
    st.title(say("catalogue"))
    st.write(say("catalogue_lead", solutions=len(known.solutions), scenarios=len(known.scenarios)))
    counts = Counter(entry["scenario"] for entry in known.solutions.values())
    words = st.text_input(say("search"), key="search").lower().split()
    columns = st.columns(4)
    pillar = _filter(columns[0], "pillar", {name: _pillar(name) for name in PILLARS})
    inside = {name: facts for name, facts in known.scenarios.items() if not pillar or facts["pillar"] == pillar}
    scenario = _filter(columns[1], "scenario", {name: f"{title_of(facts)} ({counts[name]})" for name, facts in inside.items()})
    store_format = _filter(columns[2], "format", {name: say(name) for name in FORMATS})
    load = _filter(columns[3], "load", {name: say(name) for name in LOADS})
    found = [
        entry
        for entry in known.solutions.values()
        if (not pillar or entry["pillar"] == pillar)
        and (not scenario or entry["scenario"] == scenario)
        and (not store_format or store_format in entry["formats"])
        and (not load or entry["load"] == load)
        and all(word in _text(entry) for word in words)
    ]
    narrowed = bool(words or pillar or scenario or store_format or load)
    st.caption(say("found", n=len(found)))
    if not found:
        st.info(say("nothing_found"))
    for name in PILLARS:
        of_pillar = [entry for entry in found if entry["pillar"] == name]
        if of_pillar or not narrowed:
            _one_pillar(name, of_pillar, known, narrowed)


def _filter(column: Any, key: str, labels: dict[str, str]) -> str:
    """One of the labelled names, empty for all."""
    labels = {"": say("all"), **labels}
    chosen: str = column.selectbox(say(key), list(labels), format_func=labels.__getitem__, key=key)
    return chosen


def _text(entry: Entry) -> str:
    return " ".join((entry.id, entry["zh"], entry["en"], entry["purpose_en"], entry["purpose_zh"])).lower()


def _one_pillar(name: str, found: list[Entry], known: Catalogue, narrowed: bool) -> None:
    """A pillar's scenarios in columns, each with its solutions."""
    with st.container(border=True):
        st.subheader(f"{_pillar(name)} ({len(found)})")
        scenarios = [s for s, facts in known.scenarios.items() if facts["pillar"] == name]
        shown = [s for s in scenarios if not narrowed or any(entry["scenario"] == s for entry in found)]
        columns = st.columns(3)
        for number, scenario in enumerate(shown):
            inside = [entry for entry in found if entry["scenario"] == scenario]
            title = title_of(known.scenarios[scenario])
            with columns[number % 3].container(gap="xxsmall"):
                st.markdown(f"**{title}** ({len(inside)})" if inside else f":gray[{title} (0)]")
                for entry in inside:
                    off = "" if entry.enabled else f" ({say('switched_off')})"
                    label = f"{title_of(entry.facts)}{off}"
                    if st.button(label, key=f"show/{entry.id}", type="tertiary", icon=":material/chevron_right:"):
                        st.query_params["solution"] = entry.id
                        st.rerun()


def _solution(entry: Entry, known: Catalogue) -> None:
    if st.button(say("back"), icon=":material/arrow_back:"):
        del st.query_params["solution"]
        st.rerun()
    st.title(title_of(entry.facts))
    scenario = known.scenarios.get(entry["scenario"], {})
    st.caption(f"{_pillar(entry['pillar'])} / {title_of(scenario) if scenario else entry['scenario']} · `{entry.id}` {entry['version']}")
    st.write(entry["purpose_zh" if language() == "zh" else "purpose_en"])
    if entry.id in draft().compose(registry()).sources.value.get("solutions", {}):
        st.success(say("in_bundle"))
    elif st.button(say("add_to_bundle"), type="primary", icon=":material/add:"):
        draft().add(entry.id)
        st.rerun()
    facts = {
        say("format"): ", ".join(say(one) for one in entry["formats"]),
        say("load"): say(entry["load"]),
        say("takes"): _streams(entry["consumes"]),
        say("gives"): _streams(entry["produces"]),
        say("devices"): _specs(entry["adapters"], known),
        say("tables"): _specs(entry["reads"], known),
    }
    st.markdown("  \n".join(f"**{name}**{say('colon')}{value or say('none')}" for name, value in facts.items()))
    st.subheader(say("config"))
    _config(entry)
    st.subheader(say("figures"))
    st.table([{say("figure"): title_of(one), say("key"): key, say("unit"): one["unit"]} for key, one in entry["kpis"].items()])


def _streams(specs: list[str]) -> str:
    """Streams in words, with their names."""
    parts = []
    for spec in specs:
        stream = spec.rstrip("?")
        optional = f" {say('optional')}" if spec.endswith("?") else ""
        parts.append(f"{heading_of(schemas.load(schemas.stream_file(stream)), stream)} `{stream}`{optional}")
    return ", ".join(parts)


def _specs(specs: list[str], known: Catalogue) -> str:
    """Devices or tables in words; alternatives joined by or."""
    parts = []
    for spec in specs:
        optional = f" {say('optional')}" if spec.endswith("?") else ""
        names = [title_of(known.adapter_kinds[one]) if one in known.adapter_kinds else f"`{one}`" for one in spec.rstrip("?").split("|")]
        parts.append(say("or").join(names) + optional)
    return ", ".join(parts)


def _config(entry: Entry) -> None:
    rows = []
    for key, facts in schemas.load(entry.schema_file).get("properties", {}).items():
        low, high = (facts.get(name) for name in ("minimum", "maximum"))
        span = f"{'' if low is None else low} … {'' if high is None else high}" if (low, high) != (None, None) else ""
        allowed = ", ".join(map(str, facts["enum"])) if "enum" in facts else span
        rows.append(
            {
                say("setting"): heading_of(facts, key),
                say("default"): json.dumps(facts.get("default"), ensure_ascii=False),
                say("unit"): facts.get("x-unit", ""),
                say("allowed"): allowed,
                say("help"): facts.get("x-help-zh" if language() == "zh" else "description", ""),
                say("key"): f"`{key}`",
            }
        )
    st.table(rows)


page()
