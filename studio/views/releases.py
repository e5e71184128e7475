"""Release and roll-out: check the chain's stores, sign a release, plan it, let it go over the stores, watch and steer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from storeloom.core.control.client import FleetClient, part, told_finding
from storeloom.studio.address import asked, go
from storeloom.studio.chain import api, entered, may, refusals_shown, refused, tried
from storeloom.studio.common import say, show_findings
from storeloom.studio.fleet.choice import choice_form
from storeloom.studio.fleet.live import follow, state_badge
from storeloom.studio.fleet.plan import plan_view
from storeloom.studio.fleet.said import person, shortened, when
from storeloom.studio.fleet.strategy import KEY, strategy_form

NEWEST, CHECKED = 8, 20
FAULT = "releases/fault"
LEVELS = {"template": "level_template", "format": "level_format", "region": "level_region"}
JOB = {
    "waiting": "job_waiting",
    "composing": "job_composing",
    "publishing": "job_publishing",
    "done": "job_done",
    "failed": "job_failed",
}
OVER = ("done", "failed")
ON_NONE = "SL-REL-02"


def page() -> None:
    """The chain's releases and roll-outs; one of them where the address names it."""
    st.title(say("releases"))
    entered("releases:read")
    with refusals_shown():
        rollout, release, job = (asked(name) for name in ("rollout", "release", "job"))
        if rollout or release or job:
            st.button(say("to_releases"), icon=":material/arrow_back:", on_click=_home)
        refused(FAULT)
        if rollout:
            _rollout(rollout)
        elif release:
            _release(release)
        elif job:
            _job(job)
        else:
            _overview(api())


def _home() -> None:
    st.session_state[FAULT] = ()
    go(rollout=None, release=None, job=None, **{KEY: None})


def _overview(ask: FleetClient) -> None:
    stores = [one for one in ask.pages("/stores", {"limit": 500}) if not one["closed"]]
    if not stores:
        st.info(say("no_stores_yet"), icon=":material/storefront:")
        return
    _rollouts(ask)
    _releases(ask)
    if may("releases:write"):
        _new(ask, stores)
    with st.expander(say("designs_head"), icon=":material/layers:"):
        _designs(ask)


def _designs(ask: FleetClient) -> None:
    found = list(ask.pages("/designs", {"limit": 500}))
    if not found:
        st.caption(say("no_designs"))
        return
    st.dataframe(
        [
            {
                say("name"): one["name"],
                say("level"): say(LEVELS[one["level"]]),
                say("for_what"): one["target"] or one["template"] or say("all"),
                say("revision"): one["version"],
                say("changed"): when(one["changed"]),
                say("who"): person(one["changed_by"]),
                say("key"): one["id"],
            }
            for one in found
            if not one["retired"]
        ],
        hide_index=True,
    )


def _rollouts(ask: FleetClient) -> None:
    st.subheader(say("rollouts_head"))
    found = list(ask.pages("/rollouts", {"limit": 500}))[::-1]
    if not found:
        st.caption(say("no_rollouts"))
    numbers = {one["id"]: one for one in ask.pages("/releases", {"limit": 500})} if found else {}
    for one in found[:NEWEST]:
        release = numbers.get(one["release"], {"number": "?", "name": one["release"]})
        done, total = one["stores"].get("done", 0), sum(one["stores"].values())
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{state_badge(one['state'])} **{say('release_n', n=release['number'])}** {release['name']} · "
                f"{say('done_of', done=f'{done:,}', total=f'{total:,}')} · {when(one['changed'])}",
                width="stretch",
            )
            name = say("open_rollout", n=release["number"])
            st.button(name, key=f"open/{one['id']}", icon=":material/chevron_right:", on_click=go, kwargs={"rollout": one["id"]})


def _releases(ask: FleetClient) -> None:
    st.subheader(say("releases_head"))
    found = list(ask.pages("/releases", {"limit": 500}))[::-1]
    if not found:
        st.caption(say("no_releases"))
    shown = found if st.session_state.get("releases/all") else found[:NEWEST]
    for one in shown:
        withdrawn = f":red-badge[{say('withdrawn')}] " if one["state"] == "withdrawn" else ""
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{withdrawn}**{say('release_n', n=one['number'])}** {one['name']} · {when(one['created'])} · {person(one['created_by'])}",
                width="stretch",
            )
            name = say("open_release", n=one["number"])
            st.button(name, key=f"open/{one['id']}", icon=":material/chevron_right:", on_click=go, kwargs={"release": one["id"]})
    if len(found) > NEWEST:
        st.toggle(say("show_all", n=len(found)), key="releases/all")


def _new(ask: FleetClient, stores: list[Mapping[str, Any]]) -> None:
    st.subheader(say("new_release"))
    st.caption(say("new_release_note"))
    built = {one["store"] for one in ask.pages("/store-designs", {"limit": 500})}
    ready = [one for one in stores if one["id"] in built]
    if not ready:
        st.info(say("no_store_on_template"), icon=":material/layers:")
        return
    if len(ready) < len(stores):
        st.caption(say("without_template", n=len(stores) - len(ready)))
    with st.container(border=True):
        choice, chosen = choice_form(ready, "release")
        st.caption(say("chosen_stores", n=len(chosen), names=shortened([one["id"] for one in chosen])))
        st.button(
            say("check_stores"), key="check", icon=":material/fact_check:", disabled=not chosen, on_click=_wish, args=("checked", choice)
        )
        if chosen and st.session_state.get("checked") == choice:
            _check(ask, [one["id"] for one in chosen])
        name = st.text_input(say("release_name"), key="release/name", max_chars=200)
        st.text_area(say("notes"), key="release/notes", max_chars=10_000, height=80)
        st.button(
            say("make_release"),
            key="make",
            type="primary",
            icon=":material/signature:",
            disabled=not (chosen and name),
            on_click=_make,
            args=(choice,),
        )


def _wish(name: str, value: Any) -> None:
    st.session_state[name] = value


def _check(ask: FleetClient, stores: list[str]) -> None:
    """Compose the stores as their designs stand, and say what is found of each."""
    bar = st.progress(0.0, text=say("composing_stores"))
    clean, told = 0, []
    for at, store in enumerate(stores[:CHECKED]):
        made = ask.get(f"/stores/{part(store)}/composition").body
        bar.progress((at + 1) / min(CHECKED, len(stores)), text=say("composing_stores"))
        clean += made["ok"]
        if made["findings"]:
            told.append((store, made))
    bar.empty()
    (st.success if clean == min(CHECKED, len(stores)) else st.error)(say("checked_stores", clean=clean, n=min(CHECKED, len(stores))))
    if len(stores) > CHECKED:
        st.caption(say("checked_first", n=CHECKED))
    for store, made in told:
        with st.expander(say("findings_of", store=store, n=len(made["findings"])), expanded=not made["ok"]):
            show_findings([told_finding(one) for one in made["findings"]])


def _make(choice: Mapping[str, Any]) -> None:
    """Ask for the release; its job's page is opened."""
    state = st.session_state
    body = {"name": state["release/name"], "notes": state.get("release/notes") or "", "choice": choice}
    tried(FAULT, lambda: go(job=str(api().post("/releases", body).body["id"])))


def _job(job: str) -> None:
    """A release in the making; once it stands, and nothing was found, its own page."""
    told = api().get(f"/release-jobs/{part(job)}").body
    if told["state"] == "done" and not _telling(told):
        go(job=None, release=told["release"])
        _release(told["release"])
        return
    st.subheader(say("making_release"))
    st.fragment(_job_look, run_every=None if told["state"] in OVER else 0.5)(job, told["state"])


def _telling(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What is found in making a release, but for stores that are on no template: those are counted."""
    return [one for one in job["findings"] if one["finding"]["code"] != ON_NONE]


def _job_look(job: str, state: str) -> None:
    with refusals_shown():
        told = api().get(f"/release-jobs/{part(job)}").body
        if told["state"] in OVER and state not in OVER:
            st.rerun()
        st.progress(told["done"] / max(1, told["total"]), text=say(JOB[told["state"]], done=told["done"], total=told["total"]))
        found = _telling(told)
        if left := len(told["findings"]) - len(found):
            st.caption(say("without_template", n=left))
        for one in found:
            if one["store"]:
                st.caption(say("of_store", store=one["store"]))
            show_findings([told_finding(one["finding"])])
        if told["state"] == "done":
            where = {"job": None, "release": told["release"]}
            st.button(say("go_on_to_release"), type="primary", icon=":material/arrow_forward:", on_click=go, kwargs=where)


def _release(name: str) -> None:
    ask = api()
    told = ask.get(f"/releases/{part(name)}").body
    st.subheader(f"{say('release_n', n=told['number'])} · {told['name']}")
    st.caption(say("release_line", stores=f"{told['stores']:,}", at=when(told["created"]), by=person(told["created_by"])))
    if told["notes"]:
        st.markdown(told["notes"])
    made_of = say("comma").join(f"{design} ({say('comma').join(map(str, revisions))})" for design, revisions in told["sources"].items())
    st.caption(say("made_of", designs=made_of or say("none")))
    if told["state"] == "withdrawn":
        st.error(say("is_withdrawn"), icon=":material/block:")
        return
    st.markdown(f"### {say('plan_head')}")
    plan = plan_view(ask, name)
    if may("rollouts:run"):
        _roll(ask, name, plan)
    else:
        st.info(say("no_rollouts_for_role"), icon=":material/lock:")
    if may("releases:write"):
        _withdraw(name)


def _roll(ask: FleetClient, release: str, plan: Mapping[str, Any]) -> None:
    st.markdown(f"### {say('way_head')}")
    inside = {one["store"] for one in ask.pages(f"/releases/{part(release)}/stores", {"limit": 500})}
    stores = [one for one in ask.pages("/stores", {"limit": 500}) if one["id"] in inside and not one["closed"]]
    _windows(stores)
    instances = {one["solution"] for group in plan["groups"] for key in ("added", "changed") for one in group[key]}
    strategy = strategy_form(stores, sorted(instances))
    nothing = plan["unchanged"] == plan["stores"]
    if nothing:
        st.info(say("nothing_to_do"), icon=":material/check:")
    body = {"release": release, "strategy": strategy.model_dump(mode="json"), "plan_digest": plan["digest"]} if strategy else None
    with st.container(horizontal=True):
        for word, start, icon in (("start_rollout", True, ":material/rocket_launch:"), ("plan_rollout", False, ":material/event:")):
            st.button(
                say(word),
                key=word,
                type="primary" if start else "secondary",
                icon=icon,
                disabled=body is None or nothing,
                on_click=_begin,
                args=(body, start),
            )


def _windows(stores: list[Mapping[str, Any]]) -> None:
    """When the stores may change over."""
    with_one = [one for one in stores if one["window"]]
    st.caption(say("windows_line", n=len(with_one), total=len(stores)))
    if with_one:
        with st.expander(say("windows_head"), icon=":material/schedule:"):
            st.dataframe(
                [
                    {
                        say("the_store"): one["id"],
                        say("begins"): one["window"]["begins"],
                        say("until"): one["window"]["until"],
                        say("window_weekdays"): say("comma").join(say(DAYS[day - 1]) for day in one["window"]["weekdays"]),
                        say("zone"): one["profile"].get("zone", ""),
                    }
                    for one in with_one
                ],
                hide_index=True,
            )


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _begin(body: Mapping[str, Any], start: bool) -> None:
    """Plan the roll-out, or let it begin at once; its page is opened."""

    def begin() -> None:
        made = api().post("/rollouts", {**body, "start": start}).body
        go(release=None, rollout=str(made["id"]), **{KEY: None})

    tried(FAULT, begin)


def _withdraw(release: str) -> None:
    with st.popover(say("withdraw"), icon=":material/block:"):
        st.write(say("withdraw_note"))
        reason = st.text_input(say("withdraw_reason"), key="withdraw/reason", max_chars=1000)
        st.button(say("withdraw_now"), key="withdraw", type="primary", disabled=not reason, on_click=_taken, args=(release,))


def _taken(release: str) -> None:
    reason = {"reason": st.session_state["withdraw/reason"]}
    tried(FAULT, lambda: api().post(f"/releases/{part(release)}/withdraw", reason))


def _rollout(name: str) -> None:
    ask = api()
    told = ask.get(f"/rollouts/{part(name)}").body
    release = ask.get(f"/releases/{part(told['release'])}").body
    st.subheader(f"{say('release_n', n=release['number'])} · {release['name']}")
    follow(name)


page()
