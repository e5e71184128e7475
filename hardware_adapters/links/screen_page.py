"""The page that any browser turns into a kiosk's or cart's screen: its files, handed out at the address where screens connect.

`http://LISTEN/SCREEN/#token=TOKEN` opens it (the token once, then it is kept). It speaks the messages of `links.ws_screens`; what it shows
and what was touched lies in IndexedDB, and its service worker lets it open while the network is away. Browsers allow that one only over
HTTPS or on the machine itself: so give a certificate, or run the browser on this host, where a screen must start without the network.
`http://LISTEN/SCREEN/code.svg?text=...` draws a QR code (ISO/IEC 18004) for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

HTML, SCRIPT = "text/html; charset=utf-8", "text/javascript; charset=utf-8"
FILES: Mapping[str, tuple[str, str]] = {
    "": ("page.html", HTML),
    **{name: (name, SCRIPT) for name in ("link.js", "screen.js", "sw.js", "words.js")},
}
POLICY = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'"
MOST_TEXT = 500


class Page(NamedTuple):
    """An answer to a browser: an HTTP status, headers, the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def page(target: str, screens: Collection[str]) -> Page:
    """What lies at a request's target, `/SCREEN/...`; `screens` are all that there are, empty where any name will do."""
    path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
    quoted, slash, name = path[1:].partition("/")
    screen = unquote(quoted)
    if not screen or (screens and screen not in screens):
        return _text(404, "no such screen: the address ends with /SCREEN/\n")
    if not slash:
        return Page(308, {"Location": f"{path}/", "Content-Length": "0"}, b"")
    if name in FILES:
        file, kind = FILES[name]
        return _found(kind, files("storeloom.hardware_adapters.links").joinpath("touch", file).read_bytes())
    text = query.get("text", [""])[0]
    if name == "code.svg" and 0 < len(text) <= MOST_TEXT:
        return _code(text)
    return _text(404, "no such file\n")


def _code(text: str) -> Page:
    try:
        from zxingcpp import BarcodeFormat, create_barcode, write_barcode_to_svg
    except ImportError:
        return _text(501, "zxing-cpp draws codes and is not installed: pip install 'storeloom[devices]'\n")
    return _found("image/svg+xml", write_barcode_to_svg(create_barcode(text, BarcodeFormat.QRCode)).encode())


def _found(kind: str, body: bytes) -> Page:
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    return Page(200, {**headers, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}, body)


def _text(status: int, text: str) -> Page:
    return Page(status, {"Content-Type": "text/plain", "Content-Length": str(len(text))}, text.encode())
