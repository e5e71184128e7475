"""Where values come from: each template and overlay as what it changes, and every value with who set it."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.compose import Composition
from storeloom.studio.common import held, say
from storeloom.studio.composing.changes import change_of_layer, show_change
from storeloom.studio.composing.common import file_name, layer_title


def layers(composition: Composition) -> None:
    """The layers from the base to the most particular, then all values."""
    layered = composition.sources.layered
    st.caption(say("layers_lead"))
    for at, layer in list(enumerate(layered.layers))[1:]:
        change = change_of_layer(layered, at)
        count = len(change.come) + len(change.gone) + len(change.lines)
        with st.expander(f"{at}. {layer_title(layer, composition)} ({count})", expanded=at > 1 and count > 0):
            if layer.document is not None:
                st.caption(f"`{file_name(layer.document.path)}`")
            show_change(change, f"layer/{at}")
    with st.expander(say("all_values"), key="all_values", on_change="rerun") as box:
        if box.open:
            _values(composition)


def _values(composition: Composition) -> None:
    layered = composition.sources.layered
    titles = {layer.name: layer_title(layer, composition) for layer in layered.layers}
    rows = layered.explain()
    counts = Counter(titles[row.origin.layer] for row in rows)
    labels = {"": say("all"), **{layer: f"{layer} ({count})" for layer, count in counts.items()}}
    chosen = st.selectbox(say("layer"), list(labels), format_func=labels.__getitem__, key=held("origin_layer", list(labels)))
    st.dataframe(
        [
            {
                say("setting"): ".".join(map(str, row.path)),
                say("value"): schemas.show(row.value),
                say("layer"): titles[row.origin.layer],
                say("place"): f"{file_name(row.origin.path)}:{row.origin.line}" if row.origin.path and row.origin.line else "",
                say("overridden"): "; ".join(f"{titles[layer]}{say('colon')}{schemas.show(value)}" for layer, value in row.overridden),
            }
            for row in rows
            if not chosen or titles[row.origin.layer] == chosen
        ],
        hide_index=True,
    )
