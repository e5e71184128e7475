"""A page with one form: `schema` names a file below schemas/, the value and the layer below stand in the session. Tests open it."""

import json
from pathlib import Path

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.studio.forms.model import Form
from storeloom.studio.forms.pickers import offered
from storeloom.studio.forms.render import config_form
from storeloom.studio.pictures import Camera

st.set_page_config(layout="wide")
given = st.query_params.get("schema")
chosen = st.session_state.get("schema_file") or (schemas.SCHEMAS / f"{given}.json")
file = Path(str(chosen))
value = st.session_state.setdefault("value", json.loads(st.query_params.get("value", "{}")))
st.session_state.setdefault("lang", st.query_params.get("lang", "en"))
devices = {"cam-1": {"kind": "camera", "zone": "fresh"}, "clock-1": {"kind": "access", "zone": "door"}}
tables = {
    "products": [{"gtin": "6901", "name": "Milk"}],
    "staff": [{"staff": "s-1", "name": "An"}],
    "zones": [{"zone": "z-1", "name": "Dairy"}],
}


def store(new: dict[str, object]) -> None:
    st.session_state["value"] = new
    st.session_state["edits"] = st.session_state.get("edits", 0) + 1


found = tuple(schemas.check(file, value, at="config"))
form = Form(schemas.load(file), value, st.session_state.get("parent"), found, "config", st.session_state.get("layers", {}))
config_form(form, st.session_state.get("form_key", "form"), store, cameras=[Camera("cam-1")], offered=offered({"devices": devices}, tables))
if st.query_params.get("show", "yes") == "yes":
    st.code(json.dumps(st.session_state["value"], ensure_ascii=False))
