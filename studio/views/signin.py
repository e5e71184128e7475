"""Sign in: who works here, for which chain."""

from __future__ import annotations

import streamlit as st

from storeloom.studio.chain import role_of, sign_in
from storeloom.studio.common import say
from storeloom.studio.members import member


def page() -> None:
    """The way in; or who is in."""
    st.title(say("signin"))
    st.write(say("signin_lead"))
    who = member()
    if who is None:
        sign_in()
        return
    st.success(
        f"{say('signed_in')} {say('signed_in_as', name=who.name, role=role_of(who), chain=who.chain)}", icon=":material/verified_user:"
    )
    st.caption(say("server_line", server=who.server))


page()
