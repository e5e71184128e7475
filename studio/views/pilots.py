"""Pilot projects: registered, estimated, reviewed, run, evaluated, decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from storeloom.core.control.client import FleetClient
from storeloom.studio.address import asked, go
from storeloom.studio.chain import api, entered, may, refusals_shown, refused, tried
from storeloom.studio.common import say, words_of
from storeloom.studio.fleet.said import plain, when
from storeloom.studio.pilots import parts
from storeloom.studio.pilots.result import result, worth

STEPS = ("registered", "estimated", "reviewed", "running", "evaluated", "decided")
NEXT = {"registered": "estimated", "estimated": "reviewed", "reviewed": "running", "running": "evaluated"}


def page() -> None:
    """The chain's pilot projects; one of them where the address names it."""
    st.title(say("pilots"))
    entered("pilots:read")
    with refusals_shown():
        name = asked("pilot")
        if name:
            st.button(say("to_pilots"), icon=":material/arrow_back:", on_click=_home)
        refused(parts.FAULT)
        if name:
            _pilot(api(), api().get(f"/pilots/{name}").body)
        else:
            _overview(api())


def _home() -> None:
    st.session_state[parts.FAULT] = ()
    parts.forget()
    go(pilot=None)


def _open(name: str) -> None:
    parts.forget()
    go(pilot=name)


def _overview(ask: FleetClient) -> None:
    st.caption(say("pilots_lead"))
    found = list(ask.pages("/pilots", {"limit": 500}))
    if not found:
        st.info(say("no_pilots"), icon=":material/science:")
    for one in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            step = f":blue-badge[{words_of(STEPS, 'step_')[one['step']]}]"
            st.markdown(f"{step} **{plain(one['name'])}** · {say('pilot_round', n=one['round'])} · {when(one['changed'])}", width="stretch")
            st.button(
                say("open_pilot", name=one["name"]),
                key=f"open/{one['id']}",
                icon=":material/chevron_right:",
                on_click=_open,
                args=(one["id"],),
            )
    if may("pilots:write"):
        parts.register()


def _pilot(ask: FleetClient, pilot: Mapping[str, Any]) -> None:
    st.subheader(plain(pilot["name"]))
    at = STEPS.index(pilot["step"])
    names = words_of(STEPS, "step_")
    st.markdown(" → ".join(f"**{words}**" if step == pilot["step"] else words for step, words in names.items()))
    titles, metric = parts.metrics(), "{solution}.{name}".format(**pilot["plan"]["metric"])
    st.caption(f"{say('pilot_metric')}{say('colon')}{titles.get(metric, metric)} · {plain(pilot['plan']['problem'])}")
    writes = may("pilots:write") and pilot["step"] != "decided"
    open_ = writes and at < STEPS.index("running")
    stores = {one["id"]: one for one in ask.pages("/stores", {"limit": 500}) if not one["closed"]}
    currency = next((str(one["profile"].get("currency", "")) for one in stores.values()), "")
    with st.expander(say("pilot_estimate"), expanded=at < 1, icon=":material/payments:"):
        parts.estimate(pilot, open_=open_)
        worth(pilot["worth"], currency)
    if at >= 1:
        with st.expander(say("pilot_choice"), expanded=at == 1, icon=":material/storefront:"):
            parts.choice(pilot, {name: f"{one['name']} ({name})" for name, one in stores.items()}, open_=open_)
    if at >= 3:
        _judged(ask, pilot, currency, titles, writes)
    if writes and pilot["step"] in NEXT:
        to = NEXT[pilot["step"]]
        act = (parts.FAULT, lambda: api().post(f"{parts.at(pilot)}/step", {"to": to}, str(pilot["version"])))
        st.button(say(f"pilot_to_{to}"), key="pilots/step", type="primary", icon=":material/arrow_forward:", on_click=tried, args=act)
    if writes and pilot["step"] == "evaluated":
        parts.decision(pilot)
    if pilot["decision"]:
        kind = words_of(parts.DECISIONS, "decide_")[pilot["decision"]["kind"]]
        st.success(f"{kind}{say('colon')}{plain(pilot['decision']['reason'])}", icon=":material/gavel:")
    _rounds(pilot)


def _judged(ask: FleetClient, pilot: Mapping[str, Any], currency: str, titles: Mapping[str, str], writes: bool) -> None:
    st.markdown(f"### {say('pilot_result')}")
    if writes:
        act = (parts.FAULT, lambda: api().post(f"{parts.at(pilot)}/evaluation", None))
        st.button(say("pilot_evaluate"), key="pilots/evaluate", icon=":material/analytics:", on_click=tried, args=act)
    result(pilot["evaluation"], currency, titles)
    with st.expander(say("pilot_note"), icon=":material/edit_note:"):
        parts.notes(pilot, open_=writes)

    def written() -> bytes:
        return bytes(ask.get(f"{parts.at(pilot)}/report").body)

    st.download_button(say("pilot_report"), written, f"pilot-{pilot['id']}.html", "text/html", icon=":material/description:")


def _rounds(pilot: Mapping[str, Any]) -> None:
    if not pilot["rounds"]:
        return
    with st.expander(say("pilot_rounds"), icon=":material/history:"):
        for one in pilot["rounds"]:
            share = one["evaluation"]["share"]
            change = "" if share is None else f"{100 * share:+.1f} % · "
            st.markdown(f"{say('pilot_round', n=one['round'])} · {change}{plain(one['decision']['reason'])}")


page()
