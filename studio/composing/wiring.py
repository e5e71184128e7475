"""The bundle's wiring as a graph and as a list."""

from __future__ import annotations

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.errors import worst
from storeloom.studio.common import heading_of, held, say
from storeloom.studio.composing.common import about, instance_title, kind_title, present
from storeloom.studio.graph import MANY, gathered, wiring_dot

AROUND = "around"
FEW = 5


def wiring(composition: Composition) -> None:
    """Which device or solution feeds which, all of it or around one solution."""
    found = present(composition)
    if not composition.edges:
        st.info(say("no_wiring"))
        return
    titles = {name: instance_title(name, entry) for name, entry in found.items()}
    for edge in composition.edges:
        if edge.source.startswith("device:"):
            titles[edge.source] = kind_title(edge.source.removeprefix("device:"))
    streams = {edge.stream: heading_of(schemas.load(schemas.stream_file(edge.stream)), edge.stream) for edge in composition.edges}
    marks = {name: worst(about(name, composition)) or "" for name in found}
    labels = {"": say("all"), **{name: titles[name] for name in found}}
    chosen = st.selectbox(say("around"), list(labels), format_func=labels.__getitem__, key=held(AROUND, list(labels)))
    edges = [edge for edge in gathered(composition.edges) if not chosen or chosen in (edge.source, edge.target)]
    drawn = {name for edge in edges for name in (edge.source, edge.target)} | ({chosen} if chosen else set(found))
    shown = {name: title for name, title in (titles | {MANY: say("many_devices")}).items() if name in drawn}
    st.caption(say("graph_legend"))
    st.graphviz_chart(wiring_dot(edges, shown, streams, marks), width="stretch" if len(drawn) > FEW else "content")
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
