"""A page with a region editor, its value as JSON, and a button that changes the value from outside. The browser test opens it."""

import json

import streamlit as st

from storeloom.studio.components.region_editor import RowField, region_editor

OUTSIDE = {
    "lines": [{"from": [0.1, 0.2], "to": [0.9, 0.2], "kind": "door"}],
    "polygons": [{"polygon": [[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.8]], "name": "bow"}],
}
FIELDS = {"lines": [RowField("kind", "Kind", "choice", ("door", "passer"))]}
FRESH = {"lines": {"kind": "door"}, "polygons": {}, "boxes": {}}

kind = st.query_params.get("kind", "lines")
value = st.session_state.setdefault("value", [])
if st.button("outside"):
    st.session_state["value"] = value = OUTSIDE[kind]


def keep(new: list[object]) -> None:
    st.session_state["value"] = new


picture = st.session_state.get("picture")
drawn = region_editor(
    picture,
    value,
    keep,
    kind=kind,
    names=["A", "B"] if kind == "polygons" else None,
    lang=st.query_params.get("lang", "en"),
    key="drawn",
    fields=FIELDS.get(kind, ()),
    fresh=FRESH.get(kind),
)
st.code(json.dumps(drawn, ensure_ascii=False))
