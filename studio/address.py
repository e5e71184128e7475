"""Choices that stand in the page's address: they last over a reload, a link carries them, and the browser's way back undoes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from storeloom.studio.common import language


def asked(key: str, allowed: Collection[str] | None = None) -> str:
    """What the address says of a choice, empty where nothing that is allowed."""
    said = st.query_params.get(key, "")
    return said if allowed is None or said in allowed else ""


def kept(key: str, allowed: Collection[str] | None = None, otherwise: str = "") -> dict[str, Any]:
    """The arguments of a widget whose value is the address's, `otherwise` where it says nothing: `key` is the name of both."""
    st.session_state[key] = asked(key, allowed) or otherwise
    return {"key": key, "on_change": _told, "args": (key,)}


def go(**choices: str | None) -> None:
    """Let the address say so; None or nothing takes a choice out. For a button's `on_click`, or before `st.rerun`."""
    for name, value in choices.items():
        if value:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]


def turn_to(page: str, **choices: str) -> None:
    """Another page, with what its address is to say; in the reader's language, which Streamlit would not take along."""
    st.switch_page(f"views/{page}.py", query_params={"lang": language(), **choices})


def _told(key: str) -> None:
    go(**{key: str(st.session_state.get(key) or "")})
