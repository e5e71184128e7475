"""Which stores something is for: all, or those of a region, a tag, a ring, or by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.studio.common import say

WAYS = {"": "all_stores", "region": "by_region", "tag": "by_tag", "ring": "by_ring", "stores": "by_store"}


def choice_form(stores: Sequence[Mapping[str, Any]], key: str) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """Let the reader choose among open stores: what the API calls a choice (empty: all), and the stores that are meant."""
    labels = {name: say(label) for name, label in WAYS.items()}
    way = st.selectbox(say("which_stores"), list(WAYS), format_func=labels.__getitem__, key=f"{key}/way")
    names = {store["id"]: f"{store['name']} ({store['id']})" for store in stores}
    if way == "region":
        chosen = st.selectbox(say("region"), sorted({one["region"] for one in stores if one["region"]}), key=f"{key}/region")
        return ({"region": chosen} if chosen else {"stores": []}), [one for one in stores if one["region"] == chosen]
    if way == "tag":
        tag = st.selectbox(say("tag"), sorted({tag for one in stores for tag in one["tags"]}), key=f"{key}/tag")
        return ({"tag": tag} if tag else {"stores": []}), [one for one in stores if tag in one["tags"]]
    if way == "ring":
        ring = st.selectbox(say("ring"), sorted({one["ring"] for one in stores}), key=f"{key}/ring")
        return ({"ring": ring} if ring is not None else {"stores": []}), [one for one in stores if one["ring"] == ring]
    if way == "stores":
        some = st.multiselect(
            say("stores_named"), list(names), format_func=names.__getitem__, key=f"{key}/stores", placeholder=say("choose")
        )
        return {"stores": list(some)}, [one for one in stores if one["id"] in some]
    return {}, list(stores)
