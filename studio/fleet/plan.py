"""What a release would change, group by group of stores that change alike; nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.core.commands.fleet_designs import RESTARTS
from storeloom.core.control.client import FleetClient
from storeloom.core.kernel.schemas import show
from storeloom.studio.common import language, registry, say, title_of
from storeloom.studio.fleet.said import shortened, size

AT_ONCE = 20


def plan_view(ask: FleetClient, release: str) -> dict[str, Any]:
    """Show the plan of a release; it is given back with the digest that a roll-out is bound to."""
    shown: int = st.session_state.get(f"plan/{release}/shown", AT_ONCE)
    with st.spinner(say("planning")):
        plan = dict(ask.post("/plans", {"release": release, "groups": min(1000, shown)}).body)
    facts = [
        ("plan_stores", plan["stores"]),
        ("plan_first", plan["first"]),
        ("plan_live", plan["swapped_live"]),
        ("plan_restarted", plan["restarted"]),
        ("plan_unchanged", plan["unchanged"]),
        ("plan_download", size(plan["download"])),
    ]
    if plan["migrations_up"] or plan["migrations_down"]:
        facts.append(("plan_migrations", say("up_down", up=plan["migrations_up"], down=plan["migrations_down"])))
    with st.container(horizontal=True):
        for word, value in facts:
            st.metric(say(word), value, border=True, width="content")
    for store, names in plan["secrets"].items():
        st.warning(say("lacks_secrets", store=store, names=say("comma").join(names)), icon=":material/key_off:")
    for number, group in enumerate(plan["groups"]):
        _group(group, number)
    left = plan["groups_in_all"] - len(plan["groups"])
    if left > 0:
        st.button(
            say("more_groups", n=left), key=f"plan/{release}/more", on_click=_more, args=(release, shown), icon=":material/expand_more:"
        )
    st.caption(say("plan_digest", digest=plan["digest"]))
    return plan


def _more(release: str, shown: int) -> None:
    st.session_state[f"plan/{release}/shown"] = shown + 5 * AT_ONCE


def _group(group: Mapping[str, Any], number: int) -> None:
    count, names = len(group["stores"]), shortened(group["stores"])
    if group["nothing"]:
        st.markdown(f":material/check: {say('group_same', n=count, stores=names)}")
        return
    why = say("comma").join(RESTARTS[reason][language() == "zh"] for reason in group["restart"])
    how = say("group_restart", why=why) if why else say("group_live")
    head = say("group_line", n=count, how=how, size=size(group["download"]))
    with st.expander(head, expanded=number == 0, icon=":material/restart_alt:" if why else ":material/bolt:"):
        st.caption(names)
        for word, mark, key in (("comes", "add", "added"), ("goes", "remove", "removed")):
            for one in group[key]:
                st.markdown(f":material/{mark}: **{say(word)}** {_solution(one)} `{one['version']}`")
        for one in group["changed"]:
            _changed(one)
        for word, mark, key in (
            ("comes", "add", "devices_added"),
            ("goes", "remove", "devices_removed"),
            ("changes", "edit", "devices_changed"),
        ):
            _devices(group[key], f":material/{mark}: **{say(word)}**")
        for one in group["migrations"]:
            word = "migrates_up" if one["direction"] == "up" else "migrates_down"
            st.markdown(f":material/move_up: {say(word, what=_solution(one), before=one['before'], after=one['after'])}")
        if group["store"]:
            st.markdown(f":material/edit: **{say('changes')}** {say('the_profile')}")
            _values(group["store"])


def _devices(devices: Sequence[Mapping[str, Any]], mark: str) -> None:
    """Devices by their kinds; one whose values change stands by itself."""
    alike: dict[str, list[str]] = {}
    for one in devices:
        if not one["values"]:
            alike.setdefault(one["kind"], []).append(one["id"])
    for kind, names in alike.items():
        count = f" × {len(names)}" if len(names) > 1 else ""
        st.markdown(f"{mark} {_kind(kind)}{count} `{shortened(names)}`")
    for one in devices:
        if one["values"]:
            st.markdown(f"{mark} {_kind(one['kind'])} `{one['id']}`")
            _values(one["values"])


def _changed(one: Mapping[str, Any]) -> None:
    version = (
        one["version_before"] if one["version_before"] == one["version_after"] else f"{one['version_before']} → {one['version_after']}"
    )
    code = f" · {say('other_code')}" if one["code"] and one["version_before"] == one["version_after"] else ""
    st.markdown(f":material/edit: **{say('changes')}** {_solution(one)} `{version}`{code}")
    _values([value for key in ("config", "devices", "sources") for value in one[key]])


def _values(values: Sequence[Mapping[str, Any]]) -> None:
    if values:
        rows = [
            {
                say("setting"): one["path"].lstrip("/").replace("/", " › "),
                say("value_before"): _text(one["before"]),
                say("value_after"): _text(one["after"]),
            }
            for one in values
        ]
        st.dataframe(rows, hide_index=True)


def _text(value: Any) -> str:
    return say("not_there") if value is None else show(value)


def _solution(one: Mapping[str, Any]) -> str:
    """A solution's title, and the instance's name where it has one of its own."""
    entry = registry().catalogue.solutions.get(one["solution"])
    title = title_of(entry.facts) if entry is not None else str(one["solution"])
    return title if one["instance"] == one["solution"] else f"{title} ({one['instance']})"


def _kind(kind: str) -> str:
    known = registry().catalogue.adapter_kinds
    return title_of(known[kind]) if kind in known else kind
