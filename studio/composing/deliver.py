"""The bundle on its way to a chain: as a template of the control plane, and the stores that are built on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.core.control.client import part
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.overlay import Layered
from storeloom.core.kernel.sources import OWN_KEYS
from storeloom.studio.address import turn_to
from storeloom.studio.chain import api, entered, may, refusals_shown, role_of, server
from storeloom.studio.common import draft, first, held, say, show_findings
from storeloom.studio.composing.common import profile_of
from storeloom.studio.members import member

NEW, FIRST_ID = "", "template-1"
TEMPLATE, ID, NAME, STORES, ALONG, UPLINK, PROFILE, DONE = (
    f"deliver/{name}" for name in ("template", "id", "name", "stores", "along", "uplink", "profile", "done")
)
AGENTS_TOKEN = "uplink"
"""The name under which an agent puts its own token, for the store to send its events with."""
_NOT_ID = re.compile(r"[^a-z0-9]+")


def offered() -> bool:
    """Whether there is a chain to give a bundle to."""
    return bool(server()[0])


def deliver(composition: Composition) -> None:
    """Which template, which stores; then on to the release."""
    st.write(say("deliver_lead"))
    who = entered("designs:read")
    if not may("designs:write"):
        st.info(say("not_for_role", role=role_of(who)), icon=":material/lock:")
        return
    with refusals_shown():
        ask = api(who)
        templates = {one["id"]: one for one in ask.pages("/designs", {"level": "template", "limit": 500}) if not one["retired"]}
        stores = {one["id"]: one for one in ask.pages("/stores", {"limit": 500}) if not one["closed"]}
        on = {one["store"]: one["template"] for one in ask.pages("/store-designs", {"limit": 500})}
        _form(composition, templates, stores, on)
    _told()


def design_body(composition: Composition, uplink: str = "") -> dict[str, Any]:
    """The bundle as a template holds it: template, overlays and own values as one layer, without what names or places it. With an
    `uplink`, stores send their events to that control plane, by their agents' tokens."""
    layers = composition.sources.layered.layers
    value = Layered(tuple(layer for layer in layers if layer.name != "default")).value
    body = {key: one for key, one in value.items() if key not in OWN_KEYS}
    if uplink:
        body["runtime"] = {**body.get("runtime", {}), "uplink": {"url": f"{uplink.rstrip('/')}/api", "token": AGENTS_TOKEN}}
    return body


def _form(composition: Composition, templates: Mapping[str, Any], stores: Mapping[str, Any], on: Mapping[str, str]) -> None:
    names = [NEW, *templates]
    words = {NEW: say("deliver_new"), **{key: say("deliver_next", name=one["name"], id=key) for key, one in templates.items()}}
    home = draft().home
    last = home.beside("template") if home is not None else None
    at = names.index(st.session_state[held(TEMPLATE, names, last if last in templates else NEW)])
    chosen = st.selectbox(say("template"), names, at, format_func=words.__getitem__, key=TEMPLATE)
    if chosen == NEW:
        left, right = st.columns(2)
        left.text_input(say("name"), first(NAME, composition.sources.name), key=NAME, max_chars=200)
        free_id = _free(composition.sources.name, templates)
        right.text_input(say("deliver_id"), first(ID, free_id), key=ID, max_chars=63, help=say("deliver_id_note"))
    else:
        st.toggle(say("deliver_along", n=sum(template == chosen for template in on.values())), first(ALONG, True), key=ALONG)
    free = {name: f"{one['name']} ({name})" for name, one in stores.items() if name not in on}
    if free:
        own = str(profile_of(composition).get("store", ""))
        st.session_state[STORES] = [name for name in first(STORES, [own]) if name in free]
        labels = free
        st.multiselect(
            say("deliver_stores"),
            list(labels),
            st.session_state[STORES],
            format_func=labels.__getitem__,
            key=STORES,
            help=say("deliver_stores_note"),
            placeholder=say("choose"),
        )
    elif not stores:
        st.info(say("no_stores_yet"), icon=":material/storefront:")
    has_uplink = "uplink" in composition.sources.value.get("runtime", {})
    if not has_uplink:
        st.toggle(say("deliver_uplink"), first(UPLINK, True), key=UPLINK, help=say("deliver_uplink_note"))
    changed = _changed_profile(composition, stores)
    if changed is not None:
        st.toggle(say("deliver_profile", store=changed["id"]), first(PROFILE, True), key=PROFILE, help=say("deliver_profile_note"))
    if composition.errors:
        st.warning(say("deliver_errors", n=len(composition.errors)), icon=":material/error:")
    ready = chosen != NEW or bool(st.session_state.get(ID) and st.session_state.get(NAME))
    versions = {key: str(one["version"]) for key, one in templates.items()}
    st.button(
        say("deliver_button"),
        key="deliver/go",
        type="primary",
        icon=":material/outbox:",
        disabled=bool(composition.errors) or not ready,
        on_click=_go,
        args=(composition, versions, not has_uplink, changed),
    )


def _changed_profile(composition: Composition, stores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The chain's store that the bundle is for, where its profile was changed in composing (by a fix that adds a device, say)."""
    profile = profile_of(composition)
    store: Mapping[str, Any] | None = stores.get(str(profile.get("store", ""))) if may("stores:write") else None
    if store is None or without_document(profile) == without_document(store["profile"]):
        return None
    return store


def without_document(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A profile without the word that says what it is."""
    return {key: value for key, value in profile.items() if key != "document"}


def _free(name: str, templates: Mapping[str, Any]) -> str:
    """An id for a template, made of the bundle's name where that has Latin letters, that no template has."""
    word = _NOT_ID.sub("-", name.lower()).strip("-")[:40] or FIRST_ID.rpartition("-")[0]
    return next(one for n in range(len(templates) + 2) if (one := f"{word}-{n + 1}" if n else word) not in templates)


def _go(composition: Composition, versions: Mapping[str, str], asks_uplink: bool, changed: Mapping[str, Any] | None) -> None:
    """Write the template, then let stores follow it one by one; what is refused is told by store."""
    who = member()
    said = st.session_state
    if who is None:
        return
    template, version = "", 0
    built: list[str] = []
    wrong: list[tuple[str, Sequence[Finding]]] = []
    try:
        if changed is not None and said.get(PROFILE):
            kept = {key: changed[key] for key in ("name", "region", "ring", "tags", "window")}
            profile = {**without_document(profile_of(composition)), "document": "store/1"}
            api().put(f"/stores/{part(changed['id'])}", {**kept, "profile": profile}, str(changed["version"]))
        body = design_body(composition, who.server if asks_uplink and said.get(UPLINK) else "")
        written = _written(body, str(said.get(TEMPLATE) or NEW), versions)
        template, version = str(written["id"]), int(written["version"])
        draft().put_beside("template", template)
        if version > 1 and said.get(ALONG):
            moved = api().post(f"/designs/{part(template)}/moves", {"to": version}).body
            built += moved["moved"]
            wrong += [(store, list(_conflicts(found, store))) for store, found in moved["conflicts"].items()]
    except StoreloomError as fault:
        wrong.append(("", fault.findings))
    for store in said.get(STORES) or () if version else ():
        try:
            api().post(f"/stores/{part(store)}/design", {"template": template, "template_version": version})
            built.append(store)
        except StoreloomError as fault:
            wrong.append((store, fault.findings))
    said.pop(TEMPLATE, None)
    said[DONE] = draft().at, template, version, built, wrong


def _written(body: Mapping[str, Any], chosen: str, versions: Mapping[str, str]) -> Mapping[str, Any]:
    """The template as it stands, written anew or as its next revision."""
    said, ask = st.session_state, api()
    if chosen == NEW:
        new = {"id": str(said[ID]).strip(), "level": "template", "name": str(said[NAME]).strip(), "body": body}
        told: Mapping[str, Any] = ask.post("/designs", new).body
    else:
        change = {"name": ask.get(f"/designs/{part(chosen)}").body["name"], "body": body}
        told = ask.put(f"/designs/{part(chosen)}", change, versions[chosen]).body
    return told


def _conflicts(found: Iterable[Mapping[str, Any]], store: str) -> Iterator[Finding]:
    for conflict in found:
        allowed = {"en": "a choice between the template and the store's own layer", "zh": "在模板与门店自有层之间作出选择"}
        yield Finding("SL-CFG-03", {"got": conflict["path"], "allowed": allowed, "remedy_en": "", "remedy_zh": ""}, store)


def _told() -> None:
    """What was done last, and the way on."""
    done = st.session_state.get(DONE)
    if done is None or done[0] != draft().at:
        return
    _, template, version, built, wrong = done
    if template:
        st.success(
            say("deliver_done", template=template, n=version, stores=say("comma").join(built) or say("none")), icon=":material/check:"
        )
    for store, findings in wrong:
        if store:
            st.error(say("deliver_refused", store=store))
        show_findings(findings, placed=False)
    if built and st.button(say("deliver_on"), key="deliver/on", icon=":material/arrow_forward:"):
        turn_to("releases")
