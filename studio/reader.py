"""From which address the reader's browser came, as far as that is known."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from ipaddress import ip_address

import streamlit as st

PROXY = "STORELOOM_STUDIO_PROXY"
HERE = ("127.0.0.1", "::1")


def reader_address() -> str | None:
    """The browser's address: who is connected; where that is a proxy that `STORELOOM_STUDIO_PROXY` names (addresses, by commas), whom it
    says that it stands for. None on the studio's own machine."""
    proxies = {one.strip() for one in os.environ.get(PROXY, "").split(",") if one.strip()}
    peers = [st.context.ip_address] if st.context.ip_address else list(HERE)  # Streamlit tells of its own machine as None
    if not proxies.intersection(peers):
        return st.context.ip_address
    said = ",".join(st.context.headers.get_all("X-Forwarded-For"))
    return behind(said.split(","), proxies)


def behind(said: Sequence[str], proxies: Collection[str]) -> str | None:
    """The last address of a chain of proxies that is no trusted one: what stands before it may be anybody's invention. None where it is no
    address."""
    for one in reversed([part.strip() for part in said]):
        if one in proxies:
            continue
        try:
            return str(ip_address(one))
        except ValueError:
            return None
    return None
