"""Who is signed in to a chain: kept in this process alone, in the page's session and by the hash of the browser's name."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import streamlit as st

from storeloom.studio.browser import browser_of

MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Member:
    """A person at a chain's control plane, with the token that opens it until `expires` (None: not told); `name` is shown, `user` is what
    the control plane calls the person."""

    server: str
    token: str = field(repr=False)
    chain: str
    role: str
    scopes: frozenset[str]
    name: str
    vendor: str | None = None
    expires: datetime | None = None
    user: str | None = None

    def over(self, now: datetime) -> bool:
        """Whether the token is good for nothing more."""
        return self.expires is not None and self.expires <= now


class Members:
    """Members by the browser that they came in with. Nothing of it outlives the process, and of a browser's name only the hash is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, Member] = {}

    def keep(self, browser: str, member: Member, now: datetime) -> None:
        """Know a browser by its member from now on."""
        with self._lock:
            self._known = {key: one for key, one in self._known.items() if not one.over(now)}
            self._known[_hash(browser)] = member

    def known(self, browser: str, now: datetime) -> Member | None:
        """The member of a browser, None where nobody came in or the time is over."""
        with self._lock:
            found = self._known.get(_hash(browser))
        return None if found is None or found.over(now) else found

    def forget(self, browser: str) -> None:
        """Know a browser no more."""
        with self._lock:
            self._known.pop(_hash(browser), None)


def _hash(browser: str) -> bytes:
    return hashlib.sha256(browser.encode()).digest()


@st.cache_resource
def members() -> Members:
    """Those of this process."""
    return Members()


def member() -> Member | None:
    """Who is signed in on this page: this session's member, else the browser's."""
    now = datetime.now(UTC)
    found: Member | None = st.session_state.get(MEMBER)
    if found is None:
        browser = browser_of(st.context.cookies)
        found = members().known(browser, now) if browser else None
        if found is not None:
            st.session_state[MEMBER] = found
    return None if found is None or found.over(now) else found


def come_in(who: Member) -> None:
    """Somebody signed in on this page; the browser is known by it, where it has a name."""
    browser = browser_of(st.context.cookies)
    if browser:
        members().keep(browser, who, datetime.now(UTC))
    st.session_state[MEMBER] = who


def go_out() -> None:
    """Nobody is signed in on this page or in this browser any more."""
    browser = browser_of(st.context.cookies)
    if browser:
        members().forget(browser)
    st.session_state.pop(MEMBER, None)


def lasts() -> bool:
    """Whether signing in outlasts a reload of the page."""
    return browser_of(st.context.cookies) is not None
