"""A roll-out as it goes: waves, stores, what the gates saw, what happened; and the orders that steer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from storeloom.core.control.client import FleetClient, part
from storeloom.studio.chain import api, may, refusals_shown, refused, tried
from storeloom.studio.common import language, say
from storeloom.studio.fleet.said import person, share, span, when
from storeloom.studio.fleet.strategy import figure_title

LOOK_S = 2
FAULT = "order/fault"
MOVING = frozenset({"running", "rolling_back"})
ROLLOUT = {
    "planned": ("state_planned", "blue", ":material/event:"),
    "running": ("state_running", "blue", ":material/play_circle:"),
    "paused": ("state_paused", "orange", ":material/pause_circle:"),
    "rolling_back": ("state_rolling_back", "orange", ":material/undo:"),
    "done": ("state_done", "green", ":material/check_circle:"),
    "aborted": ("state_aborted", "gray", ":material/cancel:"),
    "rolled_back": ("state_rolled_back", "red", ":material/undo:"),
}
WAVE = {
    "waiting": ("wave_waiting", "gray"),
    "open": ("wave_open", "blue"),
    "watching": ("wave_watching", "blue"),
    "passed": ("wave_passed", "green"),
    "failed": ("wave_failed", "red"),
}
STEP = {
    "waiting": "step_waiting",
    "offered": "step_offered",
    "updating": "step_updating",
    "watching": "step_watching",
    "done": "step_done",
    "failed": "step_failed",
    "taken_back": "step_taken_back",
    "skipped": "step_skipped",
}
WHY = {
    "person": "why_person",
    "gate": "why_gate",
    "silence": "why_silence",
    "undecided": "why_undecided",
    "withdrawn": "why_withdrawn",
    "hold": "why_hold",
    "away": "why_away",
    "superseded": "why_superseded",
    "nothing_before": "why_nothing_before",
}
GATES = {"agents": "gate_agents", "errors": "gate_errors", "figures": "gate_figures"}
OUTCOMES = {
    "pass": "outcome_pass",
    "fail": "outcome_fail",
    "open": "outcome_open",
    "unheard": "outcome_unheard",
    "undecided": "outcome_undecided",
}
EVENTS = {
    "create": "event_create",
    "start": "event_start",
    "wave_opened": "event_wave_opened",
    "wave_settled": "event_wave_settled",
    "look": "event_look",
    "wave_passed": "event_wave_passed",
    "gate_failed": "event_gate_failed",
    "paused": "event_paused",
    "pause": "event_pause",
    "resume": "event_resume",
    "abort": "event_abort",
    "roll_back": "event_roll_back",
    "rolled_back": "event_rolled_back",
    "withdrawn": "event_withdrawn",
    "done": "event_done",
}
ORDERS = {  # which states an order is for, as the control plane has it
    "start": ("planned",),
    "pause": ("running",),
    "resume": ("paused",),
    "rollback": ("running", "paused", "done", "aborted"),
    "abort": ("planned", "running", "paused"),
}


def state_badge(state: str) -> str:
    """A roll-out's state as a coloured mark with its word."""
    word, colour, icon = ROLLOUT[state]
    return f":{colour}-badge[{icon} {say(word)}]"


def follow(rollout: str) -> None:
    """The roll-out, looked at again every two seconds while it moves."""
    with refusals_shown():
        moving = api().get(f"/rollouts/{part(rollout)}").body["state"] in MOVING
        st.fragment(_look, run_every=LOOK_S if moving else None)(rollout, moving)


def _look(rollout: str, moving: bool) -> None:
    with refusals_shown():
        ask = api()
        told = dict(ask.get(f"/rollouts/{part(rollout)}").body)
        if (told["state"] in MOVING) != moving:
            st.rerun()
        _head(told)
        _orders(told)
        refused(FAULT)
        for wave in told["waves"]:
            _wave(wave, told)
        tabs = st.tabs([say("its_stores"), say("its_history"), say("its_way")])
        with tabs[0]:
            _stores(ask, rollout, told)
        with tabs[1]:
            _history(ask, rollout)
        with tabs[2]:
            st.json(told["strategy"])


def _head(told: Mapping[str, Any]) -> None:
    stores: Mapping[str, int] = told["stores"]
    total = sum(stores.values())
    st.markdown(f"{state_badge(told['state'])} {say('rollout_line', by=person(told['created_by']), at=when(told['created']))}")
    if told["reason"]:
        st.warning(why(told["reason"], told["waves"]), icon=":material/info:")
    with st.container(horizontal=True):
        for state, word in STEP.items():
            if stores.get(state) or state == "done":
                st.metric(say(word), f"{stores.get(state, 0):,}", border=True, width="content")
    if total:
        done = stores.get("done", 0)
        st.progress(done / total, text=say("done_of", done=f"{done:,}", total=f"{total:,}"))


def why(reason: Mapping[str, Any], waves: list[Mapping[str, Any]]) -> str:
    """Why a roll-out stands where it stands."""
    name = waves[reason["wave"]]["name"] if isinstance(reason.get("wave"), int) else ""
    gate = reason.get("gate", "")
    words = {
        "actor": person(str(reason.get("actor", ""))),
        "note": f"{say('colon')}{reason['note']}" if reason.get("note") else "",
        "wave": name,
        "gate": say(GATES.get(gate, "gate_other")),
        **{key: reason.get(key, 0) for key in ("stores", "offered", "failed", "silent", "skipped")},
    }
    word = WHY.get(str(reason.get("why")))
    return say(word, **words) if word else str(reason.get("why"))


def _orders(told: Mapping[str, Any]) -> None:
    if not may("rollouts:run"):
        return
    fits = [order for order, states in ORDERS.items() if told["state"] in states]
    with st.container(horizontal=True):
        for order in fits:
            _ORDER[order](told)


def _start(told: Mapping[str, Any]) -> None:
    st.button(
        say("order_start"), key="order/start", type="primary", icon=":material/play_arrow:", on_click=_send, args=(told["id"], "start")
    )


def _pause(told: Mapping[str, Any]) -> None:
    st.button(say("order_pause"), key="order/pause", icon=":material/pause:", on_click=_send, args=(told["id"], "pause"))


def _resume(told: Mapping[str, Any]) -> None:
    st.button(
        say("order_resume"), key="order/resume", type="primary", icon=":material/play_arrow:", on_click=_send, args=(told["id"], "resume")
    )
    if (told["reason"] or {}).get("why") in ("gate", "silence", "undecided"):
        with st.popover(say("order_accept"), icon=":material/done_all:"):
            st.write(say("order_accept_note"))
            note = st.text_input(say("note"), key="order/accept/note", max_chars=500)
            st.button(
                say("order_accept_now"),
                key="order/accept",
                type="primary",
                disabled=not note,
                on_click=_send,
                args=(told["id"], "resume", True),
            )


def _rollback(told: Mapping[str, Any]) -> None:
    with st.popover(say("order_rollback"), icon=":material/undo:"):
        st.write(say("order_rollback_note"))
        touched = [wave for wave in told["waves"] if wave["opened"]]
        labels = {-1: say("whole_rollout"), **{wave["number"]: wave["name"] for wave in touched}}
        st.selectbox(say("take_back"), list(labels), format_func=labels.__getitem__, key="order/rollback/wave")
        st.text_input(say("note"), key="order/rollback/note", max_chars=500)
        st.button(say("order_rollback_now"), key="order/rollback", type="primary", on_click=_send, args=(told["id"], "rollback"))


def _abort(told: Mapping[str, Any]) -> None:
    with st.popover(say("order_abort"), icon=":material/cancel:"):
        st.write(say("order_abort_note"))
        st.text_input(say("note"), key="order/abort/note", max_chars=500)
        st.button(say("order_abort_now"), key="order/abort", type="primary", on_click=_send, args=(told["id"], "abort"))


_ORDER = {"start": _start, "pause": _pause, "resume": _resume, "rollback": _rollback, "abort": _abort}


def _send(rollout: str, order: str, accept: bool = False) -> None:
    """Give an order; what is refused is shown beside the orders."""
    state = st.session_state
    body: dict[str, Any] | None = {"note": str(state.get(f"order/{'accept' if accept else order}/note") or "")}
    if order == "start":
        body = None
    elif order == "resume":
        body = {**(body or {}), "accept": accept}
    elif order == "rollback":
        wave = state.get("order/rollback/wave", -1)
        body = {**(body or {}), "waves": None if wave == -1 else [wave]}
    tried(FAULT, lambda: api().post(f"/rollouts/{part(rollout)}/{order}", body))


def _wave(wave: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    word, colour = WAVE[wave["state"]]
    counts: Mapping[str, int] = wave["stores"]
    total, verdict = sum(counts.values()), wave["verdict"] or {}
    with st.container(border=True):
        st.markdown(f"**{wave['number'] + 1}. {wave['name']}** :{colour}-badge[{say(word)}]")
        listed = say("comma").join(say("count_of", what=say(STEP[state]), n=f"{count:,}") for state, count in counts.items())
        spans = say("opened_at", at=when(wave["opened"])) if wave["opened"] else ""
        st.caption(f"{listed or say('no_stores_left')} {spans}")
        if total:
            st.progress(counts.get("done", 0) / total)
        if wave["state"] == "watching" and verdict.get("settled"):
            own = told["strategy"]["waves"][wave["number"]].get("soak_s")
            soak = told["strategy"].get("soak_s") if own is None else own
            st.caption(say("watching_since", at=when(verdict["settled"]), span=span(soak or 0)))
        _agents_gate(told, counts)
        _gate_rows(verdict)


def _agents_gate(told: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    """The stores' own verdicts: the ratio of the sequential test beside its bound."""
    from storeloom.core.control.rollout.gates import agent_ratio
    from storeloom.core.control.rollout.picture import TOUCHED
    from storeloom.core.control.rollout.strategy import Strategy

    offered, failed = sum(counts.get(state, 0) for state in TOUCHED), counts.get("failed", 0)
    if offered:
        gate = Strategy.model_validate(told["strategy"]).agents
        if gate is None:
            return
        ratio = agent_ratio(gate, offered, failed)
        st.caption(
            say(
                "agents_gate_line",
                failed=failed,
                offered=offered,
                ratio=f"{ratio:.2f}",
                accept=share(gate.accept),
                reject=share(gate.reject),
                alpha=share(gate.alpha),
            )
        )


def _gate_rows(verdict: Mapping[str, Any]) -> None:
    """What the looks at errors and figures saw, the newest look last."""
    looks = [*verdict.get("looks", ()), *([{**verdict["seen"], "outcome": "unheard", "at": None}] if verdict.get("seen") else [])]
    rows = []
    for look in looks:
        for name, saw in look["gates"].items():
            outcome = saw.get("outcome", look.get("outcome", "open"))
            rows.append(
                {
                    say("look_at"): f"{when(look['at'])} ({share(look['fraction'], 0)})",
                    say("gate"): _gate_name(name),
                    say("harm"): share(saw["harm"], 2) if "harm" in saw else "–",
                    say("interval"): f"{share(saw['low'], 2)} … {share(saw['high'], 2)}" if "low" in saw else "–",
                    "z": f"{saw['z']:.2f}" if "z" in saw else "–",
                    say("bound"): f"{saw['bound']:.2f}" if "bound" in saw else "–",
                    say("compared_stores"): f"{saw.get('treated', 0)} / {saw.get('controls', 0)}",
                    say("verdict"): say(OUTCOMES.get(outcome, "outcome_open")),
                }
            )
    if rows:
        st.dataframe(rows, hide_index=True)
        st.caption(say("gate_rows_note"))
    elif looks:
        st.caption(say("looked_clean", n=len(looks), last=say(OUTCOMES.get(looks[-1].get("outcome", "open"), "outcome_open"))))


def _gate_name(name: str) -> str:
    kind, _, rest = name.partition("/")
    return say("errors_of", what=rest or say("all")) if kind == "errors" else figure_title(kind, rest)


def _stores(ask: FleetClient, rollout: str, told: Mapping[str, Any]) -> None:
    states = {"": say("all"), **{state: say(word) for state, word in STEP.items() if told["stores"].get(state)}}
    chosen = st.selectbox(say("in_state"), list(states), format_func=states.__getitem__, key="rollout/state")
    page = ask.get(f"/rollouts/{part(rollout)}/stores", {"state": chosen or None, "limit": 200}).body
    names = {wave["number"]: wave["name"] for wave in told["waves"]}
    rows = [
        {
            say("the_store"): one["store"],
            say("wave"): names[one["wave"]],
            say("state"): say(STEP[one["state"]]),
            say("since"): when(one["changed"]),
            say("because"): step_reason(one["reason"], told["waves"]),
        }
        for one in page["items"]
    ]
    st.dataframe(rows, hide_index=True)
    if page["next"]:
        st.caption(say("first_of_many", n=len(rows)))


def step_reason(reason: Mapping[str, Any] | None, waves: list[Mapping[str, Any]]) -> str:
    """Why a store's step is as it is: the agent's own words where it told some."""
    if not reason:
        return ""
    told = reason.get("reason")
    if isinstance(told, Mapping):
        return str(told.get(language()) or told.get("en") or "")
    return why(reason, waves) if reason.get("why") in WHY else str(told or "")


def _history(ask: FleetClient, rollout: str) -> None:
    events = list(ask.pages(f"/rollouts/{part(rollout)}/events", {"limit": 500}))
    rows = [
        {
            say("time"): when(one["at"]),
            say("what"): say(EVENTS[one["kind"]]) if one["kind"] in EVENTS else one["kind"],
            say("wave"): "" if one["wave"] is None else str(one["wave"] + 1),
            say("who"): person(one["data"]["actor"]) if one["data"].get("actor") else say("by_gates"),
            say("note"): str(one["data"].get("note") or ""),
        }
        for one in reversed(events)
    ]
    st.dataframe(rows, hide_index=True)
