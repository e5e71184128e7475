"""The reader's drafts, bundles and store profiles: when each was worked on last, opened again, deleted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from storeloom.core.kernel.errors import StoreloomError
from storeloom.studio.address import go, turn_to
from storeloom.studio.browser import browser_of
from storeloom.studio.common import draft, faults_shown, replace_draft, say
from storeloom.studio.draft import kept_draft
from storeloom.studio.draft_file import DraftFile, drafts_folder
from storeloom.studio.fleet.said import plain, span
from storeloom.studio.members import member

OWNER, CLAIMED = "owner", "drafts/claimed"
MOST = 500
STORE = "store.toml"
"""The path of a store profile in work (see `stores/work.py`)."""


@dataclass(frozen=True)
class Kept:
    """A draft as the list shows it."""

    home: DraftFile
    name: str
    store: bool
    steps: int
    last: datetime


def owners() -> set[str]:
    """By what the reader's drafts are known again: the person who is signed in, and this browser. Of both only a hash is kept."""
    who, browser = member(), browser_of(st.context.cookies)
    found = [f"member|{who.server}|{who.chain}|{who.user or who.name}"] if who is not None else []
    found += [f"browser|{browser}"] if browser else []
    return {hashlib.sha256(one.encode()).hexdigest() for one in found}


def claim(home: DraftFile | None) -> None:
    """Let a draft that belongs to nobody yet be the reader's; asked once a draft and session."""
    claimed = st.session_state.setdefault(CLAIMED, set())
    if home is None or not home.kept or home.id in claimed:
        return
    mine = owners()
    if mine and home.beside(OWNER) is None:
        home.put_beside(OWNER, sorted(mine))
    claimed.add(home.id)


def mine() -> list[Kept]:
    """The reader's drafts, those worked on last first; one that cannot be read is left out."""
    own, folder = owners(), drafts_folder()
    files = sorted(folder.glob("*.draft"), key=lambda file: file.stat().st_mtime, reverse=True) if own and folder.is_dir() else []
    found = []
    for file in files[:MOST]:
        home = DraftFile.known(file.stem)
        try:
            if home is not None and own.intersection(home.beside(OWNER) or ()):
                found.append(_kept(home))
        except (StoreloomError, KeyError, ValueError):
            continue
    return sorted(found, key=lambda one: one.last, reverse=True)


def _kept(home: DraftFile) -> Kept:
    path, body = home.read(home.head())
    steps = home.steps()
    store = path.name == STORE
    profile = body.get("profile", {}) if store else {}
    name = profile.get("name") or profile.get("store") if store else body.get("name")
    return Kept(home, str(name or path.name), store, len(steps), max(step.at for step in steps))


def drafts() -> None:
    """The list."""
    st.caption(say("drafts_lead"))
    if not owners():
        st.info(say("drafts_unknown"), icon=":material/cookie:")
        return
    current = draft().home
    found = mine()
    for one in found:
        here = current is not None and one.home.id == current.id
        age = span((datetime.now(UTC) - one.last).total_seconds(), whole=False)
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            kind = say("store_profile") if one.store else say("bundle_draft")
            mark = f" :blue-badge[{say('draft_here')}]" if here else ""
            st.markdown(f"**{plain(one.name)}** · {kind} · {say('draft_line', n=one.steps, age=age)}{mark}", width="stretch")
            st.button(say("draft_open"), key=f"drafts/open/{one.home.id}", disabled=here, on_click=_open, args=(one,))
            with st.popover(say("draft_delete"), icon=":material/delete:", disabled=here):
                st.write(say("draft_delete_note"))
                st.button(say("draft_delete_now"), key=f"drafts/delete/{one.home.id}", on_click=_delete, args=(one.home,))
    if not found:
        st.info(say("drafts_none"))
    if st.session_state.pop("drafts/store", False):
        turn_to("stores")


def _open(one: Kept) -> None:
    with faults_shown():
        if one.store:
            st.session_state["work"], st.session_state["drafts/store"] = one.home.id, True
            return
        replace_draft(kept_draft(one.home))
        go(part=None, at=None)


def _delete(home: DraftFile) -> None:
    """Delete a draft for good, where it is the reader's by then."""
    with faults_shown():
        if owners().intersection(home.beside(OWNER) or ()):
            home.delete()
