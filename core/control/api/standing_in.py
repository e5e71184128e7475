"""Whose address counts when a studio asks for somebody: its own, or, where it shows the key that both were given, the reader's.

Guesses at passwords are counted by address (see `identity/logins.py`). All who sign in through one studio come from that studio's address;
so that one who guesses does not shut out the others, the studio may say for whom it asks. Who has not the key is not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

from storeloom.core.kernel.errors import ControlFault, Finding

KEY = "STORELOOM_STUDIO_KEY"
LEAST = 32
KEY_HEADER, FOR_HEADER = "X-Storeloom-Studio", "X-Storeloom-For"


def studio_key(environment: Mapping[str, str]) -> str:
    """The key that a studio and its control plane share; empty where none is set. ControlFault for one that could be guessed."""
    key = environment.get(KEY, "")
    if key and len(key) < LEAST:
        allowed = {"en": f"at least {LEAST} characters", "zh": f"至少 {LEAST} 个字符"}
        raise ControlFault(Finding("SL-CFG-03", {"got": str(len(key)), "allowed": allowed, "remedy_en": "", "remedy_zh": ""}, KEY))
    return key


def asking_for(key: str, address: str | None) -> dict[str, str]:
    """The headers by which a studio says for whom it asks; none where it has no key or knows no address."""
    return {KEY_HEADER: key, FOR_HEADER: address} if key and address else {}


def asker_address(environ: Mapping[str, Any], key: str) -> str:
    """The address that a request counts for."""
    own = str(environ.get("REMOTE_ADDR", ""))
    shown = str(environ.get("HTTP_X_STORELOOM_STUDIO", ""))
    if not key or not compare_digest(shown.encode("utf-8", "replace"), key.encode()):
        return own
    try:
        return str(ip_address(str(environ.get("HTTP_X_STORELOOM_FOR", ""))))
    except ValueError:
        return own
