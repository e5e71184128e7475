"""One HTTP server (waitress) a process and address, for all drivers that listen there; each answers under a place of its own.

It speaks no TLS: from outside the store's own network it is reached through a reverse proxy that does. What is not taken is answered with
RFC 9457 problem details.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

from storeloom.hardware_adapters.links.address import address_of
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os

THREADS, CONNECTIONS, IDLE_S, STOP_S = 8, 500, 30, 3.0
MOST_BYTES, MOST_HEADER_BYTES = 1 << 20, 16 << 10
IN_USE = (98, 48, 10048)  # EADDRINUSE on Linux, macOS, Windows


class Request(NamedTuple):
    """`path` is what follows the driver's own place; header names in lower case."""

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


Part = Callable[[Request], Answer]


def problem(status: int, why: str, headers: Mapping[str, str] = {}) -> Answer:
    """The answer to what is not taken."""
    return Answer(status, "application/problem+json", [orjson.dumps({"title": why, "status": status})], headers)


class _Server:
    """One address: what answers there by its place, exact, or a folder (`/NAME/`) with all that lies in it."""

    def __init__(self, host: str, port: int) -> None:
        from waitress.server import create_server

        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits a moment
        self.parts: dict[str, Part] = {}
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
            max_request_header_size=MOST_HEADER_BYTES,
            ident=None,
            log_socket_errors=False,
        )
        self._thread = threading.Thread(target=self._server.run, name=f"web-{port}", daemon=True)
        self._thread.start()

    def _app(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", "/")).encode("latin-1").decode("utf-8", "replace")
        name, _, rest = path[1:].partition("/")
        part, rest = (self.parts[path], "") if path in self.parts else (self.parts.get(f"/{name}/"), rest)
        answer = problem(404, "no such path") if part is None else part(_request(environ, rest))
        sent = [("Content-Type", answer.kind), ("X-Content-Type-Options", "nosniff"), *answer.headers.items()]
        start(f"{answer.status} {HTTPStatus(answer.status).phrase}", sent)
        return answer.body

    def close(self) -> None:
        end_server(self._server, self._thread, self._map)


def end_server(server: Any, thread: threading.Thread, sockets: dict[int, Any]) -> None:
    """End a server of waitress that runs in a thread over a map of its own.

    Its workers end first: one that still answered would wake a server whose descriptors are gone. Nor are they closed before this thread
    has woken it: it may be awake already, and take what it is to do before the waking is written.
    """
    from waitress import wasyncore

    woken = threading.Event()

    def end() -> None:
        woken.wait(STOP_S)
        wasyncore.close_all(sockets)

    server.task_dispatcher.shutdown(cancel_pending=True, timeout=STOP_S)
    server.trigger.pull_trigger(end)
    woken.set()
    thread.join(STOP_S)


def _request(environ: Mapping[str, Any], path: str) -> Request:
    headers = {name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = str(environ.get("CONTENT_TYPE", ""))
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    return Request(environ["REQUEST_METHOD"], path, query, headers, environ["wsgi.input"].read(MOST_BYTES + 1))


_servers: dict[tuple[str, int], _Server] = {}
_lock = threading.Lock()


@contextmanager
def serving(listen: str, place: str, part: Part) -> Iterator[None]:
    """Answer at a place of an address: `/NAME`, or `/NAME/` with all below it.

    DeviceError where another driver has the place, or another program the port.
    """
    address = address_of(listen)
    with _lock:
        one = _servers.get(address) or _opened(address, listen)
        if place in one.parts:
            raise DeviceError(Code.CLAIMED, f"another device answers at {listen}{place}", f"{listen}{place} 已被其他设备占用")
        one.parts[place] = part
        _servers[address] = one
    try:
        yield
    finally:
        with _lock:
            del one.parts[place]
            if not one.parts:
                del _servers[address]
                one.close()


def _opened(address: tuple[str, int], shown: str) -> _Server:
    try:
        return _Server(*address)
    except (OSError, ValueError) as error:
        raise not_listening(error, shown) from error


def not_listening(error: OSError | ValueError, shown: str) -> DeviceError:
    """Why a server cannot listen at an address."""
    if isinstance(error, PermissionError):
        return of_os(error, shown)
    if isinstance(error, OSError) and error.errno in IN_USE:
        return DeviceError(Code.CLAIMED, f"another program listens at {shown}", f"{shown} 已被其他程序占用")
    return DeviceError(Code.NO_HARDWARE, f"this host has no address {shown}", f"本机没有地址 {shown}")
