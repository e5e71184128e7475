"""One store as it is now: what it runs and how, its devices, figures, alerts and what its agent told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from storeloom.core.control.client import FleetClient, FleetFault, part
from storeloom.studio.chain import api, may, refusals_shown, refused, tried
from storeloom.studio.common import language, registry, say, title_of
from storeloom.studio.fleet.said import ago, person, plain, when
from storeloom.studio.locales import day_text, value_text

LOOK_S, DAYS_BACK, FAULT = 5, 14, "store/fault"
AGENT = {
    "enrolled": ("agent_enrolled", "gray"),
    "downloading": ("agent_downloading", "blue"),
    "installing": ("agent_installing", "blue"),
    "checking": ("agent_checking", "blue"),
    "waiting": ("agent_waiting", "blue"),
    "switching": ("agent_switching", "blue"),
    "watching": ("agent_watching", "blue"),
    "good": ("agent_good", "green"),
    "falling_back": ("agent_falling_back", "orange"),
    "refused": ("agent_refused", "red"),
    "without_agent": ("agent_none", "gray"),
}
SOLUTION = {"level": ("sol_level", "green"), "behind": ("sol_behind", "orange"), "resting": ("sol_resting", "red")}
DEVICE = {
    "online": ("dev_online", "green"),
    "degraded": ("dev_degraded", "orange"),
    "offline": ("dev_offline", "red"),
    "fault": ("dev_fault", "red"),
    "nonconforming": ("dev_nonconforming", "red"),
}
SEVERITY = {"critical": ("sev_critical", "red"), "high": ("sev_high", "red"), "warn": ("sev_warn", "orange"), "info": ("sev_info", "blue")}
REPORTS = {"state": "told_state", "health": "told_health", "figures": "told_figures"}


def mark(words: Mapping[str, tuple[str, str]], state: str) -> str:
    """A state as a coloured mark with its word; the plain state where there is no word for it."""
    word, colour = words.get(state, ("", "gray"))
    return f":{colour}-badge[{say(word) if word else state}]"


def word_of(words: Mapping[str, tuple[str, str]], state: str) -> str:
    """A state's word."""
    return say(words[state][0]) if state in words else state


def live(store: Mapping[str, Any]) -> None:
    """The store, looked at again every five seconds."""
    st.fragment(_look, run_every=LOOK_S)(store)


def agent_of(ask: FleetClient, store: str) -> dict[str, Any] | None:
    """A store's agent, None where it has none."""
    try:
        return dict(ask.get(f"/agents/{part(store)}").body)
    except FleetFault as fault:
        if fault.status == 404:
            return None
        raise


def _look(store: Mapping[str, Any]) -> None:
    with refusals_shown():
        ask, name = api(), store["id"]
        agent = agent_of(ask, name)
        refused(FAULT)
        if agent is None:
            st.info(say("no_agent"), icon=":material/cloud_off:")
            return
        zone = ZoneInfo(store["profile"]["zone"])
        alerts = list(ask.get("/alerts", {"store": name, "limit": 100}).body["items"])
        devices = list(ask.pages("/devices", {"store": name, "limit": 500}))
        _head(ask, agent, alerts, devices)
        words = ("tab_solutions", "tab_devices", "tab_figures", "tab_alerts", "tab_log")
        solutions, shown, figures, open_alerts, log = st.tabs([say(word) for word in words])
        with solutions:
            _solutions(agent, running(ask, agent))
        with shown:
            _devices(devices, zone)
        with figures:
            _figures(ask, store, zone)
        with open_alerts:
            _alerts(alerts, zone)
        with log:
            _log(agent, zone)


def _head(ask: FleetClient, agent: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]]) -> None:
    well = agent["reported"].get("ok")
    health = "" if well is None else f":green-badge[{say('store_well')}]" if well else f":red-badge[{say('store_unwell')}]"
    st.markdown(f"{mark(AGENT, agent['state'])} {health} {say('heard', ago=ago(agent['seen']))}")
    reason = agent["reported"].get("reason")
    if isinstance(reason, Mapping) and (reason.get("zh") or reason.get("en")):
        st.warning(str(reason.get(language()) or reason.get("en")), icon=":material/info:")
    numbers = [release_name(ask, agent[key]) for key in ("actual", "desired")]
    opened = sum(one["state"] == "open" for one in alerts)
    online = sum(one["state"] == "online" for one in devices)
    with st.container(horizontal=True):
        for word, value in (
            ("runs", numbers[0]),
            ("is_to_run", numbers[1]),
            ("open_alerts", str(opened)),
            ("devices_online", f"{online} / {len(devices)}"),
        ):
            st.metric(say(word), value, border=True, width="content")
    if agent["desired"] != agent["actual"] or not agent["informed"]:
        st.caption(say("on_its_way"))


def release_name(ask: FleetClient, release: str | None) -> str:
    """A release as people name it; a dash for none."""
    return "–" if release is None else str(say("release_n", n=ask.get(f"/releases/{part(release)}").body["number"]))


def running(ask: FleetClient, agent: Mapping[str, Any]) -> dict[str, Any]:
    """The bundle that the store says it runs, empty where it runs none."""
    if agent["actual"] is None:
        return {}
    body = ask.get(f"/releases/{part(agent['actual'])}/stores/{part(agent['store'])}/bundle").body
    return dict(json.loads(body) if isinstance(body, bytes) else body)


def solution_title(solution: str, instance: str) -> str:
    """A solution's title in the reader's language, with the instance's name where it has its own."""
    entry = registry().catalogue.solutions.get(solution)
    title = title_of(entry.facts) if entry is not None else solution
    return title if instance == solution else f"{title} ({instance})"


def _solutions(agent: Mapping[str, Any], bundle: Mapping[str, Any]) -> None:
    states = agent["reported"].get("solutions") or {}
    counts: Mapping[str, tuple[int, int]] = next((one["solutions"] for one in agent["health"] if one["release"] == agent["actual"]), {})
    rows = []
    for name, body in bundle.get("solutions", {}).items():
        failures, handled = counts.get(name, (0, 0))
        bound = [str(one["id"]) for some in body.get("devices", {}).values() for one in some]
        rows.append(
            {
                say("tab_solution"): solution_title(body["solution"], name),
                say("state"): word_of(SOLUTION, states.get(name, "–")),
                say("version"): bundle["lock"]["solutions"][body["solution"]]["version"],
                say("handled"): handled,
                say("failures"): failures,
                say("devices"): say("comma").join(bound) or "–",
            }
        )
    if rows:
        st.dataframe(rows, hide_index=True)
        st.caption(say("counts_note"))
    else:
        st.info(say("runs_nothing"))


def _devices(devices: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    if not devices:
        st.info(say("no_devices_told"))
        return
    kinds = registry().catalogue.adapter_kinds
    ordered = sorted(devices, key=lambda one: (one["state"] == "online", one["id"]))
    st.dataframe(
        [
            {
                say("device"): one["id"],
                say("kind"): title_of(kinds[one["kind"]]) if one["kind"] in kinds else one["kind"],
                say("state"): word_of(DEVICE, one["state"]),
                say("since"): when(one["since"], zone),
                say("said_last"): when(one["reported"], zone),
                say("because"): one["text"],
            }
            for one in ordered
        ],
        hide_index=True,
    )


def _figures(ask: FleetClient, store: Mapping[str, Any], zone: ZoneInfo) -> None:
    """The newest day of every figure, and one of them by day or hour."""
    since = (datetime.now(UTC) - timedelta(days=DAYS_BACK)).isoformat()
    found = list(ask.pages("/figures", {"store": store["id"], "span": "day", "since": since, "limit": 500}))
    if not found:
        st.info(say("no_figures"))
        return
    currency = str(store["profile"].get("currency", ""))
    newest = {(one["instance"], one["name"]): one for one in found}
    st.dataframe(
        [
            {
                say("tab_solution"): solution_title(one["solution"], one["instance"]),
                say("figure"): figure_name(one),
                say("value"): value_text(one["value"], one["unit"], language(), currency),
                say("day"): day_text(datetime.fromisoformat(one["begins"]).astimezone(zone).date(), language()),
            }
            for one in newest.values()
        ],
        hide_index=True,
    )
    names = {key: f"{solution_title(one['solution'], one['instance'])} · {figure_name(one)}" for key, one in newest.items()}
    left, right = st.columns([3, 1])
    chosen = left.selectbox(say("figure"), list(names), format_func=names.__getitem__, key=f"figure/{store['id']}")
    spans = {"day": say("by_day"), "hour": say("by_hour")}
    span = right.selectbox(say("span"), list(spans), format_func=spans.__getitem__, key=f"span/{store['id']}")
    rows = found
    if span == "hour":
        since = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        solution, name = newest[chosen]["solution"], newest[chosen]["name"]
        rows = list(ask.pages("/figures", {"store": store["id"], "solution": solution, "name": name, "span": "hour", "since": since}))
    _plot([one for one in rows if (one["instance"], one["name"]) == chosen], newest[chosen], span, zone)


def figure_name(one: Mapping[str, Any]) -> str:
    """A figure's title in the reader's language."""
    entry = registry().catalogue.solutions.get(str(one["solution"]))
    kpis = entry["kpis"] if entry is not None else {}
    return title_of(kpis[one["name"]]) if one["name"] in kpis else str(one["name"])


def _plot(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], span: str, zone: ZoneInfo) -> None:
    import altair as alt
    import pandas as pd

    unit = str(facts["unit"])
    money = unit in ("minor", "minor units", "currency")
    title = figure_name(facts)
    frame = pd.DataFrame(
        {
            "at": [datetime.fromisoformat(one["begins"]).astimezone(zone).replace(tzinfo=None) for one in rows],
            "value": [one["value"] / 100 if money else one["value"] for one in rows],
        }
    )
    axis = say("on_the_stores_clock")
    x = alt.X("at:T", title=axis, axis=alt.Axis(format="%m-%d" if span == "day" else "%m-%d %H:%M", labelOverlap=True))
    y = alt.Y("value:Q", title=f"{title} ({unit})", scale=alt.Scale(zero=facts["how"] == "sum"))
    tips = [alt.Tooltip("at:T", title=axis, format="%Y-%m-%d %H:%M"), alt.Tooltip("value:Q", title=f"{title} ({unit})")]
    base = alt.Chart(frame, title=title).encode(x=x, y=y, tooltip=tips)
    chart = base.mark_bar(color="#1f5fa8", size=14) if facts["how"] == "sum" else base.mark_line(point=True, color="#1f5fa8")
    st.altair_chart(chart, width="stretch")


def _alerts(alerts: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    opened = [one for one in alerts if one["state"] == "open"]
    if not alerts:
        st.success(say("no_alerts_told"), icon=":material/check_circle:")
        return
    for one in opened:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            taken = say("taken_up", by=person(one["acknowledged_by"]), at=when(one["acknowledged"], zone)) if one["acknowledged"] else ""
            what = f"**{plain(one['text'] or one['kind'])}** {plain(one['subject'])}"
            st.markdown(f"{mark(SEVERITY, one['severity'])} {what} · {when(one['opened'], zone)} {taken}", width="stretch")
            if not one["acknowledged"] and may("alerts:write"):
                st.button(say("take_up"), key=f"alert/{one['ref']}", icon=":material/front_hand:", on_click=_take_up, args=(one,))
    if not opened:
        st.success(say("none_open"), icon=":material/check_circle:")
    cleared = [one for one in alerts if one["state"] != "open"]
    if cleared:
        st.markdown(f"**{say('cleared_alerts')}**")
        st.dataframe(
            [
                {
                    say("severity"): word_of(SEVERITY, one["severity"]),
                    say("text"): one["text"] or one["kind"],
                    say("opened"): when(one["opened"], zone),
                    say("closed"): when(one["closed"], zone),
                }
                for one in cleared
            ],
            hide_index=True,
        )


def _take_up(alert: Mapping[str, Any]) -> None:
    """Take an alert up; what is refused (it was cleared meanwhile) is shown above."""
    tried(FAULT, lambda: api().post(f"/alerts/{part(alert['ref'])}/acknowledgement", None, str(alert["episode"])))


def _log(agent: Mapping[str, Any], zone: ZoneInfo) -> None:
    """What the agent told last, and how the store ran under each release."""
    rows = [
        {
            say("time"): when(one["at"], zone),
            say("what"): say(REPORTS[one["kind"]]) if one["kind"] in REPORTS else one["kind"],
            say("text"): _told(one),
        }
        for one in agent["reports"]
    ]
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.info(say("nothing_told"))
    with st.expander(say("json"), icon=":material/data_object:"):
        st.json(agent, expanded=False)


def _told(report: Mapping[str, Any]) -> str:
    data = report["data"]
    if report["kind"] == "state":
        reason = data.get("reason")
        why = str(reason.get(language()) or reason.get("en") or "") if isinstance(reason, Mapping) else ""
        return word_of(AGENT, str(data.get("state"))) + (f"{say('colon')}{why}" if why else "")
    if report["kind"] == "health":
        failures = sum(one.get("failures", 0) for one in (data.get("solutions") or {}).values())
        off = [name for name, one in (data.get("devices") or {}).items() if one.get("state") != "online"]
        words = say("store_well") if data.get("ok") else say("store_unwell")
        return say("health_line", words=words, failures=failures, off=say("comma").join(off) or say("none"))
    return say("figures_line", n=len(data.get("figures") or ()))
