"""What a running store shows over HTTP, on this machine only: `/health`, `/metrics`, `/status`, `/trace/EVENT_ID`. It only reads.

A request's host must be a name of this machine, so that no web page can reach the store through a name of its own that it points here. Few
connections at a time, each for a short time: a slow or greedy client cannot hold the store. Every error is JSON of one shape, the same as
the command line's: `{"ok": false, "findings": [...]}`.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from storeloom.core.kernel.errors import Finding, PresenceFault, StoreloomError
from storeloom.core.runtime import health
from storeloom.core.runtime.presence import Presence, announce, host_and_port, withdraw
from storeloom.core.runtime.status import StoreStatus

DEFAULT_LISTEN = "127.0.0.1:0"
CONNECTIONS, LONGEST_S, SILENCE_S, LOOK_S = 16, 20.0, 5.0, 0.25
JSON_TYPE = "application/json; charset=utf-8"
LOG = logging.getLogger(__name__)

Answer = tuple[int, bytes, str]


class Observer:
    """The window of one running store: announces it in `run.json` and answers over HTTP until it is stopped.

    `listen` is HOST:PORT; port 0 takes a free one, which `address` and `run.json` tell.
    """

    def __init__(self, data: Path, listen: str = DEFAULT_LISTEN) -> None:
        self._data = data
        self._listen = listen
        self._server: Server | None = None
        self.address = ""

    def start(self, bundle: str, status: Callable[[], StoreStatus], log_path: Path) -> None:
        """Begin to answer. `status` hands out the object that the store's loop made last: a new object tells that the loop moved.

        It is called from other threads. PresenceFault when the address cannot be listened on.
        """
        first = status()
        try:
            host, port = host_and_port(self._listen)
            server = Server((host, port), Pages(self._data, status, log_path))
        except (OSError, ValueError) as error:
            raise PresenceFault(Finding("SL-OBS-05", {"listen": self._listen, "reason": why_not(error)})) from error
        try:
            announce(self._data, Presence(os.getpid(), server.address, bundle, first.since))
        except OSError:
            server.server_close()
            raise
        self._server = server
        self.address = server.address
        threading.Thread(target=partial(server.serve_forever, LOOK_S), name="observer", daemon=True).start()

    def stop(self) -> None:
        """Answer no more and take `run.json` away; harmless when it was not started."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            withdraw(self._data, os.getpid())


def why_not(error: OSError | ValueError) -> Any:
    """Why an address cannot be listened on."""
    if isinstance(error, ValueError):
        return {"en": "that is no HOST:PORT", "zh": "格式不是 主机:端口"}
    if error.errno == errno.EADDRINUSE:
        return {"en": "it is in use by another program", "zh": "该地址已被其他程序占用"}
    return error.strerror or str(error)


class Pages:
    """The pages, each made from the newest status when it is asked for."""

    def __init__(self, data: Path, status: Callable[[], StoreStatus], log_path: Path) -> None:
        self._data = data
        self._status = status
        self._log_path = log_path
        self._watch = health.Watch()
        self._lock = threading.Lock()

    def look(self) -> tuple[StoreStatus, float, dict[str, float]]:
        """The newest status, for how long the loop is silent, and which queues are full for how long."""
        status, now = self._status(), time.monotonic()
        with self._lock:
            self._watch.look(status, now)
            return status, self._watch.silent_s(now), self._watch.full_s(now)

    def page(self, path: str, accept: str, lang: str) -> Answer:
        """The answer to GET `path`."""
        name, _, rest = path.removeprefix("/").partition("/")
        if name == "trace" and rest:
            return self._trace(unquote(rest), lang)
        if path == "/health":
            return self._health(lang)
        if path == "/metrics":
            return self._metrics(accept)
        if path == "/status":
            return 200, orjson.dumps(self.look()[0], default=dict), JSON_TYPE
        return complaint(404, Finding("SL-OBS-06", {"path": path}), lang)

    def _health(self, lang: str) -> Answer:
        free_mb = shutil.disk_usage(self._data).free / 1_000_000
        status, silent_s, full_s = self.look()
        answer = health.summary(health.assess(status, silent_s, full_s, free_mb, str(self._data)), lang, status.devices)
        return 503 if answer["status"] == "error" else 200, orjson.dumps(answer), JSON_TYPE

    def _metrics(self, accept: str) -> Answer:
        from storeloom.core.runtime.metrics import exposition

        status, silent_s, _ = self.look()
        return 200, *exposition(status, silent_s, accept)

    def _trace(self, event: str, lang: str) -> Answer:
        """An event's way. Without the events' data: those are for who may read the log's file."""
        from storeloom.core.runtime import trace

        with trace.open_records(self._log_path) as records:
            record = trace.find(records, event)
            if record is None:
                return complaint(404, trace.missing(records, event), lang)
            return 200, orjson.dumps(trace.as_json(trace.follow(records, record), data=False)), JSON_TYPE


def complaint(code: int, finding: Finding, lang: str) -> Answer:
    return code, orjson.dumps({"ok": False, "findings": [finding.as_dict(lang)]}, default=str), JSON_TYPE


class Server(ThreadingHTTPServer):
    """Few connections at a time, each cut when its time is over."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = CONNECTIONS

    def __init__(self, listen: tuple[str, int], pages: Pages) -> None:
        self.address_family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        self.pages = pages
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(listen, Handler)
        host, port = str(self.server_address[0]), self.server_address[1]
        self.address = f"[{host}]:{port}" if self.address_family == socket.AF_INET6 else f"{host}:{port}"
        self._names = {host, listen[0]}
        self._only_local = is_local(host)

    def server_bind(self) -> None:
        """Bind without asking the name service for this machine's name, which can take seconds."""
        import socketserver

        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def knows(self, host: str) -> bool:
        """Whether a request's Host header names this machine: `localhost`, the address it listens on, or, where others may ask, any number.

        A page of another site can only come here under that site's own name, which is none of these.
        """
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or is_local(name) or name in self._names or (not self._only_local and is_number(name))

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._lock:
            if len(self._open) >= CONNECTIONS:
                return False
            self._open[request] = time.monotonic()
            return True

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called by the serving thread every quarter of a second: look whether the loop moves, and cut who stayed too long."""
        self.pages.look()
        late = time.monotonic() - LONGEST_S
        with self._lock:
            for request, since in self._open.items():
                if since < late:
                    cut(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if isinstance(sys.exception(), OSError):
            LOG.debug("a client went away", exc_info=True)
        else:
            LOG.error("a request could not be answered", exc_info=True)


def cut(request: socket.socket) -> None:
    """End a connection under the hands of its thread, which then closes it."""
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        LOG.debug("the client was gone already")


def is_number(name: str) -> bool:
    """Whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_local(name: str) -> bool:
    return is_number(name) and ipaddress.ip_address(name).is_loopback


class Handler(BaseHTTPRequestHandler):
    """One request; one answer; the connection is closed."""

    server: Server
    timeout = SILENCE_S

    def _lang(self) -> str:
        headers = getattr(self, "headers", None)
        return "zh" if headers is not None and headers.get("Accept-Language", "").lower().startswith("zh") else "en"

    def do_GET(self) -> None:
        lang = self._lang()
        host = self.headers.get("Host", "")
        if not self.server.knows(host):
            self._answer(complaint(403, Finding("SL-OBS-08", {"host": host, "address": self.server.address}), lang))
            return
        try:
            answer = self.server.pages.page(urlsplit(self.path).path, self.headers.get("Accept", ""), lang)
        except StoreloomError as fault:
            body = {"ok": False, "findings": [finding.as_dict(lang) for finding in fault.findings]}
            answer = 500, orjson.dumps(body, default=str), JSON_TYPE
        self._answer(answer)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class cannot take: a request that is none, or a method other than GET."""
        lang = self._lang()
        if code == 501:
            self._answer(complaint(405, Finding("SL-OBS-07", {"method": self.command}), lang), Allow="GET")
        else:
            self._answer(complaint(code, Finding("SL-OBS-09", {"reason": message or self.responses[code][0]}), lang))

    def _answer(self, answer: Answer, **headers: str) -> None:
        code, body, kind = answer
        self.send_response(code)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Storeloom-Pid": str(os.getpid()),
            "Connection": "close",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return "storeloom"

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug("%s", format % args)
