"""How a source of frames is written: a file, `rtsp://...` (also rtsps, http, https), or a USB camera as `usb:0` or `/dev/video0`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from storeloom.workers.vision.errors import FootageError

Kind = Literal["file", "network", "usb"]
NETWORK = ("rtsp", "rtsps", "http", "https")
WRITTEN = "Give a video file, rtsp://HOST/PATH or usb:NUMBER."


@dataclass(frozen=True)
class Address:
    """A source: its kind, what OpenCV opens (a path, a URL, the number of a USB camera as text), and how it may be shown."""

    kind: Kind
    target: str
    shown: str

    @property
    def live(self) -> bool:
        return self.kind != "file"


def address(written: str | Path) -> Address:
    """Read an address; FootageError for one that names nothing. A password in a URL is not shown."""
    text = str(written).strip()
    scheme, colon, rest = text.partition(":")
    if scheme == "usb" and colon:
        if not rest.isdecimal():
            raise FootageError(f"{text!r} names no USB camera.", "source", WRITTEN)
        return Address("usb", rest, text)
    if text.startswith("/dev/video") and text[len("/dev/video") :].isdecimal():
        return Address("usb", text[len("/dev/video") :], text)
    if "://" in text:
        parts = urlsplit(text)
        if parts.scheme not in NETWORK or not parts.hostname:
            known = ", ".join(NETWORK)
            raise FootageError(f"A stream of {parts.scheme or 'no scheme'!r} cannot be opened; known: {known}.", "source", WRITTEN)
        return Address("network", text, urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
    if not text:
        raise FootageError("No source is given.", "source", WRITTEN)
    return Address("file", text, text)
