"""How a source of frames is written: a file, `rtsp://...` (also rtsps, rtmp, rtmps, http, https), or a USB camera as `usb:0` or
`/dev/video0`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from storeloom.workers.vision.grab.faults import Fault, GrabError

Kind = Literal["file", "network", "usb"]
NETWORK = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https")
SECRET = re.compile(r"((?:pass(?:w(?:or)?d)?|pwd|token|secret|auth|key)=)(?!\{password\})[^&;/#]+", re.IGNORECASE)
PASSWORD, USER = "{password}", "{user}"


@dataclass(frozen=True)
class Address:
    """A source: its kind, what OpenCV opens (a path, a URL, the number of a USB camera as text), and how it may be shown."""

    kind: Kind
    target: str = field(repr=False)
    shown: str

    @property
    def live(self) -> bool:
        return self.kind != "file"

    @property
    def has_password(self) -> bool:
        """Whether a password stands in the address itself."""
        return self.live and (urlsplit(self.target).password is not None or SECRET.search(self.target) is not None)

    def with_login(self, user: str, password: str) -> Address:
        """The same stream for a user: put in where the address says `{user}` and `{password}`, else before the host."""
        if self.kind != "network" or not (user or password):
            return self
        user, password = quote(user, safe=""), quote(password, safe="")
        if PASSWORD in self.target:
            return replace(self, target=self.target.replace(PASSWORD, password).replace(USER, user))
        parts = urlsplit(self.target)
        host = parts.netloc.rpartition("@")[2]
        return replace(self, target=urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}")))


def address(written: str | Path) -> Address:
    """Read an address; GrabError for one that names nothing. A password in a URL is not shown, in the error neither."""
    text = str(written).strip()
    scheme, colon, rest = text.partition(":")
    if scheme == "usb" and colon:
        if not rest.isdecimal():
            raise GrabError(Fault("usb_name", {"got": repr(text)}), "source")
        return Address("usb", rest, text)
    if text.startswith("/dev/video") and text[len("/dev/video") :].isdecimal():
        return Address("usb", text[len("/dev/video") :], text)
    if "://" in text:
        return _stream(text)
    if not text:
        raise GrabError(Fault("no_source"), "source")
    return Address("file", text, text)


def _stream(text: str) -> Address:
    """The address of a URL. One whose password has signs that end a host would be shown in part, and is refused."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise GrabError(Fault("at_sign" if "@" in text else "malformed"), "source") from None
    if parts.scheme not in NETWORK or not host:
        args = {"got": repr(parts.scheme or "no scheme"), "known": ", ".join(NETWORK)}
        raise GrabError(Fault("scheme", args), "source")
    if "@" not in parts.netloc and "@" in text:
        raise GrabError(Fault("at_sign"), "source")
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return Address("network", text, SECRET.sub(r"\1***", bare))
