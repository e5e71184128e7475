"""The chain that a person works for: signing in to its control plane, asking its API, what the role may, refusals as they are told."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import streamlit as st

from storeloom.core.commands.fleet_client import SERVER, kept_file
from storeloom.core.control.api.standing_in import asking_for, studio_key
from storeloom.core.control.client import Access, FleetClient, FleetFault
from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.sources import open_document
from storeloom.studio.common import faults_shown, language, say, show_findings
from storeloom.studio.members import Member, come_in, go_out, lasts, member
from storeloom.studio.reader import reader_address

CA = "STORELOOM_CA"
TRIES = 2
FAULT, MISSING, OVER = "signin/fault", "signin/missing", "signin/over"
ROLES = {
    "admin": "role_admin",
    "integrator": "role_integrator",
    "operator": "role_operator",
    "viewer": "role_viewer",
    "vendor": "role_vendor",
    "agent": "role_agent",
}


def server() -> tuple[str, str | None]:
    """The control plane's address and the file of the authority that signed its certificate: `STORELOOM_SERVER` and `STORELOOM_CA`, else
    those of `storeloom fleet`'s settings file; an empty address where there is none."""
    if os.environ.get(SERVER):
        return os.environ[SERVER], os.environ.get(CA)
    file = kept_file(argparse.Namespace())
    kept = open_document(file).data if file.is_file() else {}
    return str(kept.get("server", "")), os.environ.get(CA) or kept.get("ca")


def api(who: Member | None = None) -> FleetClient:
    """Asks the control plane as `who`, or as whoever is signed in; answers in the reader's language. RuntimeError where nobody is."""
    who = who or member()
    if who is None:
        raise RuntimeError("nobody is signed in: a page asks `entered` first")
    return FleetClient(Access(who.server, who.token, server()[1]), language(), tries=TRIES)


def may(scope: str) -> bool:
    """Whether whoever is signed in holds a scope."""
    who = member()
    return who is not None and scope in who.scopes


def entered(scope: str) -> Member:
    """Whoever is signed in and holds the scope that a page needs. Else the page ends here: with the way in, or with what is missing."""
    who = member()
    if who is None:
        sign_in()
        st.stop()
    if scope not in who.scopes:
        st.error(say("not_for_role", role=role_of(who)), icon=":material/lock:")
        st.stop()
    return who


def role_of(who: Member) -> str:
    """A member's role in the reader's language."""
    return say(ROLES[who.role]) if who.role in ROLES else who.role


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Show what the control plane refuses, as it says it. Where the token is over, the page begins anew with the way in."""
    try:
        yield
    except FleetFault as fault:
        if fault.status == 401 and member() is not None:
            go_out()
            st.session_state[OVER] = True
            st.rerun()
        show_findings(fault.findings, placed=False)
    except StoreloomError as fault:
        show_findings(fault.findings)


def tried(key: str, act: Callable[[], object]) -> None:
    """Carry out what a button asks for. What the control plane refuses stands under `key` until the next try, for `refused` to show."""
    try:
        act()
        st.session_state[key] = ()
    except StoreloomError as fault:
        st.session_state[key] = fault.findings


def refused(key: str) -> None:
    """Show what was refused last."""
    show_findings(st.session_state.get(key, ()), placed=False)


def sign_in() -> None:
    """The way in: chain, address and password, or a token."""
    with faults_shown():
        where, _ = server()
        if not where:
            st.info(say("no_server"), icon=":material/cloud_off:")
            return
        st.caption(say("server_line", server=where))
        if st.session_state.pop(OVER, False):
            st.warning(say("session_over"), icon=":material/timer_off:")
        if missing := st.session_state.get(MISSING, ""):
            st.warning(missing, icon=":material/edit:")
        refused(FAULT)
        ways = {"password": say("by_password"), "token": say("by_token")}
        way = st.segmented_control(say("way_in"), list(ways), format_func=ways.__getitem__, default="password", key="signin/way")
        with st.form("signin", enter_to_submit=True, width=480):
            if way == "token":
                st.text_input(say("token"), type="password", key="signin/token", autocomplete="off", help=say("token_note"))
            else:
                st.text_input(say("chain"), value=st.query_params.get("chain", ""), key="signin/chain", autocomplete="organization")
                st.text_input(say("email"), key="signin/email", autocomplete="username")
                st.text_input(say("password"), type="password", key="signin/password", autocomplete="current-password")
            st.form_submit_button(say("sign_in"), type="primary", icon=":material/login:", on_click=_came)
        if not lasts():
            st.caption(say("no_cookie"))


def _came() -> None:
    """Take what the form holds to the control plane; what it refuses is shown above the form."""
    said = {name: str(st.session_state.get(f"signin/{name}") or "") for name in ("chain", "email", "password", "token")}
    missing = [name for name in (("token",) if said["token"] else ("chain", "email", "password")) if not said[name]]
    st.session_state[MISSING] = say("missing_fields", fields=say("comma").join(say(name) for name in missing)) if missing else ""
    if not missing:
        tried(FAULT, lambda: come_in(_entered(said)))


def _entered(said: dict[str, str]) -> Member:
    where, ca = server()
    token, expires, name = said["token"], None, ""
    if not token:
        ask = FleetClient(Access(where, "", ca), language(), tries=1)  # whoever is shut out for minutes is told at once
        person = {key: said[key].strip() if key != "password" else said[key] for key in ("chain", "email", "password")}
        came = ask.post("/login", person, headers=asking_for(studio_key(os.environ), reader_address())).body
        token, expires, name = str(came["token"]), datetime.fromisoformat(came["expires"]), said["email"].strip()
    me = FleetClient(Access(where, token, ca), language(), tries=TRIES).get("/me").body
    name = name or str(me["user"] or me["store"])
    return Member(where, token, me["chain"], me["role"], frozenset(me["scopes"]), name, me["vendor"], expires, me["user"])


def account() -> None:
    """Who is signed in, and the way out; in the side bar."""
    who = member()
    if who is None:
        return
    st.text(say("signed_in_as", name=who.name, role=role_of(who), chain=who.chain))
    st.button(say("sign_out"), key="signout", icon=":material/logout:", on_click=_leave, args=(who,))


def _leave(who: Member) -> None:
    """Out at once; the token is ended at the control plane too, which is told where that fails."""
    go_out()
    with refusals_shown():
        api(who).post("/logout", None)
