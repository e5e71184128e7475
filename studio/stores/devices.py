"""Devices of a store: entered, taken from the format's usual ones, or found by search."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.registry import Catalogue
from storeloom.core.virtual.formats import NAMES, default_devices_of
from storeloom.studio.common import language, registry, say, title_of
from storeloom.studio.forms.model import Form, Option
from storeloom.studio.forms.render import config_form
from storeloom.studio.stores import dress
from storeloom.studio.stores.work import fresh

SEARCH_S = 5
PATIENCE_S = 20
FOUND = "stores/found"
CHOSEN = "stores/device"
MOST_FOUND = 50
Devices = Mapping[str, Any]
Keep = Callable[[dict[str, Any]], None]


def devices_form(profile: Mapping[str, Any], findings: list[Finding], zones: list[str], keep: Keep) -> None:
    """The devices of a profile; `keep` gets all of them after an edit."""
    devices: Devices = profile.get("devices") or {}
    known = registry().catalogue
    if not devices:
        st.info(say("devices_none"))
    usual = str(profile.get("format"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _new(devices, known, keep)
    if usual in NAMES and not devices:
        st.button(
            say("devices_usual"), key="devices/usual", icon=":material/auto_awesome:", on_click=lambda: keep(default_devices_of(usual))
        )
    _discover(devices, known, keep)
    if devices:
        _one(devices, findings, zones, known, keep)
        st.dataframe(_rows(devices, known, findings), hide_index=True)


def free_id(devices: Devices, kind: str) -> str:
    """The first id by kind and number that no device has."""
    word = kind.replace("_", "-")
    return next(f"{word}-{n}" for n in range(1, len(devices) + 2) if f"{word}-{n}" not in devices)


def _new(devices: Devices, known: Catalogue, keep: Keep) -> None:
    kinds = list(known.adapter_kinds)
    st.selectbox(
        say("device_kind_new"),
        kinds,
        index=None,
        format_func={one: title_of(known.adapter_kinds[one]) for one in kinds}.__getitem__,
        key="devices/kind",
        width=240,
        placeholder=say("choose"),
    )
    st.text_input(say("device_id_new"), key="devices/id", width=240)

    def add() -> None:
        kind = st.session_state["devices/kind"]
        name = (st.session_state["devices/id"] or "").strip() or free_id(devices, kind)
        if name in devices:
            st.session_state["devices/taken"] = name
            return
        st.session_state["devices/id"], st.session_state[CHOSEN] = "", name
        keep({**devices, name: {"kind": kind}})

    ready = st.session_state.get("devices/kind") is not None
    st.button(say("device_add"), key="devices/add", icon=":material/add:", disabled=not ready, on_click=add)
    taken = st.session_state.pop("devices/taken", None)
    if taken:
        st.warning(say("device_taken", device=taken))


def _one(devices: Devices, findings: list[Finding], zones: list[str], known: Catalogue, keep: Keep) -> None:
    """One device's form."""
    names = list(devices)
    if st.session_state.get(CHOSEN) not in names:
        st.session_state[CHOSEN] = names[0]

    def words(name: str) -> str:
        kind = known.adapter_kinds.get(devices[name].get("kind"))
        mark = "⚠ " if _about(name, findings) else ""
        return f"{mark}{name}{f' ({title_of(kind)})' if kind else ''}"

    with st.container(border=True):
        chosen = st.selectbox(
            say("device_one", n=len(names)), names, format_func={one: words(one) for one in names}.__getitem__, key=CHOSEN
        )
        facts = devices[chosen]
        schema = dress.device(facts, known)
        offered = {"zone": tuple(Option(one, one, one) for one in zones)}
        form = Form(schema, facts, facts, tuple(_about(chosen, findings)), f"devices.{chosen}")
        config_form(form, fresh(f"device/{chosen}"), lambda new: keep({**devices, chosen: new}), offered=offered)
        st.button(
            say("device_drop", device=chosen),
            key=f"device/{chosen}/drop",
            icon=":material/delete:",
            type="tertiary",
            on_click=lambda: keep({name: one for name, one in devices.items() if name != chosen}),
        )


def _about(name: str, findings: list[Finding]) -> list[Finding]:
    at = f"devices.{name}"
    return [f for f in findings if f.path == at or f.path.startswith((f"{at}.", f"{at}["))]


def _rows(devices: Devices, known: Catalogue, findings: list[Finding]) -> list[dict[str, str]]:
    rows = []
    for name, facts in devices.items():
        kind, driver = known.adapter_kinds.get(facts.get("kind")), known.adapters.get(facts.get("adapter"))
        wrong = len(_about(name, findings))
        rows.append(
            {
                say("col_id"): name,
                say("device_kind"): title_of(kind) if kind else str(facts.get("kind")),
                say("floor_zone"): str(facts.get("zone", "")),
                say("discover_driver"): title_of(driver.facts) if driver else str(facts.get("adapter", "")),
                say("col_state"): say("state_wrong", n=wrong) if wrong else say("state_ok"),
            }
        )
    return rows


# search


def _discover(devices: Devices, known: Catalogue, keep: Keep) -> None:
    drivers = [name for name, entry in known.adapters.items() if entry["discovers"] and entry.enabled]
    with st.expander(say("discover"), icon=":material/travel_explore:", expanded=FOUND in st.session_state):
        st.caption(say("discover_lead"))
        driver = st.selectbox(
            say("discover_driver"),
            drivers,
            format_func={one: title_of(known.adapters[one].facts) for one in drivers}.__getitem__,
            key="discover/driver",
        )
        if driver is None:
            return
        where = st.text_input(say("discover_where"), key="discover/where", placeholder=str(known.adapters[driver]["discovers"]))
        if st.button(say("discover_button"), key="discover/search", icon=":material/search:"):
            with st.spinner(say("discover_running", s=SEARCH_S)):
                st.session_state[FOUND] = search(driver, where, language())
        if FOUND in st.session_state:
            _results(st.session_state[FOUND], devices, known, keep)


def search(driver: str, where: str, lang: str) -> tuple[list[dict[str, Any]], str]:
    """What a driver finds at a place, as `storeloom device find` tells it, in a process of its own: the settings of each, and why it
    ended where it did not end well."""
    tell = "import sys; from storeloom.core.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["--lang", lang, "device", "--for", str(SEARCH_S), "--json", "--", "find", driver, where]
    try:
        done = subprocess.run(
            [sys.executable, "-c", tell, *words], check=False, capture_output=True, text=True, timeout=SEARCH_S + PATIENCE_S
        )
    except subprocess.TimeoutExpired as late:
        return [], str(late)
    rows = []
    for line in done.stdout.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "settings" in row:
            rows.append(row)
    return rows, "" if done.returncode == 0 or rows else _why(done.stdout, done.stderr)


def _why(said: str, complained: str) -> str:
    """What the search complained about, in the reader's words; empty where it only found nothing."""
    for text in (said, complained):
        try:
            told = json.loads(text)
        except ValueError:
            continue
        found = told.get("findings", []) if isinstance(told, dict) else []
        return " ".join(f"{one['reason']} {one['fix']}" for one in found)
    return complained.strip()[-400:]


def _results(found: tuple[list[dict[str, Any]], str], devices: Devices, known: Catalogue, keep: Keep) -> None:
    rows, reason = found
    if reason:
        st.error(say("discover_broke", reason=reason))
    elif not rows:
        st.info(say("discover_none"))
    for number, row in enumerate(rows[:MOST_FOUND]):
        entry = known.adapters[row["adapter"]]
        there = next((name for name, one in devices.items() if one.get("settings") == row["settings"]), None)
        facts = {key: value for key, value in row.items() if key not in ("adapter", "settings")}
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{title_of(entry.facts)} `{schemas.show(row['settings'], 80)}` {schemas.show(facts, 80) if facts else ''}")
            name = free_id(devices, entry["kind"])
            new = {"kind": entry["kind"], "adapter": entry.id, "settings": row["settings"]}
            st.button(
                there or f"{say('discover_take')}{say('colon')}{name}",
                key=f"discover/take/{number}",
                disabled=there is not None,
                on_click=keep,
                args=({**devices, name: new},),
            )
