"""The config that a trial is compared with: another bundle file, or the draft with some settings changed for the comparison only."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.overlay import diff_patch, merge_patch
from storeloom.studio.common import draft, registry, say, show_findings
from storeloom.studio.draft import Draft, open_draft
from storeloom.studio.forms.model import Form, without_nulls
from storeloom.studio.forms.render import config_form
from storeloom.studio.trials.show import instance_title
from storeloom.studio.words import LANGUAGES, word

AGAINST = ("none", "file", "change")
CHANGES = "trial/changes"


@dataclass(frozen=True)
class Other:
    """The second run of a comparison, None for no comparison; `blocked` where it cannot run yet."""

    run: Mapping[str, Any] | None = None
    blocked: bool = False


def other_config(against: str, composition: Composition) -> Other:
    """Let the reader choose the other config, and say what is wrong with it."""
    if against == "none":
        return Other()
    if against == "file":
        path = st.text_input(say("try_other_file"), key="other_file", placeholder=str(draft().path))
        if not path:
            return Other(blocked=True)
        found = open_draft(path)
        name = str(found.data.get("name", found.path.stem))
        return _checked(found, dict.fromkeys(LANGUAGES, name))
    data = _changed(composition)
    if data is None:
        return Other(blocked=True)
    return _checked(Draft(draft().path, data), said_both("run_changed"))


def said_both(key: str) -> dict[str, str]:
    """A word of the studio by language: what is kept with a trial is read in either."""
    return {lang: word(key, lang) for lang in LANGUAGES}


def _checked(other: Draft, label: Mapping[str, str]) -> Other:
    composed = other.compose(registry())
    if composed.plan is None:
        st.markdown(f"**{say('try_other_blocked')}**")
        show_findings(composed.errors)
        return Other(blocked=True)
    return Other({"name": composed.sources.name, "label": label, "path": str(other.path), "data": other.data})


def _changed(composition: Composition) -> dict[str, Any] | None:
    """The draft's values with the settings that are changed here; None while nothing is."""
    solutions = composition.sources.value.get("solutions", {})
    names = [one.name for one in composition.instances]
    titles = {name: instance_title(name, solutions[name].get("solution", name)) for name in names}
    chosen = st.selectbox(say("try_change_of"), names, format_func=titles.__getitem__, key="change_of")
    changes: dict[str, dict[str, Any]] = st.session_state.get(CHANGES, {})
    if chosen:
        entry = registry().catalogue.solution(solutions[chosen].get("solution", chosen))
        before = solutions[chosen].get("config", {})
        value = merge_patch(before, changes.get(chosen, {}))
        found = tuple(schemas.check(entry.schema_file, value, at="config"))

        def store(new: dict[str, Any]) -> None:
            patch = diff_patch(before, without_nulls(new))
            rest = {name: one for name, one in st.session_state.get(CHANGES, {}).items() if name != chosen}
            st.session_state[CHANGES] = {**rest, chosen: patch} if patch else rest

        form = Form(schemas.load(entry.schema_file), value, before, found, "config")
        with st.container(border=True, height=420):
            config_form(form, f"change/{chosen}", store)
    named = {name: patch for name, patch in changes.items() if name in names}
    if not named:
        st.caption(say("try_no_changes"))
        return None
    said = "; ".join(f"{name}.{key} = {schemas.show(value, 40)}" for name, patch in named.items() for key, value in patch.items())
    st.caption(say("try_changes", what=f"`{said}`"))
    new = deepcopy(draft().data)
    for name, patch in named.items():
        new = merge_patch(new, {"solutions": {name: {"config": patch}}})
    return new
