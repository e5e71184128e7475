"""One HTTP server (waitress) a process and address for players; each screen has its own part of the paths.

It speaks no TLS: browsers keep a page while the network is away (service worker) only from HTTPS or from the machine itself, so a store
that wants that puts a reverse proxy with a certificate before it, or runs the player on this host.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.http_listener import address_of

THREADS, CONNECTIONS, IDLE_S, STOP_S = 8, 500, 30, 3.0
MOST_BYTES = 1 << 20
PHRASES = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable Content",
    503: "Service Unavailable",
}


class Request(NamedTuple):
    """`path` is what follows the screen's own; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """`body` in pieces, as they are to be sent."""

    status: int
    kind: str = "text/plain"
    body: Iterable[bytes] = ()
    headers: Mapping[str, str] = {}


Screen = Callable[[Request], Answer]


class _Server:
    def __init__(self, host: str, port: int) -> None:
        from waitress.server import create_server  # type: ignore[import-untyped]

        self.screens: dict[str, Screen] = {}
        self._map: dict[int, Any] = {}
        self._server = create_server(
            self._app,
            map=self._map,
            host=host,
            port=port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE_S,
            cleanup_interval=5,
            max_request_body_size=MOST_BYTES,
            ident=None,
            log_socket_errors=False,
        )
        self._thread = threading.Thread(target=self._server.run, name=f"players-{port}", daemon=True)
        self._thread.start()

    def _app(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        name, _, path = str(environ.get("PATH_INFO", "/"))[1:].encode("latin-1").decode("utf-8", "replace").partition("/")
        screen = self.screens.get(name)
        if screen is None:
            answer = Answer(404, body=[b"no such screen\n"])
        else:
            headers = {key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key.startswith("HTTP_")}
            query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
            answer = screen(Request(environ["REQUEST_METHOD"], path, query, headers, environ["wsgi.input"].read(MOST_BYTES)))
        sent = [("Content-Type", answer.kind), ("X-Content-Type-Options", "nosniff"), *answer.headers.items()]
        start(f"{answer.status} {PHRASES[answer.status]}", sent)
        return answer.body

    def close(self) -> None:
        """End its threads first: one that still answered would wake a server whose descriptors are gone."""
        from waitress import wasyncore  # type: ignore[import-untyped]

        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=STOP_S)
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._map))
        self._thread.join(STOP_S)


_servers: dict[tuple[str, int], _Server] = {}
_lock = threading.Lock()


@contextmanager
def serving(listen: str, name: str, screen: Screen) -> Iterator[None]:
    """Answer for a screen at `http://LISTEN/NAME/`. DeviceError where another device has the name, or another program the port."""
    address = address_of(listen)
    with _lock:
        one = _servers.get(address) or _opened(address, listen)
        if name in one.screens:
            raise DeviceError(Code.CLAIMED, f"another device answers at {listen}/{name}/", f"{listen}/{name}/ 已被其他设备占用")
        one.screens[name] = screen
        _servers[address] = one
    try:
        yield
    finally:
        with _lock:
            del one.screens[name]
            if not one.screens:
                del _servers[address]
                one.close()


def _opened(address: tuple[str, int], shown: str) -> _Server:
    try:
        return _Server(*address)
    except PermissionError as error:
        raise of_os(error, shown) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (98, 48, 10048):
            raise DeviceError(Code.CLAIMED, f"another program listens at {shown}", f"{shown} 已被其他程序占用") from error
        raise DeviceError(Code.NO_HARDWARE, f"this host has no address {shown}", f"本机没有地址 {shown}") from error
