"""Changing what a store runs and when: a solution swapped in its own layer and released, its maintenance window, its agent's code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any

import streamlit as st

from storeloom.core.control.client import FleetClient, FleetFault, part, told_finding
from storeloom.studio.address import turn_to
from storeloom.studio.chain import api, may, refused, tried
from storeloom.studio.common import registry, say, show_findings, title_of
from storeloom.studio.fleet.said import when
from storeloom.studio.fleet.store_live import solution_title
from storeloom.studio.members import member

FAULT, JOB, CODE, CODE_FAULT = "change/fault", "change/job", "change/code", "change/code_fault"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def swap(ask: FleetClient, store: Mapping[str, Any]) -> None:
    """Swap a solution: the store's own layer says so, then a release for this store carries it out."""
    refused(FAULT)
    try:
        design = ask.get(f"/stores/{part(store['id'])}/design")
    except FleetFault as fault:
        if fault.status != 409:
            raise
        show_findings(fault.findings, placed=False)
        return
    made = ask.get(f"/stores/{part(store['id'])}/composition").body
    st.caption(say("swap_note"))
    known = registry().catalogue.solutions
    held = {name: solution_title(one["solution"], name) for name, one in made["solutions"].items()}
    fits = {name: title_of(one.facts) for name, one in known.items() if one.enabled and store["profile"]["format"] in one["formats"]}
    rest = {name: title for name, title in sorted(fits.items(), key=lambda pair: pair[1]) if name not in held}
    left, right = st.columns(2)
    out = left.selectbox(
        say("take_out_solution"), list(held), index=None, format_func=held.__getitem__, key="swap/out", placeholder=say("choose")
    )
    new = right.selectbox(
        say("put_in_solution"), list(rest), index=None, format_func=rest.__getitem__, key="swap/in", placeholder=say("choose")
    )
    st.button(
        say("swap_now"),
        key="swap",
        type="primary",
        icon=":material/swap_horiz:",
        disabled=not (out or new),
        on_click=_swap,
        args=(store["id"], design.body, design.version, out, new),
    )
    _state(ask, store["id"], made, design.body)


def swapped(own: Mapping[str, Any], out: str | None, new: str | None) -> dict[str, Any]:
    """The store's own layer with an instance switched off and a solution put in; all else of it as it was."""
    solutions = dict(own.get("solutions", {}))
    if out:
        solutions[out] = {**solutions.get(out, {}), "enabled": False}
    if new:
        solutions[new] = {key: value for key, value in solutions.get(new, {}).items() if key != "enabled"}
    return {**own, "solutions": solutions}


def _swap(store: str, design: Mapping[str, Any], version: str | None, out: str | None, new: str | None) -> None:
    note = say("swap_did", out=out or say("none"), new=new or say("none"))
    _write(store, swapped(design["own"], out, new), version, note)


def _write(store: str, own: Mapping[str, Any], version: str | None, note: str) -> None:
    """Write the store's own layer; refused where somebody else changed it meanwhile."""
    tried(FAULT, lambda: api().put(f"/stores/{part(store)}/design", {"own": own, "note": note}, version))


def _state(ask: FleetClient, store: str, made: Mapping[str, Any], design: Mapping[str, Any]) -> None:
    """What the store's layers make of it as they stand, the way back, and the way on."""
    revisions = list(ask.pages(f"/stores/{part(store)}/design/revisions", {"limit": 500}))
    last = revisions[-1] if revisions else {"note": "", "at": design["changed"]}
    st.caption(say("own_layer", n=design["version"], at=when(last["at"]), note=f"{say('colon')}{last['note']}" if last["note"] else ""))
    show_findings([told_finding(one) for one in made["findings"]])
    with st.container(horizontal=True):
        st.button(
            say("release_this_store"),
            key="swap/release",
            icon=":material/signature:",
            disabled=not made["ok"] or not may("releases:write"),
            on_click=_release,
            args=(store,),
        )
        if len(revisions) > 1 and revisions[-2]["own"] != design["own"]:
            st.button(
                say("undo_change"),
                key="swap/undo",
                icon=":material/undo:",
                on_click=_write,
                args=(store, revisions[-2]["own"], str(design["version"]), say("undone")),
            )
    if job := st.session_state.pop(JOB, ""):
        turn_to("releases", job=job)


def _release(store: str) -> None:
    """Let a release for this store be made; its page is opened next."""
    body = {"name": say("release_of_store", store=store), "choice": {"stores": [store]}}

    def make() -> None:
        st.session_state[JOB] = str(api().post("/releases", body).body["id"])

    tried(FAULT, make)


def window(ask: FleetClient, store: Mapping[str, Any]) -> None:
    """When the store may change over, on its own clock."""
    reply = ask.get(f"/stores/{part(store['id'])}")
    had = reply.body["window"]
    st.caption(say("window_note", zone=reply.body["profile"]["zone"]))
    with st.form("window", width=560):
        on = st.toggle(say("window_on"), value=had is not None, key="window/on")
        left, right = st.columns(2)
        begins = left.time_input(say("begins"), value=time.fromisoformat(had["begins"] if had else "02:00"), key="window/begins")
        until = right.time_input(say("until"), value=time.fromisoformat(had["until"] if had else "05:00"), key="window/until")
        days = {number: say(word) for number, word in enumerate(DAYS, 1)}
        chosen = st.pills(
            say("window_weekdays"),
            list(days),
            format_func=days.__getitem__,
            selection_mode="multi",
            default=had["weekdays"] if had else list(days),
            key="window/days",
        )
        if st.form_submit_button(say("window_save"), key="window/save", type="primary", icon=":material/save:"):
            new = {"begins": f"{begins:%H:%M}", "until": f"{until:%H:%M}", "weekdays": sorted(chosen)} if on else None
            body = {key: reply.body[key] for key in ("name", "region", "ring", "tags", "profile")}
            ask.put(f"/stores/{part(store['id'])}", {**body, "window": new}, reply.version)
            st.success(say("window_kept"))


def enrolment(store: str) -> None:
    """A one-time code with which a machine becomes the store's agent."""
    st.caption(say("code_note"))
    st.button(say("make_code"), key="code", icon=":material/qr_code:", on_click=_code, args=(store,))
    refused(CODE_FAULT)
    made = st.session_state.get(CODE)
    if made is not None and made["store"] == store:
        st.code(f"storeloom agent enrol --home /var/lib/storeloom --server {made['server']} --code {made['code']}", language="bash")
        st.caption(say("code_until", at=when(made["expires"])))


def _code(store: str) -> None:
    who = member()

    def make() -> None:
        told = api().post(f"/stores/{part(store)}/enrolment", None).body
        st.session_state[CODE] = {**told, "store": store, "server": who.server if who else ""}

    tried(CODE_FAULT, make)
