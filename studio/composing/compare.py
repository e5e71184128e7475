"""Two versions of a bundle side by side: this draft, a state that it was in, or a file."""

from __future__ import annotations

import streamlit as st

from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.sources import Sources
from storeloom.studio.common import draft, faults_shown, registry, say
from storeloom.studio.composing.changes import change_between, show_change
from storeloom.studio.composing.history import go_to, step_words
from storeloom.studio.draft import EXAMPLE, Draft, open_draft

NOW, FILE = 0, -1
MOST = 200


def compare(composition: Composition) -> None:
    """Choose two versions, and read what differs."""
    home = draft().home
    steps = [step for step in (home.steps() if home else []) if step.n != draft().at][:MOST]
    words = {NOW: say("version_now"), **{step.n: step_words(step) for step in steps}, FILE: say("version_file")}
    left, right = st.columns(2)
    with left:
        chosen, one = _version("compare/before", say("before"), words, steps[-1].n if steps else FILE, composition)
    with right:
        _, other = _version("compare/after", say("after"), words, NOW, composition)
    if one is not None and other is not None:
        show_change(change_between(one, other), "compare/table")
    if chosen > 0:
        st.button(say("go_back_to"), key="go_back", icon=":material/history:", on_click=go_to, args=(chosen,))
    if not steps:
        st.caption(say("no_history"))


def _version(key: str, label: str, words: dict[int, str], first: int, composition: Composition) -> tuple[int, Sources | None]:
    """The number of the chosen version, and its layers; None where its file cannot be read."""
    names = list(words)
    n: int = st.selectbox(label, names, index=names.index(first), format_func=words.__getitem__, key=f"{key}/{first}")
    if n == NOW:
        return n, composition.sources
    if n == FILE:
        path = st.text_input(say("open_file"), value=str(EXAMPLE), key=f"{key}/file")
        with faults_shown():
            return n, open_draft(path).sources(registry().catalogue)
        return n, None
    home = draft().home
    path_of, data = home.read(n) if home else (draft().path, draft().data)
    return n, Draft(path_of, data).sources(registry().catalogue)
