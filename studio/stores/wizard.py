"""The wizard of one store's profile, step by step; every edit is kept, nothing counts before it is saved."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.studio.address import go, kept, turn_to
from storeloom.studio.common import draft, registry, replace_draft, say, show_findings
from storeloom.studio.draft import EXAMPLE, new_draft
from storeloom.studio.forms.model import Form
from storeloom.studio.forms.render import config_form
from storeloom.studio.stores import dress
from storeloom.studio.stores.devices import devices_form
from storeloom.studio.stores.floor import floor_form
from storeloom.studio.stores.hours import hours_form
from storeloom.studio.stores.keeping import Keeper, store_findings
from storeloom.studio.stores.work import ALL, Work, fresh, leave, rows_of
from storeloom.studio.toml_text import toml_text

STEPS = ("basics", "hours", "floor", "devices", "check")
TOLD, USED = "stores/told", "stores/used"


def wizard(work: Work, keeper: Keeper, *, chain: bool, writer: bool) -> None:
    """The step that is open, and the ways to the others."""
    profile = work.profile
    findings = store_findings(profile, registry().catalogue)
    st.title(str(profile.get("name") or profile.get("store") or say("store_new")), anchor=False)
    before, after = work.home.ways()
    with st.container(horizontal=True, gap="small"):
        st.button(say("step_leave"), key="work/leave", icon=":material/arrow_back:", on_click=leave)
        st.button(say("step_undo"), key="work/undo", icon=":material/undo:", disabled=before is None, on_click=work.home.go, args=(before,))
        st.button(say("step_redo"), key="work/redo", icon=":material/redo:", disabled=after is None, on_click=work.home.go, args=(after,))
    st.caption(say("work_note"))
    step = st.segmented_control(
        say("step"),
        STEPS,
        format_func={one: _step_words(one, findings) for one in STEPS}.__getitem__,
        required=True,
        **kept("step", STEPS, STEPS[0]),
    )
    step = str(step or STEPS[0])
    if step == "basics":
        _basics(work, findings)
    elif step == "hours":
        hours_form(profile.get("hours") or {}, _of(findings, "hours"), lambda new: work.keep_profile(hours=new))
    elif step == "floor":
        floor_form(work)
    elif step == "devices":
        zones = [str(zone["zone"]) for zone in work.zones]
        devices_form(profile, _of(findings, "devices"), zones, lambda new: work.keep_profile(devices=new))
    else:
        _check(work, keeper, findings, chain=chain, writer=writer)
    if step != STEPS[-1]:
        following = STEPS[STEPS.index(step) + 1]
        st.button(
            say("step_next"), key="work/next", type="primary", icon=":material/arrow_forward:", on_click=go, kwargs={"step": following}
        )


def _step_words(step: str, findings: Sequence[Finding]) -> str:
    """A step's name, with a mark where something in it is to be mended."""
    parts = {"basics": dress.BASICS, "hours": ("hours",), "devices": ("devices",)}.get(step, ())
    return f"{say(f'step_{step}')}{' ⚠' if any(_of(findings, part) for part in parts) else ''}"


def _of(findings: Sequence[Finding], part: str) -> list[Finding]:
    """The findings about a part of the profile, its being missing among them."""
    found = [f for f in findings if f.path == part or f.path.startswith((f"{part}.", f"{part}["))]
    return found + [f for f in findings if f.code == "SL-CFG-04" and not f.path and f.args["key"] == part]


def _basics(work: Work, findings: Sequence[Finding]) -> None:
    profile = work.profile
    schema = dress.basics(profile, new=work.version is None)
    value = {key: profile[key] for key in dress.BASICS if key in profile}
    about = tuple(one for part in dress.BASICS for one in _of(findings, part))

    def keep(new: dict[str, object]) -> None:
        work.keep_profile(**{key: new.get(key) for key in dress.BASICS})

    config_form(Form(schema, value, value, about), fresh("profile"), keep)


def _check(work: Work, keeper: Keeper, findings: Sequence[Finding], *, chain: bool, writer: bool) -> None:
    profile = dict(work.profile)
    if findings:
        show_findings(findings)
    else:
        st.success(say("check_right"), icon=":material/check:")
    if chain:
        _beside(work)
        if work.zones:
            st.info(say("zones_apart"))
    if not writer:
        st.caption(say("store_not_yours"))
    with st.container(horizontal=True, gap="small"):
        ready = writer and not findings
        st.button(
            say("store_save"),
            key="work/save",
            type="primary",
            icon=":material/save:",
            disabled=not ready,
            on_click=_save,
            args=(work, keeper),
        )
        st.button(say("store_use"), key="work/use", icon=":material/account_tree:", disabled=bool(findings), on_click=_use, args=(work,))
        name = f"{profile.get('store') or 'store'}.toml"
        st.download_button(
            say("download_toml"), toml_text({"document": "store/1", **profile}), file_name=name, mime="application/toml", on_click="ignore"
        )
    _show_told()
    if st.session_state.get(USED) == work.home.id and st.button(say("store_on"), key="work/on", icon=":material/arrow_forward:"):
        turn_to("compose")
    with st.expander("TOML", icon=":material/data_object:"):
        st.code(toml_text({"document": "store/1", **profile}), language="toml")


def _beside(work: Work) -> None:
    """What the chain knows of a store beside its profile."""
    beside = {"region": None, "ring": 1, "tags": [], **(work.beside or {})}

    def told(key: str) -> None:
        said = st.session_state[f"beside/{key}"]
        work.keep(beside={**beside, key: int(said) if key == "ring" else list(said) if key == "tags" else (said or "").strip() or None})

    for key in ("region", "ring", "tags"):
        st.session_state[f"beside/{key}"] = (beside[key] or "") if key == "region" else beside[key]
    st.markdown(f"**{say('check_beside')}**")
    with st.container(horizontal=True, gap="small"):
        st.text_input(say("col_region"), key="beside/region", on_change=told, args=("region",), width=200)
        st.number_input(say("check_ring"), min_value=0, max_value=9, step=1, key="beside/ring", on_change=told, args=("ring",), width=200)
        st.multiselect(
            say("check_tags"),
            beside["tags"],
            key="beside/tags",
            accept_new_options=True,
            placeholder=say("check_tags_note"),
            on_change=told,
            args=("tags",),
            width=300,
        )


def _save(work: Work, keeper: Keeper) -> None:
    """Keep the profile where stores are kept; what is refused is told below."""
    try:
        saved = keeper.save(work.profile, work.version, work.beside or {}, rows_of(work) if work.zones else None)
    except StoreloomError as fault:
        st.session_state[TOLD] = fault.findings
    else:
        st.session_state.pop(ALL, None)
        st.session_state[TOLD] = say("store_saved", store=saved.id)
        work.keep(version=saved.version, beside=saved.beside or work.beside)


def _use(work: Work) -> None:
    """Let the draft be for this store; the example that nobody has changed yet gives way to an empty bundle."""
    bundle, profile = draft(), dict(work.profile)
    if bundle.path == EXAMPLE and not bundle.at:
        replace_draft(new_draft(str(profile.get("name") or profile.get("store")), str(profile["format"]), None, profile), "did_begin")
    else:
        bundle.replace({**bundle.data, "store": profile}, "did_store", {})
    st.session_state[TOLD], st.session_state[USED] = say("store_used", store=work.profile.get("store")), work.home.id


def _show_told() -> None:
    told = st.session_state.pop(TOLD, None)
    if isinstance(told, str):
        st.success(told, icon=":material/check:")
    elif told:
        show_findings(told)
