"""The bundle as a file: its name, TOML, and the packed form that a store runs."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.lock import pack
from storeloom.studio.common import draft, faults_shown, registry, say
from storeloom.studio.toml_text import toml_text


def saving(composition: Composition) -> None:
    """Name, file, downloads."""
    bundle = draft()
    key = f"name/{bundle.edition}"
    st.text_input(say("name"), value=composition.sources.name, key=key, on_change=_renamed, args=(key,))
    text = toml_text(bundle.data)
    path = st.text_input(say("save_to"), value=str(bundle.path), key=f"path/{bundle.edition}")
    st.caption(say("save_note"))
    with st.container(horizontal=True, gap="small"):
        saved = st.button(say("save_button"), icon=":material/save:", key="save")
        st.download_button(
            say("download_toml"), text, file_name=bundle.path.name, mime="application/toml", icon=":material/download:", on_click="ignore"
        )
        digest = _packed(composition)
    if saved:
        _written(path, text)
    if digest:
        st.caption(f"{say('digest')}{say('colon')}`{digest}`")
    else:
        st.warning(say("pack_blocked"))
    with st.expander(say("as_toml"), key="as_toml"):
        st.code(text, language="toml")


def _renamed(key: str) -> None:
    with faults_shown():
        draft().rename(st.session_state[key].strip())


def _written(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
        st.success(say("saved", path=path))
    except OSError as error:
        st.error(say("not_saved", path=path, reason=error.strerror))


def _packed(composition: Composition) -> str:
    """The button for the packed bundle; its digest, empty where it cannot be packed."""
    if composition.plan is None:
        return ""
    packed = pack(composition, registry().catalogue)
    st.download_button(
        say("download_pack"),
        packed,
        file_name=f"{draft().path.stem}.bundle.json",
        mime="application/json",
        icon=":material/inventory_2:",
        on_click="ignore",
    )
    return str(json.loads(packed)["digest"])
