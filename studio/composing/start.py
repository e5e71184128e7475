"""How a bundle begins: from what the retailer wants, from a template, or from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.goals import Advice, Goal, Serving, read_goals, recommend
from storeloom.core.virtual.formats import NAMES, default_profile
from storeloom.studio.address import asked, go
from storeloom.studio.common import draft, faults_shown, first, heading_of, held, language, registry, replace_draft, say, title_of
from storeloom.studio.composing.common import kind_title, kinds_of, listed, present, profile_of
from storeloom.studio.composing.drafts import drafts
from storeloom.studio.draft import EXAMPLE, new_draft, open_draft, templates

WAYS = {"goals": "way_goals", "template": "way_template", "file": "way_file", "drafts": "way_drafts"}
OPEN, WAY, FORMAT, CHOSEN = "start/open", "start/way", "new_format", "start/goals"
ARROW = {"higher": ":material/trending_up:", "lower": ":material/trending_down:"}
BETTER = {"higher": "figure_higher", "lower": "figure_lower"}


def start(composition: Composition) -> None:
    """The ways to begin; open by itself where nothing is composed yet."""
    empty = not present(composition)
    shown = first(OPEN, empty or bool(asked("goals")))
    box = st.expander(say("start"), shown, icon=":material/add_circle:", key=OPEN, on_change="rerun")
    if not box.open:
        return
    with box:
        names = list(WAYS)
        way = st.segmented_control(
            say("way"), names, format_func=lambda one: say(WAYS[one]), key=held(WAY, names), required=True, label_visibility="collapsed"
        )
        if way == "goals":
            _goals(composition)
        elif way == "template":
            _template()
        elif way == "drafts":
            drafts()
        else:
            _file()


def _file() -> None:
    st.text_input(say("open_file"), value=str(EXAMPLE), key="open_path", help=say("open_file_note"))
    st.button(say("open_button"), key="open", icon=":material/folder_open:", on_click=_opened)


def _opened() -> None:
    with faults_shown():
        replace_draft(open_draft(st.session_state["open_path"]))
        st.session_state[OPEN] = False


def _format() -> str:
    formats = {name: say(name) for name in NAMES}
    chosen: str = st.selectbox(say("format"), list(formats), format_func=formats.__getitem__, key=held(FORMAT, list(formats)))
    return chosen


def _template() -> None:
    found = templates()
    left, right = st.columns(2)
    with left:
        _format()
    kinds = {"": say("empty"), **{name: say(name) if name in NAMES else name for name in found}}
    with right:
        st.selectbox(say("template"), list(kinds), format_func=kinds.__getitem__, key=held("new_template", list(kinds)))
    st.button(say("begin_button"), key="begin", icon=":material/add:", on_click=_begun, args=(found,))


def _begun(found: Mapping[str, Path]) -> None:
    template = found.get(st.session_state["new_template"])
    replace_draft(new_draft(say("new_name"), st.session_state[FORMAT], template), "did_begin")
    st.session_state[OPEN] = False


# goals


def _goals(composition: Composition) -> None:
    """What the retailer wants, and what is recommended for it and why."""
    with faults_shown():
        goals = read_goals()
        st.session_state[CHOSEN] = [one for one in asked("goals").split(",") if one in goals]
        chosen = st.pills(
            say("goals"),
            list(goals),
            selection_mode="multi",
            format_func=lambda one: str(getattr(goals[one], language())),
            key=CHOSEN,
            on_change=_goals_chosen,
        )
        profile = profile_of(composition)
        if FORMAT not in st.session_state and profile.get("format") in NAMES:
            st.session_state[FORMAT] = profile["format"]
        store_format = _format()
        if not chosen:
            st.info(say("no_goals"))
            return
        own = profile.get("format") == store_format
        kinds = kinds_of(profile if own else default_profile(store_format))
        wanted = [goals[one] for one in chosen]
        advised = recommend(wanted, store_format, registry().catalogue, kinds)
        _advised(wanted, advised, store_format, composition, own)


def _goals_chosen() -> None:
    go(goals=",".join(st.session_state[CHOSEN]))


def _advised(wanted: Sequence[Goal], advised: Sequence[Advice], store_format: str, composition: Composition, own: bool) -> None:
    there = present(composition)
    served = {goal for one in advised for goal, _ in one.serves}
    for goal in wanted:
        if goal.id not in served:
            st.warning(say("goal_unserved", goal=getattr(goal, language()), format=say(store_format)))
    if not advised:
        return
    st.markdown(f"**{say('recommended', format=say(store_format))}**")
    for one in advised:
        _advice(one, wanted, own and one.solution in there)
    taken = [one.solution for one in advised if st.session_state.get(_tick(one.solution))]
    _more(wanted, advised, store_format)
    with st.container(horizontal=True, gap="small"):
        st.button(
            say("begin_with", n=len(taken)),
            key="begin_goals",
            type="primary",
            icon=":material/add:",
            disabled=not taken,
            on_click=_begun_with,
            args=(store_format, taken, dict(profile_of(composition)) if own else None),
        )
        new = [one for one in taken if one not in there]
        st.button(
            say("add_these", n=len(new)), key="add_goals", icon=":material/playlist_add:", disabled=not new, on_click=_added, args=(new,)
        )


def _tick(solution: str) -> str:
    return f"goal/{solution}"


def _advice(one: Advice, wanted: Sequence[Goal], there: bool) -> None:
    """A recommended solution: taken or not, and the reasons."""
    entry = registry().catalogue.solutions[one.solution]
    taken = first(_tick(one.solution), not one.lacks)
    with st.container(border=True, gap="xxsmall"):
        st.checkbox(f"**{title_of(entry.facts)}**", taken, key=_tick(one.solution))
        titles = {goal.id: str(getattr(goal, language())) for goal in wanted}
        for goal, serving in one.serves:
            st.markdown(f"{ARROW[serving.better]} {say('serves', goal=titles[goal], figure=_figure(entry['kpis'], serving))}")
        if one.feeds:
            st.markdown(f":material/link: {say('feeds', what=listed(_fed(one.feeds)))}")
        if one.lacks:
            kinds = listed([say("or").join(map(kind_title, spec.split(" / "))) for spec in one.lacks])
            st.markdown(f":material/warning: :orange[{say('lacks', kinds=kinds)}]")
        st.caption(entry["purpose_zh" if language() == "zh" else "purpose_en"] + (f" · {say('in_bundle')}" if there else ""))


def _figure(kpis: Mapping[str, Any], serving: Serving) -> str:
    return say(BETTER[serving.better], figure=title_of(kpis[serving.kpi]))


def _fed(feeds: Sequence[tuple[str, str]]) -> list[str]:
    known = registry().catalogue.solutions
    return [f"{heading_of(schemas.load(schemas.stream_file(s)), s)} → {title_of(known[solution].facts)}" for s, solution in feeds]


def _more(wanted: Sequence[Goal], advised: Sequence[Advice], store_format: str) -> None:
    """Further solutions in the goals' scenarios, to be added one by one later."""
    scenarios = {name for goal in wanted for name in goal.scenarios}
    taken = {one.solution for one in advised}
    rest = [
        title_of(entry.facts)
        for entry in registry().catalogue.solutions.values()
        if entry["scenario"] in scenarios and entry.enabled and store_format in entry["formats"] and entry.id not in taken
    ]
    if rest:
        st.caption(say("more_there", names=listed(rest[:12]) + (" …" if len(rest) > 12 else "")))


def _begun_with(store_format: str, solutions: Sequence[str], profile: Mapping[str, Any] | None) -> None:
    """A bundle of these solutions, for the store in work where it is of the format, else for an ordinary one."""
    with faults_shown():
        new = new_draft(say("new_name"), store_format, None, profile)
        new.add(*solutions)
        replace_draft(new, "did_begin")
        _closed()


def _added(solutions: Sequence[str]) -> None:
    with faults_shown():
        draft().add(*solutions)
        _closed()


def _closed() -> None:
    st.session_state[OPEN] = False
    go(goals=None)
