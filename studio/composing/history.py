"""What was done to the draft: undo, redo, and each kept state in words."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from storeloom.studio.common import draft, faults_shown, say
from storeloom.studio.composing.changes import solution_words
from storeloom.studio.composing.common import listed
from storeloom.studio.draft_file import Step

UNDO, REDO = "Alt+Z", "Alt+Y"


def undo_redo() -> None:
    """The two buttons, and what is kept where."""
    bundle = draft()
    before, after = bundle.home.ways() if bundle.home and bundle.at else (None, None)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(say("undo"), key="undo", icon=":material/undo:", shortcut=UNDO, disabled=before is None, on_click=go_to, args=(before,))
        st.button(say("redo"), key="redo", icon=":material/redo:", shortcut=REDO, disabled=after is None, on_click=go_to, args=(after,))
        st.caption(f":material/cloud_done: {say('kept_draft')}" if bundle.at else say("unkept_draft"))


def go_to(n: int | None) -> None:
    """Let a kept state be the bundle in work."""
    if n is not None:
        with faults_shown():
            draft().go(n)


def step_words(step: Step) -> str:
    """A kept state: when, and by which act."""
    facts = dict(step.facts)
    if "solutions" in facts:
        facts["solutions"] = listed(solution_words(facts["solutions"]))
    return f"{moment(step.at)} · {say(step.word, **facts)}"


def moment(at: datetime) -> str:
    """An instant on the reader's clock, where the browser tells its time zone; else on the server's."""
    from zoneinfo import ZoneInfo

    zone = st.context.timezone
    return f"{at.astimezone(ZoneInfo(zone) if zone else None):%Y-%m-%d %H:%M:%S}"
