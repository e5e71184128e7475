"""Catalogue: the pillars and scenarios as a map with counts and coverage, search and filters, and one solution's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from storeloom.core.commands.catalogue import PILLARS
from storeloom.core.kernel.registry import Catalogue, Entry
from storeloom.core.virtual.formats import NAMES
from storeloom.studio.address import asked, go, kept
from storeloom.studio.common import faults_shown, language, registry, say, show_findings, title_of
from storeloom.studio.searching import Searcher
from storeloom.studio.solution_page import solution_page

LOADS = ("light", "vision", "forecast", "optimise")
FILTERS = ("pillar", "scenario", "format", "device", "load")
PAGE = 24
FILTER_PX = 148
COLUMNS = 3


@st.cache_resource
def searcher() -> Searcher:
    """The search over what is installed, made once a process."""
    known = registry().catalogue
    return Searcher({name: entry.facts for name, entry in known.solutions.items()}, known.scenarios)


def page() -> None:
    """The map, what was searched for, or the solution that the address names."""
    known = registry().catalogue
    chosen = asked("solution")
    if chosen:
        st.button(say("back"), icon=":material/arrow_back:", key="back", on_click=go, kwargs={"solution": None})
        with faults_shown():
            solution_page(known.solution(chosen), known)
    else:
        _search(known)
        if known.findings:
            with st.expander(say("unusable", n=len(known.findings)), icon=":material/error:"):
                show_findings(known.findings)


def pillar_title(name: str) -> str:
    return PILLARS[name][0 if language() == "zh" else 1]


def _search(known: Catalogue) -> None:
    st.title(say("catalogue"))
    if not known.solutions:
        st.info(say("nothing_installed"))
        return
    st.write(say("catalogue_lead", solutions=len(known.solutions), scenarios=len(known.scenarios)))
    typed = st.text_input(
        say("search"), placeholder=say("search_hint"), icon=":material/search:", live=True, value=asked("search"), **kept("search")
    )
    filters = _filters(known)
    words = (typed or "").split()
    fitting = [name for name, entry in known.solutions.items() if _fits(entry, filters)]
    found = [known.solutions[name] for name in (searcher().search(words, fitting) if words else fitting)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(say("found", n=len(found)), width="content")
        if words or any(filters.values()):
            cleared = dict.fromkeys(("search", "shown", *FILTERS))
            st.button(say("clear_filters"), key="clear", type="tertiary", icon=":material/close:", on_click=go, kwargs=cleared)
    if not found:
        st.info(say("nothing_found"))
    elif words or filters["scenario"]:
        _list(found, known)
    else:
        _map(found, known, filters["pillar"])


def _filters(known: Catalogue) -> dict[str, str]:
    counts = Counter(entry["scenario"] for entry in known.solutions.values())
    pillar = asked("pillar", PILLARS)
    scenarios = {name: facts for name, facts in known.scenarios.items() if not pillar or facts["pillar"] == pillar}
    used = {kind for entry in known.solutions.values() for kind in kinds_of(entry)}
    kinds = {name: title_of(facts) for name, facts in known.adapter_kinds.items() if name in used}
    with st.container(horizontal=True, gap="small"):
        return {
            "pillar": _filter("pillar", say("pillar"), {name: pillar_title(name) for name in PILLARS}),
            "scenario": _filter(
                "scenario", say("scenario"), {name: f"{title_of(facts)} ({counts[name]})" for name, facts in scenarios.items()}
            ),
            "format": _filter("format", say("format"), {name: say(name) for name in NAMES}),
            "device": _filter("device", say("device_kind"), dict(sorted(kinds.items(), key=lambda pair: pair[1]))),
            "load": _filter("load", say("load"), {name: say(name) for name in LOADS}),
        }


def _filter(key: str, label: str, labels: dict[str, str]) -> str:
    """One of the labelled names, empty for all."""
    labels = {"": say("all"), **labels}
    at = list(labels).index(asked(key, labels))
    chosen: str = st.selectbox(label, list(labels), at, format_func=labels.__getitem__, width=FILTER_PX, **kept(key, labels))
    return chosen


def kinds_of(entry: Entry) -> set[str]:
    """The kinds of device that a solution uses or may use."""
    return {kind for spec in entry["adapters"] for kind in spec.rstrip("?").split("|")}


def _fits(entry: Entry, filters: Mapping[str, str]) -> bool:
    return (
        filters["pillar"] in ("", entry["pillar"])
        and filters["scenario"] in ("", entry["scenario"])
        and (not filters["format"] or filters["format"] in entry["formats"])
        and (not filters["device"] or filters["device"] in kinds_of(entry))
        and filters["load"] in ("", entry["load"])
    )


def _map(found: list[Entry], known: Catalogue, only: str) -> None:
    """Coverage of each format by pillar, then every scenario by pillar with its count and formats."""
    pillars = [name for name in PILLARS if not only or name == only]
    with st.expander(say("coverage"), icon=":material/grid_on:", expanded=True):
        st.markdown(_coverage(found, pillars))
    for pillar in pillars:
        scenarios = [name for name, facts in known.scenarios.items() if facts["pillar"] == pillar]
        inside = [entry for entry in found if entry["pillar"] == pillar]
        with st.container(border=True):
            st.subheader(pillar_title(pillar), anchor=False)
            st.caption(say("pillar_counts", n=len(inside), scenarios=len(scenarios)))
            for first in range(0, len(scenarios), COLUMNS):
                for column, scenario in zip(st.columns(COLUMNS), scenarios[first : first + COLUMNS], strict=False):
                    with column.container(gap="xxsmall"):
                        _scenario(scenario, known.scenarios[scenario], [entry for entry in inside if entry["scenario"] == scenario])


def _coverage(found: list[Entry], pillars: list[str]) -> str:
    head = [say("format"), *map(pillar_title, pillars), say("in_all")]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name in NAMES:
        counts = [sum(entry["pillar"] == pillar and name in entry["formats"] for entry in found) for pillar in pillars]
        rows.append([say(name), *(str(one or "–") for one in counts), f"**{sum(counts)}**"])
    rows.append([f"**{say('in_all')}**", *(f"**{sum(e['pillar'] == one for e in found)}**" for one in pillars), f"**{len(found)}**"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _scenario(name: str, facts: Mapping[str, Any], entries: list[Entry]) -> None:
    """A scenario's title as the way to its solutions, and how many of them each format has."""
    if not entries:
        st.markdown(f"{title_of(facts)}  \n:small[{say('not_yet')}]")
        return
    st.button(
        f"{title_of(facts)} ({len(entries)})",
        key=f"scenario/{name}",
        type="tertiary",
        icon=":material/chevron_right:",
        help=say("scenario_open"),
        on_click=go,
        kwargs={"scenario": name, "shown": None},
    )
    st.markdown(" ".join(_badges(entries)))


def _badges(entries: list[Entry]) -> Iterable[str]:
    for one in NAMES:
        count = sum(one in entry["formats"] for entry in entries)
        if count:
            yield f":blue-badge[{say(one)} {count}]"


def _list(found: list[Entry], known: Catalogue) -> None:
    """Solutions one below the other, a page at a time."""
    wanted = asked("shown")
    many = int(wanted) if wanted.isdigit() else PAGE
    for entry in found[:many]:
        with st.container(border=True, gap="xsmall"):
            off = "" if entry.enabled else f" ({say('switched_off')})"
            st.button(
                f"**{title_of(entry.facts)}**{off}",
                key=f"show/{entry.id}",
                type="tertiary",
                icon=":material/chevron_right:",
                on_click=go,
                kwargs={"solution": entry.id},
            )
            st.markdown(entry["purpose_zh" if language() == "zh" else "purpose_en"])
            scenario = known.scenarios.get(entry["scenario"])
            place = f"{pillar_title(entry['pillar'])} / {title_of(scenario) if scenario else entry['scenario']}"
            st.caption(f"{place} · {', '.join(say(one) for one in entry['formats'])} · {say(entry['load'])}")
    rest = len(found) - many
    if rest > 0:
        st.button(say("show_more", n=min(PAGE, rest)), key="more", on_click=go, kwargs={"shown": str(many + PAGE)})


page()
