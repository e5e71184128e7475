"""Enrolment: a one-time code becomes a token, a pinned root of trust and a key for the store's secrets.

The key is made and stored before anything is sent, so that an answer lost on the way can be asked for again with the same key.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from storeloom.core import __version__
from storeloom.core.agent.home import PRIVATE, Home, Identity
from storeloom.core.agent.line import Line
from storeloom.core.kernel.errors import AgentFault, Finding
from storeloom.core.trust import durable
from storeloom.core.trust.machine import this_machine
from storeloom.core.trust.wire import Enrol, Enrolled, NewToken

STORE = "store"


def enrol(home: Home, server: str, code: str, *, now: datetime, data: Path | None = None, ca: str = "", again: bool = False) -> Identity:
    """Make the agent of a store known to its control plane. What it ran before, where there was something, goes on.

    AgentFault where it is enrolled already, or the control plane refuses the code; then nothing has changed.
    """
    if home.identity_file.is_file() and not again:
        known = home.identity()
        raise AgentFault(Finding("SL-AGT-04", {"folder": str(home.folder), "store": known.store, "chain": known.chain}))
    line = Line(server, ca=ca)
    home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    body = Enrol(code=code, public_key=home.public_key(), version=__version__, machine=this_machine())
    enrolled = line.ask("POST", "/enrol", body).read(Enrolled, line.url)
    try:
        root = base64.b64decode(enrolled.root, validate=True)
        json.loads(root)
    except (binascii.Error, ValueError) as error:
        raise AgentFault(Finding("SL-AGT-20", {"url": line.url, "reason": "root"})) from error
    durable.write(home.root_file, root, mode=PRIVATE)
    place = str((data or home.folder / STORE).absolute())
    identity = Identity(line.url, enrolled.chain, enrolled.store, enrolled.token, now, enrolled.expires, place, now, ca)
    home.keep_identity(identity)
    return identity


def renew(home: Home, line: Line, identity: Identity, now: datetime) -> Identity:
    """The next token; the old one is good for another hour, so that a kill between the answer and the file does no harm."""
    new = line.ask("POST", "/agent/token").read(NewToken, line.url)
    identity = replace(identity, token=new.token, issued=now, expires=new.expires)
    home.keep_identity(identity)
    return identity
