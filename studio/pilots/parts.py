"""The parts of a pilot project as they are written: plan, estimate, choice of stores, notes, decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import streamlit as st

from storeloom.core.control.client import part
from storeloom.studio.address import go
from storeloom.studio.chain import api, refused, tried
from storeloom.studio.common import first, registry, say, title_of, words_of

FAULT, FOUND = "pilots/fault", "pilots/found"
ESTIMATE = ("effect", "low", "high", "earned", "one_off", "running", "hours", "wage", "months", "stores")
LABELS = {"running": "pilot_running_cost", "stores": "pilot_all_stores"}
WHOLE = ("one_off", "running", "wage", "months", "stores")
START = {"earned": 1.0, "months": 24, "stores": 1}
DECISIONS = ("roll_out", "stop", "next_round")
GRADES, TRAITS = ("good", "fair", "poor"), ("format", "region")
WEEKS = 6


def at(pilot: Mapping[str, Any]) -> str:
    """A pilot's address."""
    return f"/pilots/{part(pilot['id'])}"


def said(key: str) -> Any:
    """What a widget of the page holds."""
    return st.session_state.get(f"pilots/{key}")


def metrics() -> dict[str, str]:
    """Every figure of every solution, by `solution.name`, in the reader's language."""
    entries = registry().catalogue.solutions.items()
    return {
        f"{name}.{kpi}": f"{title_of(entry.facts)}: {title_of(facts)}" for name, entry in entries for kpi, facts in entry["kpis"].items()
    }


def register() -> None:
    """The form of a new pilot project."""
    figures = metrics()
    solutions = {name: title_of(entry.facts) for name, entry in registry().catalogue.solutions.items()}
    with st.expander(say("pilot_new"), icon=":material/add:"), st.form("pilots/new", border=False):
        left, right = st.columns(2)
        left.text_input(say("pilot_id"), key="pilots/id")
        right.text_input(say("pilot_name"), key="pilots/name")
        st.text_area(say("pilot_problem"), key="pilots/problem", height=80)
        left, right = st.columns(2)
        left.text_input(say("pilot_goal"), key="pilots/goal")
        right.text_input(say("pilot_owner"), key="pilots/owner")
        st.multiselect(
            say("pilot_solutions"), list(solutions), format_func=solutions.__getitem__, key="pilots/solutions", placeholder=say("choose")
        )
        st.selectbox(
            say("pilot_metric"), list(figures), index=None, format_func=figures.__getitem__, key="pilots/metric", placeholder=say("choose")
        )
        note = say("pilot_drivers_note")
        st.multiselect(
            say("pilot_drivers"),
            list(figures),
            format_func=figures.__getitem__,
            key="pilots/drivers",
            max_selections=12,
            help=note,
            placeholder=say("choose"),
        )
        st.form_submit_button(say("pilot_register"), type="primary", on_click=tried, args=(FAULT, _registered))


def _registered() -> None:
    plan = {
        "problem": said("problem") or "",
        "goal": said("goal") or "",
        "owner": said("owner") or "",
        "solutions": said("solutions") or [],
        "metric": _metric(said("metric") or "."),
        "drivers": [_metric(one) for one in said("drivers") or ()],
    }
    made = api().post("/pilots", {"id": said("id") or "", "name": said("name") or "", "plan": plan}).body
    go(pilot=made["id"])


def _metric(name: str) -> dict[str, str]:
    solution, _, figure = name.partition(".")
    return {"solution": solution, "name": figure}


def estimate(pilot: Mapping[str, Any], *, open_: bool) -> None:
    """The form of value and cost."""
    known = {**START, **(pilot["estimate"] or {})}
    with st.form("pilots/estimate", border=False):
        for first in range(0, len(ESTIMATE), 2):
            for column, name in zip(st.columns(2), ESTIMATE[first : first + 2], strict=True):
                kind = int if name in WHOLE else float
                label = say(LABELS.get(name, f"pilot_{name}"))
                column.number_input(label, value=kind(known.get(name, 0)), key=f"pilots/{name}", disabled=not open_)
        st.form_submit_button(say("pilot_save"), disabled=not open_, on_click=tried, args=(FAULT, lambda: _estimated(pilot)))


def _estimated(pilot: Mapping[str, Any]) -> None:
    api().put(at(pilot), {"estimate": {name: said(name) for name in ESTIMATE}}, str(pilot["version"]))


def choice(pilot: Mapping[str, Any], stores: Mapping[str, str], *, open_: bool) -> None:
    """Pilot stores, days, and the stores that they are held against."""
    known = pilot["choice"] or {}
    today = date.today()  # only what the fields begin with
    left, right = st.columns(2)
    begins = left.date_input(say("pilot_begins"), _day(known.get("begins")) or today, key="pilots/begins", disabled=not open_)
    right.date_input(say("pilot_ends"), _day(known.get("ends")) or today + timedelta(weeks=WEEKS), key="pilots/ends", disabled=not open_)
    chosen = st.multiselect(
        say("pilot_stores"),
        list(stores),
        known.get("stores", []),
        format_func=stores.__getitem__,
        key="pilots/stores_chosen",
        disabled=not open_,
        placeholder=say("choose"),
    )
    if open_:
        wanted = {"stores": chosen, "begins": str(begins)}
        act = (FOUND + "/fault", lambda: _found(pilot, wanted))
        st.button(say("pilot_find"), key="pilots/find", icon=":material/search:", disabled=not chosen, on_click=tried, args=act)
        refused(FOUND + "/fault")
        likeness(st.session_state.get(f"{FOUND}/{pilot['id']}"), stores)
    matched = first("pilots/comparables", known.get("comparables", []))
    others = [one for one in stores if one not in chosen]
    st.multiselect(
        say("pilot_comparables"),
        others,
        [one for one in matched if one in others],
        format_func=stores.__getitem__,
        key="pilots/comparables",
        disabled=not open_,
        placeholder=say("choose"),
    )
    st.button(say("pilot_save"), key="pilots/choose", disabled=not open_, on_click=tried, args=(FAULT, lambda: _chosen(pilot)))


def _found(pilot: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    found = api().post(f"{at(pilot)}/comparables", wanted).body
    st.session_state[f"{FOUND}/{pilot['id']}"] = found
    st.session_state["pilots/comparables"] = sorted({one["store"] for one in found["likeness"] if one["grade"] != "poor"})


def _chosen(pilot: Mapping[str, Any]) -> None:
    days = {"begins": str(said("begins")), "ends": str(said("ends"))}
    new = {"stores": said("stores_chosen") or [], "comparables": said("comparables") or [], **days}
    api().put(at(pilot), {"choice": new}, str(pilot["version"]))


def likeness(found: Mapping[str, Any] | None, stores: Mapping[str, str]) -> None:
    """Which stores are like the pilot stores, and how much."""
    if found is None:
        return
    st.caption(say("pilot_find_note", weeks=found["weeks"]))
    grades, traits = words_of(GRADES, "grade_"), words_of(TRAITS, "trait_")
    rows = [
        {
            say("pilot_stores"): stores.get(one["treated"], one["treated"]),
            say("pilot_comparables"): stores.get(one["store"], one["store"]),
            say("pilot_grade"): grades[one["grade"]],
            say("pilot_trend"): f"{100 * one['trend']:.1f} %",
            say("pilot_level"): f"{one['level']:.2f}",
            say("pilot_unlike"): say("comma").join(traits.get(name, name) for name in one["unlike"]),
        }
        for one in found["likeness"]
    ]
    st.dataframe(rows, hide_index=True)
    if found["left_out"]:
        st.caption(say("pilot_left_out", names=say("comma").join(found["left_out"][:10])))


def notes(pilot: Mapping[str, Any], *, open_: bool) -> None:
    """Observations in people's words."""
    for one in pilot["notes"]:
        st.text(f"{one['at'][:10]}  {one['text']}")
    if open_:
        with st.form("pilots/notes", border=False, clear_on_submit=True):
            st.text_area(say("pilot_note"), key="pilots/note", height=80)
            act = (FAULT, lambda: api().post(f"{at(pilot)}/notes", {"text": said("note") or ""}))
            st.form_submit_button(say("pilot_add_note"), on_click=tried, args=act)


def decision(pilot: Mapping[str, Any]) -> None:
    """The form of the last step."""
    kinds = words_of(DECISIONS, "decide_")
    with st.form("pilots/decision"):
        st.radio(say("pilot_decide"), list(kinds), format_func=kinds.__getitem__, key="pilots/kind", horizontal=True)
        st.text_area(say("pilot_reason"), key="pilots/reason", height=80)
        st.form_submit_button(say("pilot_take"), type="primary", on_click=tried, args=(FAULT, lambda: _decided(pilot)))


def _decided(pilot: Mapping[str, Any]) -> None:
    api().post(f"{at(pilot)}/decision", {"kind": said("kind"), "reason": said("reason") or ""}, str(pilot["version"]))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def forget(names: Sequence[str] = ESTIMATE) -> None:
    """Let go of what the fields hold, so that another pilot's fields begin with its own."""
    for name in (*names, "begins", "ends", "stores_chosen", "comparables"):
        st.session_state.pop(f"pilots/{name}", None)
