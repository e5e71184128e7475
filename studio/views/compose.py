"""Compose: a bundle's solutions and their settings, with the kernel's findings beside what they are about."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.capacity import needed
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.errors import Finding, worst
from storeloom.core.kernel.lock import pack
from storeloom.core.kernel.overlay import Row
from storeloom.core.kernel.registry import Entry
from storeloom.core.virtual.formats import NAMES
from storeloom.studio.common import BOX, draft, faults_shown, heading_of, language, registry, replace_draft, say, show_findings, title_of
from storeloom.studio.draft import EXAMPLE, below, new_draft, open_draft, templates
from storeloom.studio.forms.model import Form, without_nulls
from storeloom.studio.forms.model import Path as Place
from storeloom.studio.forms.pickers import offered
from storeloom.studio.forms.render import config_form
from storeloom.studio.graph import MANY, gathered, wiring_dot
from storeloom.studio.pictures import cameras_of
from storeloom.studio.toml_text import toml_text


def page() -> None:
    """The bundle in work, by tabs."""
    with faults_shown():
        _open()
        composition = draft().compose(registry())
        _head(composition)
        names = ("solutions", "wiring", "origins", "save")
        tabs = st.tabs([say(name) for name in names])
        for tab, part in zip(tabs, (_solutions, _wiring, _origins, _save), strict=True):
            with tab:
                part(composition)


def _open() -> None:
    with st.expander(say("open"), icon=":material/folder_open:"):
        left, right = st.columns(2)
        with left:
            path = st.text_input(say("open_file"), value=str(EXAMPLE), key="open_path")
            if st.button(say("open_button"), key="open"):
                replace_draft(open_draft(path))
                st.rerun()
        with right:
            found = templates()
            formats = {name: say(name) for name in NAMES}
            store_format = st.selectbox(say("format"), list(formats), format_func=formats.__getitem__, key="new_format")
            kinds = {"": say("empty"), **{name: name for name in found}}
            template = st.selectbox(say("template"), list(kinds), format_func=kinds.__getitem__, key="new_template")
            if st.button(say("begin_button"), key="begin"):
                replace_draft(new_draft(say("new_name"), store_format, found.get(template)))
                st.rerun()


def _head(composition: Composition) -> None:
    bundle = draft()
    st.title(composition.sources.name)
    store: Mapping[str, Any] = composition.sources.store.value if composition.sources.store else {}
    line = say("no_store")
    if store:
        store_format = store["format"] if store.get("format") in NAMES else "none"
        line = say("store_line", name=store.get("name", store.get("store")), format=say(store_format), n=len(store.get("devices", {})))
    total, _ = needed(composition.instances)
    st.caption(f"{line} · {say('needs', cores=f'{total.cores:.2f}', memory=f'{total.memory_mb:.0f}')} · `{bundle.path.name}`")
    counts = {severity: sum(f.severity == severity for f in composition.findings) for severity in BOX}
    (st.error if counts["error"] else st.success)(f"{'' if counts['error'] else say('fits') + ' '}{say('counts', **counts)}")
    general = [finding for finding in composition.findings if not finding.path.startswith("solutions.")]
    if general:
        st.markdown(f"**{say('general')}**")
        show_findings(general, fixable=True)


def _about(name: str, composition: Composition) -> list[Finding]:
    at = f"solutions.{name}"
    return [f for f in composition.findings if f.path == at or f.path.startswith((f"{at}.", f"{at}["))]


def _present(composition: Composition) -> dict[str, Entry | None]:
    """The instances that stand in the bundle and are not switched off; None for a solution that is not installed."""
    found = composition.sources.value.get("solutions", {})
    known = registry().catalogue.solutions
    return {name: known.get(body.get("solution", name)) for name, body in found.items() if body.get("enabled") is not False}


def _title(name: str, entry: Entry | None) -> str:
    if entry is None:
        return name
    return title_of(entry.facts) if name == entry.id else f"{title_of(entry.facts)} ({name})"


def _solutions(composition: Composition) -> None:
    present = _present(composition)
    left, right = st.columns([2, 5], gap="large")
    with left:
        chosen = _choose(present, composition)
        _add(present)
    if chosen:
        with right:
            _one(chosen, present[chosen], composition)


def _choose(present: Mapping[str, Entry | None], composition: Composition) -> str | None:
    if not present:
        return None
    labels = {name: _title(name, entry) for name, entry in present.items()}
    names = list(labels)
    last = st.session_state.get("chosen")
    index = names.index(last) if last in names else 0
    marks = [_mark(worst(_about(name, composition))) for name in names]
    key = f"chosen/{draft().edition}"
    chosen: str = st.radio(say("selected"), names, index=index, format_func=labels.__getitem__, captions=marks, key=key)
    st.session_state["chosen"] = chosen
    return chosen


def _mark(severity: str | None) -> str:
    colour = {"error": "red", "warning": "orange"}.get(severity or "")
    return f":{colour}[{say(severity or '')}]" if colour else ""


def _add(present: Mapping[str, Entry | None]) -> None:
    known = registry().catalogue.solutions
    rest = {name: title_of(entry.facts) for name, entry in known.items() if entry.enabled and name not in present}
    if not rest:
        return
    new = st.selectbox(say("add"), list(rest), format_func=rest.__getitem__, key=f"add/{draft().edition}")
    if st.button(say("add_button"), key="add", icon=":material/add:"):
        draft().add(new)
        st.session_state["chosen"] = new
        st.rerun()


def _one(name: str, entry: Entry | None, composition: Composition) -> None:
    """A solution's form, with what is found about it beside each setting, and what is about the whole of it above."""
    st.subheader(_title(name, entry))
    if entry is not None:
        st.caption(entry["purpose_zh" if language() == "zh" else "purpose_en"])
    findings = _about(name, composition)
    at = f"solutions.{name}.config"
    inside = [f for f in findings if entry is not None and (f.path == at or f.path.startswith((f"{at}.", f"{at}[")))]
    show_findings([f for f in findings if f not in inside], fixable=True)
    if entry is not None:
        _form(name, entry, composition, inside)
    if st.button(say("remove"), key=f"remove/{name}", icon=":material/delete:"):
        draft().remove(name, composition)
        st.rerun()


def _form(name: str, entry: Entry, composition: Composition, findings: Sequence[Finding]) -> None:
    config = composition.sources.value["solutions"][name].get("config", {})
    before = below(composition).get("solutions", {}).get(name, {}).get("config", {})
    rows = composition.sources.layered.explain("solutions", name, "config")
    layers: dict[Place, str] = {row.path[3:]: _layer(row, composition) for row in rows if row.origin.layer != "default"}
    at = f"solutions.{name}.config"
    form = Form(schemas.load(entry.schema_file), config, before, tuple(findings), at, layers)

    def store(said: Mapping[str, Any]) -> None:
        draft().configure(name, without_nulls(said), composition)

    profile: Mapping[str, Any] = composition.sources.store.value if composition.sources.store else {}
    config_form(form, f"form/{name}", store, cameras=cameras_of(composition, name, registry()), offered=offered(profile))


def _layer(row: Row, composition: Composition) -> str:
    own = composition.sources.layered.layers[-1].name
    return say("this_bundle") if row.origin.layer == own else row.origin.layer


def _wiring(composition: Composition) -> None:
    known, present = registry().catalogue, _present(composition)
    titles = {name: _title(name, entry) for name, entry in present.items()}
    for edge in composition.edges:
        kind = edge.source.removeprefix("device:")
        if edge.source.startswith("device:"):
            titles[edge.source] = title_of(known.adapter_kinds[kind]) if kind in known.adapter_kinds else kind
    streams = {edge.stream: heading_of(schemas.load(schemas.stream_file(edge.stream)), edge.stream) for edge in composition.edges}
    marks = {name: worst(_about(name, composition)) or "" for name in present}
    labels = {"": say("all"), **{name: titles[name] for name in present}}
    chosen = st.selectbox(say("around"), list(labels), format_func=labels.__getitem__, key="around")
    edges = [edge for edge in gathered(composition.edges) if not chosen or chosen in (edge.source, edge.target)]
    drawn = {name for edge in edges for name in (edge.source, edge.target)} | ({chosen} if chosen else set(present))
    shown = {name: title for name, title in (titles | {MANY: say("many_devices")}).items() if name in drawn}
    st.caption(say("graph_legend"))
    st.graphviz_chart(wiring_dot(edges, shown, streams, marks), width="stretch" if len(drawn) > 5 else "content")
    with st.expander(say("edges")):
        st.dataframe(
            [
                {
                    say("from"): titles.get(edge.source, edge.source),
                    say("stream"): f"{streams[edge.stream]} ({edge.stream})",
                    say("to"): titles[edge.target],
                    say("needed"): say("yes" if edge.needed else "no"),
                }
                for edge in composition.edges
            ],
            hide_index=True,
        )


def _origins(composition: Composition) -> None:
    rows = composition.sources.layered.explain()
    layers = Counter(_layer(row, composition) for row in rows)
    labels = {"": say("all"), **{layer: f"{layer} ({count})" for layer, count in layers.items()}}
    chosen = st.selectbox(say("layer"), list(labels), format_func=labels.__getitem__, key="origin_layer")
    st.dataframe(
        [
            {
                say("setting"): ".".join(map(str, row.path)),
                say("value"): schemas.show(row.value),
                say("layer"): _layer(row, composition),
                say("place"): f"{Path(row.origin.path).name}:{row.origin.line}" if row.origin.path else "",
                say("overridden"): "; ".join(f"{layer}{say('colon')}{schemas.show(value)}" for layer, value in row.overridden),
            }
            for row in rows
            if not chosen or _layer(row, composition) == chosen
        ],
        hide_index=True,
    )


def _save(composition: Composition) -> None:
    bundle = draft()
    name = st.text_input(say("name"), value=composition.sources.name, key=f"name/{bundle.edition}")
    if name and name != composition.sources.name:
        bundle.data["name"] = name
        st.rerun()
    text = toml_text(bundle.data)
    path = st.text_input(say("save_to"), value=str(bundle.path), key=f"path/{bundle.edition}")
    st.caption(say("save_note"))
    columns = st.columns(3)
    if columns[0].button(say("save_button"), icon=":material/save:", key="save"):
        try:
            Path(path).write_text(text, encoding="utf-8")
            st.success(say("saved", path=path))
        except OSError as error:
            st.error(say("not_saved", path=path, reason=error.strerror))
    columns[1].download_button(say("download_toml"), text, file_name=bundle.path.name, mime="application/toml", icon=":material/download:")
    if composition.plan is not None:
        packed = pack(composition, registry().catalogue)
        columns[2].download_button(
            say("download_pack"),
            packed,
            file_name=f"{bundle.path.stem}.bundle.json",
            mime="application/json",
            icon=":material/inventory_2:",
        )
        digest = json.loads(packed)["digest"]
        st.caption(f"`{digest}`")
    else:
        st.warning(say("pack_blocked"))
    st.code(text, language="toml")


page()
