"""Store: the chain at one look, and the live state of one store with what can be changed about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.core.control.client import FleetClient
from storeloom.studio.address import asked, go, kept
from storeloom.studio.chain import api, entered, may, refusals_shown
from storeloom.studio.common import say
from storeloom.studio.fleet.said import ago
from storeloom.studio.fleet.store_change import enrolment, swap, window
from storeloom.studio.fleet.store_live import AGENT, SEVERITY, live, mark, word_of


def page() -> None:
    """A store where the address names one, the chain else."""
    st.title(say("store"))
    entered("stores:read")
    with refusals_shown():
        ask = api()
        stores = {one["id"]: one for one in ask.pages("/stores", {"limit": 500}) if not one["closed"]}
        if not stores:
            st.info(say("no_stores_yet"), icon=":material/storefront:")
            return
        labels = {"": say("whole_chain"), **{name: f"{one['name']} ({name})" for name, one in stores.items()}}
        chosen = asked("store", stores)
        st.selectbox(say("the_store"), list(labels), list(labels).index(chosen), format_func=labels.__getitem__, **kept("store", stores))
        if chosen:
            _store(ask, stores[chosen])
        else:
            _chain(ask, stores)


def _chain(ask: FleetClient, stores: Mapping[str, Mapping[str, Any]]) -> None:
    told = ask.get("/dashboard").body
    with st.container(horizontal=True):
        st.metric(say("stores_named"), f"{told['stores']['total']:,}", border=True, width="content")
        st.metric(say("silent_stores"), f"{told['stores']['silent']:,}", border=True, width="content")
        for state, count in told["stores"]["by_state"].items():
            st.metric(word_of(AGENT, state), f"{count:,}", border=True, width="content")
    if told["alerts"]:
        st.markdown(f"**{say('open_alerts')}**")
        for one in told["alerts"]:
            st.markdown(
                f"{mark(SEVERITY, one['severity'])} {one['kind']}{say('colon')}{say('open_of', n=one['open'], new=one['unacknowledged'])}"
            )
    _table(ask, stores)


def _table(ask: FleetClient, stores: Mapping[str, Mapping[str, Any]]) -> None:
    """Every store with its agent; a row that is chosen opens the store."""
    agents = {one["store"]: one for one in ask.pages("/agents", {"limit": 500})}
    numbers = {one["id"]: one["number"] for one in ask.pages("/releases", {"limit": 500})}
    names = list(stores)
    rows = [_row(stores[name], agents.get(name), numbers) for name in names]
    st.caption(say("choose_row"))
    st.dataframe(rows, hide_index=True, key="stores/table", on_select=lambda: _opened(names), selection_mode="single-row")


def _opened(names: Sequence[str]) -> None:
    rows = st.session_state["stores/table"]["selection"]["rows"]
    if rows:
        go(store=names[rows[0]])


def _row(store: Mapping[str, Any], agent: Mapping[str, Any] | None, numbers: Mapping[str, int]) -> dict[str, Any]:
    state = agent["state"] if agent else "without_agent"
    runs, wanted = (numbers.get(agent[key]) if agent else None for key in ("actual", "desired"))
    return {
        say("the_store"): f"{store['name']} ({store['id']})",
        say("state"): word_of(AGENT, state),
        say("runs"): "–" if runs is None else say("release_n", n=runs),
        say("is_to_run"): "–" if wanted is None else say("release_n", n=wanted),
        say("heard_last"): ago(agent["seen"]) if agent else say("never"),
        say("region"): store["region"] or "–",
        say("ring"): str(store["ring"]),
    }


def _store(ask: FleetClient, store: Mapping[str, Any]) -> None:
    profile = store["profile"]
    tags = say("comma").join(store["tags"])
    facts = (say(profile["format"]), store["region"] or "", say("ring_n", n=store["ring"]), tags, profile["zone"])
    st.caption(" · ".join(fact for fact in facts if fact))
    live(store)
    if may("designs:write"):
        with st.expander(say("swap_head"), icon=":material/swap_horiz:", expanded=bool(st.session_state.get("swap/open"))):
            swap(ask, store)
    if may("stores:write"):
        with st.expander(say("windows_head"), icon=":material/schedule:"):
            window(ask, store)
        with st.expander(say("agent_head"), icon=":material/router:"):
            enrolment(store["id"])


page()
