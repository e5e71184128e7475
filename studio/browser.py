"""Each browser gets a name of its own: a random cookie that scripts cannot read, so that a reload is known for the same person.

The cookie says nothing and opens nothing by itself; what belongs to it is kept in the studio's process (see `studio/members.py`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

NAME, SAFE_NAME = "storeloom_browser", "__Host-storeloom_browser"
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


def browser_of(cookies: Any) -> str | None:
    """The browser's name in its cookies, None where it has none yet."""
    for name in (SAFE_NAME, NAME):
        value = str(cookies.get(name, ""))
        if _VALUE.fullmatch(value):
            return value
    return None


class NamedBrowser:
    """Gives a browser that opens a page its cookie, once: out of scripts' reach, for this host alone, over TLS where the page came so."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        heads = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if "text/html" not in heads.get("accept", "") or browser_of(_read(heads.get("cookie", ""))) is not None:
            await self._app(scope, receive, send)
            return
        line = _cookie(scope["scheme"] == "https" or heads.get("x-forwarded-proto", "") == "https")

        async def named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [one for one in message.get("headers", ()) if one[0].lower() != b"cache-control"]
                message["headers"] = [*kept, (b"set-cookie", line), (b"cache-control", b"no-store")]
            await send(message)

        await self._app(scope, receive, named)


def _read(header: str) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _cookie(safe: bool) -> bytes:
    name = SAFE_NAME if safe else NAME
    more = "; Secure" if safe else ""
    return f"{name}={secrets.token_urlsafe(32)}; Path=/; HttpOnly; SameSite=Lax{more}".encode()
