"""Compose: a bundle's solutions and their settings, with the kernel's findings beside what they are about."""

from __future__ import annotations

import streamlit as st

from storeloom.core.kernel.capacity import needed
from storeloom.core.kernel.compose import Composition
from storeloom.core.virtual.formats import NAMES
from storeloom.studio.address import asked, go
from storeloom.studio.common import BOX, draft, faults_shown, registry, say, show_findings
from storeloom.studio.composing.common import present, profile_of
from storeloom.studio.composing.compare import compare
from storeloom.studio.composing.cost import cost
from storeloom.studio.composing.deliver import deliver, offered
from storeloom.studio.composing.history import undo_redo
from storeloom.studio.composing.layers import layers
from storeloom.studio.composing.saving import saving
from storeloom.studio.composing.solutions import solutions
from storeloom.studio.composing.start import start
from storeloom.studio.composing.wiring import wiring

PARTS = {"solutions": solutions, "wiring": wiring, "cost": cost, "layers": layers, "compare": compare, "save": saving, "deliver": deliver}


def page() -> None:
    """The bundle in work, part by part."""
    with faults_shown():
        composition = draft().compose(registry())
        _head(composition)
        start(composition)
        PARTS[_part()](composition)


def _part() -> str:
    """The part that the address names; the first by itself."""
    names = [name for name in PARTS if name != "deliver" or offered()]
    st.session_state["part"] = asked("part", names) or names[0]
    chosen: str | None = st.segmented_control(
        say("part_of_page"), names, format_func=say, key="part", required=True, label_visibility="collapsed", on_change=_turned
    )
    return chosen or names[0]


def _turned() -> None:
    go(part=st.session_state["part"])


def _head(composition: Composition) -> None:
    """Name, store, whether it can run, and what is found about the whole."""
    st.title(composition.sources.name)
    store = profile_of(composition)
    line = say("no_store")
    if store:
        store_format = store["format"] if store.get("format") in NAMES else "none"
        line = say("store_line", name=store.get("name", store.get("store")), format=say(store_format), n=len(store.get("devices", {})))
    total, _ = needed(composition.instances)
    st.caption(f"{line} · {say('needs', cores=f'{total.cores:.2f}', memory=f'{total.memory_mb:,.0f}')} · `{draft().path.name}`")
    undo_redo()
    if not present(composition):
        st.info(say("no_solutions"), icon=":material/playlist_add:")
        return
    counts = {severity: sum(f.severity == severity for f in composition.findings) for severity in BOX}
    (st.error if counts["error"] else st.success)(f"{'' if counts['error'] else say('fits') + ' '}{say('counts', **counts)}")
    general = [finding for finding in composition.findings if not finding.path.startswith("solutions.")]
    if general:
        st.markdown(f"**{say('general')}**")
        show_findings(general, fixable=True)


page()
