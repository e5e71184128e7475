"""The bundle's solutions: a list, and the chosen one's form with what is found about it beside each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.errors import Finding, worst
from storeloom.core.kernel.registry import Entry
from storeloom.studio.address import asked, go
from storeloom.studio.common import draft, faults_shown, fresh, language, registry, say, show_findings, title_of
from storeloom.studio.composing.common import about, instance_title, layer_title, present, profile_of
from storeloom.studio.draft import below
from storeloom.studio.forms.model import Form, without_nulls
from storeloom.studio.forms.model import Path as Place
from storeloom.studio.forms.pickers import offered
from storeloom.studio.forms.render import config_form
from storeloom.studio.pictures import cameras_of

CHOSEN = "chosen"
ADD = "add/solution"


def solutions(composition: Composition) -> None:
    """The list beside the chosen one."""
    found = present(composition)
    left, right = st.columns([2, 5], gap="large")
    with left:
        chosen = _choose(found, composition)
        _add(found)
    with right:
        if chosen:
            _one(chosen, found[chosen], composition)


def _choose(found: Mapping[str, Entry | None], composition: Composition) -> str | None:
    if not found:
        return None
    marks = {name: _mark(worst(about(name, composition))) for name in found}
    labels = {name: f"{instance_title(name, entry)}{marks[name]}" for name, entry in found.items()}
    names = list(labels)
    last = asked("at", names) or names[0]
    st.session_state[CHOSEN] = last
    chosen: str = st.radio(say("in_this_bundle", n=len(names)), names, format_func=labels.__getitem__, key=CHOSEN, on_change=_chosen)
    return chosen


def _chosen() -> None:
    go(at=st.session_state[CHOSEN])


def _mark(severity: str | None) -> str:
    mark = {"error": ":red[:material/error:", "warning": ":orange[:material/warning:"}.get(severity or "")
    return f"  {mark} {say(severity or '')}]" if mark else ""


def _add(found: Mapping[str, Entry | None]) -> None:
    known = registry().catalogue.solutions
    rest = {name: title_of(entry.facts) for name, entry in known.items() if entry.enabled and name not in found}
    if not rest:
        return
    if st.session_state.get(ADD) not in rest:
        st.session_state[ADD] = None
    st.selectbox(say("add"), list(rest), index=None, format_func=rest.__getitem__, key=ADD, placeholder=say("choose"))
    st.button(say("add_button"), key="add", icon=":material/add:", on_click=_added)


def _added() -> None:
    new = st.session_state[ADD]
    if new:
        with faults_shown():
            draft().add(new)
            go(at=new)


def _one(name: str, entry: Entry | None, composition: Composition) -> None:
    """A solution's form; what is about the whole of it stands above."""
    st.subheader(instance_title(name, entry))
    if entry is not None:
        st.caption(entry["purpose_zh" if language() == "zh" else "purpose_en"])
    findings = about(name, composition)
    at = f"solutions.{name}.config"
    inside = [f for f in findings if entry is not None and (f.path == at or f.path.startswith((f"{at}.", f"{at}[")))]
    show_findings([f for f in findings if f not in inside], fixable=True)
    if entry is not None:
        _form(name, entry, composition, inside)
    st.button(say("remove"), key=f"remove/{name}", icon=":material/delete:", on_click=_removed, args=(name, composition))


def _removed(name: str, composition: Composition) -> None:
    with faults_shown():
        draft().remove(name, composition)


def _form(name: str, entry: Entry, composition: Composition, findings: Sequence[Finding]) -> None:
    config = composition.sources.value["solutions"][name].get("config", {})
    before = below(composition).get("solutions", {}).get(name, {}).get("config", {})
    layered = composition.sources.layered
    titles = {layer.name: layer_title(layer, composition) for layer in layered.layers}
    rows = layered.explain("solutions", name, "config")
    layers: dict[Place, str] = {row.path[3:]: titles[row.origin.layer] for row in rows if row.origin.layer != "default"}
    form = Form(schemas.load(entry.schema_file), config, before, tuple(findings), f"solutions.{name}.config", layers)

    def store(said: Mapping[str, Any]) -> None:
        with faults_shown():
            draft().configure(name, without_nulls(said), composition)

    cameras, choices = cameras_of(composition, name, registry()), offered(profile_of(composition))
    config_form(form, fresh(f"form/{name}"), store, cameras=cameras, offered=choices)
