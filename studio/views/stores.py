"""Stores: all of them as table and map, a wizard for one, the import of many."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from storeloom.core.virtual.formats import NAMES, default_profile
from storeloom.studio.address import asked, kept
from storeloom.studio.chain import api, entered, may, refusals_shown, server
from storeloom.studio.common import say, show_findings, words_of
from storeloom.studio.stores.importing import import_form, moving_form
from storeloom.studio.stores.keeping import ChainStores, FolderStores, Keeper, Kept, stores_folder
from storeloom.studio.stores.places import format_words, matching, points, table
from storeloom.studio.stores.wizard import wizard
from storeloom.studio.stores.work import ALL, begin, current

PARTS = ("list", "map", "import")
FRESH_S = 10.0


def page() -> None:
    """The profile in work, else all stores."""
    with refusals_shown():
        keeper, chain = _keeper()
        writer = may("stores:write") if chain else True
        work = current()
        if work is not None:
            wizard(work, keeper, chain=chain, writer=writer)
        else:
            _stores(keeper, chain=chain, writer=writer)


def _keeper() -> tuple[Keeper, bool]:
    """Where stores are kept: the chain's control plane where one is set up, else a folder. Nobody signed in: the way in."""
    if not server()[0]:
        return FolderStores(stores_folder()), False
    who = entered("stores:read")
    return ChainStores(api(who), who.chain), True


def _stores(keeper: Keeper, *, chain: bool, writer: bool) -> None:
    st.title(say("stores"))
    st.caption(say("stores_lead_chain" if chain else "stores_lead_folder", place=keeper.words))
    found = _all(keeper) if chain else list(keeper.all())
    for one in found:
        if one.findings:
            st.error(say("stores_unread", file=one.id))
            show_findings(one.findings)
    stores = [one for one in found if not one.findings]
    _ways_in(stores, keeper, writer=writer)
    if chain and writer:
        moving_form(keeper, stores)
    part = st.segmented_control(
        say("stores_part"), PARTS, format_func=words_of(PARTS, "stores_").__getitem__, required=True, **kept("view", PARTS, PARTS[0])
    )
    if part == "import":
        if writer:
            import_form(keeper, stores, chain=chain)
        else:
            st.info(say("store_not_yours"))
        return
    if not stores:
        st.info(say("stores_none"))
        return
    typed = st.text_input(say("store_find"), icon=":material/search:", live="300ms", value=asked("find"), **kept("find"))
    shown = matching(stores, typed or "")
    st.caption(say("store_count", n=len(shown)))
    if part == "map":
        points(shown)
    else:
        table(shown)


def _all(keeper: Keeper) -> list[Kept]:
    """The chain's stores, asked for again when they are some seconds old, so that typing in the search asks for nothing."""
    seen = st.session_state.get(ALL)
    if seen is None or seen[1] != keeper.words or time.monotonic() - seen[0] > FRESH_S:
        seen = st.session_state[ALL] = (time.monotonic(), keeper.words, list(keeper.all()))
    found: list[Kept] = seen[2]
    return found


def _ways_in(stores: list[Kept], keeper: Keeper, *, writer: bool) -> None:
    """A new store, or one that is there."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if writer:
            st.selectbox(say("store_new_format"), list(NAMES), format_func=words_of(NAMES).__getitem__, key="new/format", width=220)
            st.button(say("store_new"), key="new/begin", type="primary", icon=":material/add:", on_click=_begin, args=(stores,))
        if stores:
            by_id = {one.id: f"{one.id} · {one.profile.get('name', '')} · {format_words(one.profile)}" for one in stores}
            st.selectbox(
                say("store_open"),
                list(by_id),
                index=None,
                format_func=by_id.__getitem__,
                key="open/store",
                width=320,
                placeholder=say("choose"),
                on_change=_open,
                args=(keeper,),
            )


def _begin(stores: Sequence[Kept]) -> None:
    """A new profile with a free id, the usual hours and capacity of its format, and no devices yet."""
    taken = {one.id for one in stores}
    name = next(f"store-{n:03d}" for n in range(1, len(taken) + 2) if f"store-{n:03d}" not in taken)
    usual = default_profile(str(st.session_state["new/format"]))
    begin({key: usual[key] for key in ("format", "zone", "currency", "language", "hours", "edge")} | {"store": name})


def _open(keeper: Keeper) -> None:
    chosen = st.session_state["open/store"]
    with refusals_shown():
        found = keeper.one(str(chosen)) if chosen else None
        if found is not None:
            begin(found.profile, found)


page()
