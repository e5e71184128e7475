"""Signed webhooks in: one HTTP listener (waitress) a process and address, a path a driver.

A driver opens its path with `with listening("0.0.0.0:8090", "/payments", WebhookGate(...)):`; drivers that name the same address share one
listener. What comes in is checked in this order, and answered with RFC 9457 problem details where it is not taken: `404` unknown path,
`405` not POST, `415` no JSON, `413` too large, `401` signature, time or id, `409` an id that came before with another content, `400` no
JSON, `422` makes no sense or is refused by the store. `200` is said only once every fact in it is stored; `503` with `Retry-After` where
that is not decided in time or the store does not keep up. An id that was stored already is answered with `200` and has no second effect.

The listener speaks no TLS: from outside the store's own network it is reached through a reverse proxy that does.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.http_sign import BadSignature, Scheme, Signed, verify
from storeloom.hardware_adapters.links.inbox import Inbox

MOST_BYTES = 1 << 20
THREADS = 8
CONNECTIONS = 200
IDLE_S = 20
REMEMBERED = 20_000
STOP_S = 3.0
LOOK_S = 0.2
AGAIN_S = 2


class Refused(Exception):
    """A webhook that makes no sense; `words` say why, to its sender too: no secret, no card number."""

    def __init__(self, en: str, zh: str, status: int = 422) -> None:
        super().__init__(en)
        self.status = status
        self.words: Mapping[str, str] = {"en": en, "zh": zh}


class Incoming(NamedTuple):
    """A webhook whose signature is right: its id, when it was signed, its JSON, its headers by names in lower case."""

    id: str
    at: datetime
    content: Any
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """What the sender gets: an HTTP status, and why in English where it is not 200."""

    status: int
    why: str = ""


@dataclass
class WebhookGate:
    """What stands behind one path. `handle` gives the facts in a webhook, or raises `Refused`; it is called in the listener's threads.

    `secrets` are all that are good now. `bad` is told of each one that was not taken, `good` of each that was.
    """

    inbox: Inbox
    handle: Callable[[Incoming], Iterable[Fact]]
    secrets: Sequence[str] = field(repr=False)
    now: Callable[[], datetime]
    scheme: Scheme = "standard"
    tolerance_s: float = 300.0
    store_s: float = 5.0
    most_bytes: int = MOST_BYTES
    bad: Callable[[Mapping[str, str]], None] = lambda _: None
    good: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._seen: OrderedDict[str, tuple[bytes, float, bool]] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def answer(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take a webhook in, and wait until its facts are stored."""
        try:
            signed = self._checked(headers, body)
            before = self._begin(signed.id, body)
            if before is not None:
                return before
            stored = False
            try:
                stored = self._store(self._facts(signed, headers, body))
            finally:
                self._end(signed.id, stored)
        except BadSignature as error:
            self.bad(error.words)
            return Reply(401, str(error))
        except Refused as error:
            self.bad(error.words)
            return Reply(error.status, str(error))
        if stored:
            self.good()
            return Reply(200)
        return Reply(503, "it is not stored yet")

    def _checked(self, headers: Mapping[str, str], body: bytes) -> Signed:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused("only application/json is taken", "只接受 application/json", 415)
        if len(body) > self.most_bytes:
            raise Refused(f"more than {self.most_bytes} bytes", f"超过 {self.most_bytes} 字节", 413)
        return verify(self.scheme, self.secrets, headers, body, self.now(), self.tolerance_s)

    def _begin(self, message_id: str, body: bytes) -> Reply | None:
        """Remember an id; the reply where it came before. Ids are kept for as long as their signatures may be taken."""
        digest, now = hashlib.sha256(body).digest(), time.monotonic()
        with self._lock:
            while self._seen:
                first, (_, until, _) = next(iter(self._seen.items()))
                if until > now and len(self._seen) < REMEMBERED:
                    break
                del self._seen[first]
            known = self._seen.get(message_id)
            if known is None:
                self._seen[message_id] = (digest, now + 2 * self.tolerance_s, False)
                return None
        if known[0] != digest:
            raise Refused("this id came before with another content", "该标识此前已用于其他内容", 409)
        return Reply(200) if known[2] else Reply(503, "the same message is being stored")

    def _end(self, message_id: str, stored: bool) -> None:
        """What is not stored may come again."""
        with self._lock:
            known = self._seen.pop(message_id, None)
            if stored and known is not None:
                self._seen[message_id] = (known[0], time.monotonic() + 2 * self.tolerance_s, True)

    def _facts(self, signed: Signed, headers: Mapping[str, str], body: bytes) -> list[Fact]:
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Refused("no JSON", "不是 JSON", 400) from None
        return list(self.handle(Incoming(signed.id, signed.at, content, headers)))

    def _store(self, facts: Sequence[Fact]) -> bool:
        """Whether all were stored in time. Refused where the store takes one of them for wrong."""
        outcomes: list[bool] = []
        changed = threading.Condition()

        def decided(outcome: bool) -> None:
            with changed:
                outcomes.append(outcome)
                changed.notify_all()

        until = time.monotonic() + self.store_s
        for fact in facts:
            if self._closed.is_set() or not self.inbox.put(fact, decided, max(0.0, until - time.monotonic())):
                return False
        with changed:
            while len(outcomes) < len(facts) and not self._closed.is_set() and time.monotonic() < until:
                changed.wait(min(LOOK_S, max(0.01, until - time.monotonic())))
            if not all(outcomes):
                raise Refused("the store refuses what it says", "门店拒收其内容")
            return len(outcomes) == len(facts)

    def close(self) -> None:
        """Let go who waits; they get 503."""
        self._closed.set()


class _Listener:
    """One address: the server and what stands behind its paths."""

    def __init__(self, host: str, port: int) -> None:
        from waitress.server import create_server  # type: ignore[import-untyped]

        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits a moment
        self.gates: dict[str, WebhookGate] = {}
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
            max_request_header_size=16 << 10,
            ident=None,
            log_socket_errors=False,
        )
        self._thread = threading.Thread(target=self._server.run, name=f"webhooks-{port}", daemon=True)
        self._thread.start()

    def _app(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> list[bytes]:
        gate = self.gates.get(environ.get("PATH_INFO", ""))
        if gate is None:
            reply = Reply(404, "no such path")
        elif environ["REQUEST_METHOD"] != "POST":
            reply = Reply(405, "POST is wanted")
        else:
            headers = {name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")}
            headers["content-type"] = str(environ.get("CONTENT_TYPE", ""))
            reply = gate.answer(headers, environ["wsgi.input"].read(gate.most_bytes + 1))
        body = b"{}" if not reply.why else orjson.dumps({"title": reply.why, "status": reply.status})
        kind = "application/json" if not reply.why else "application/problem+json"
        sent = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        sent += [("Retry-After", str(AGAIN_S))] if reply.status == 503 else []
        sent += [("Allow", "POST")] if reply.status == 405 else []
        start(f"{reply.status} {_PHRASES[reply.status]}", sent)
        return [body]

    def close(self) -> None:
        """End its threads first: one that still answered would wake a server whose descriptors are gone."""
        from waitress import wasyncore  # type: ignore[import-untyped]

        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=STOP_S)
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._map))
        self._thread.join(STOP_S)


_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    503: "Service Unavailable",
}
_listeners: dict[tuple[str, int], _Listener] = {}
_lock = threading.Lock()


def address_of(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[IPv6]:PORT`. DeviceError where it has another form."""
    host, _, port = listen.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise DeviceError(Code.ILLEGAL, f"'{listen}' is not HOST:PORT", f"“{listen}”不是 主机:端口 格式")
    return host, int(port)


@contextmanager
def listening(listen: str, path: str, gate: WebhookGate) -> Iterator[None]:
    """Take webhooks at a path of an address. DeviceError where another driver has the path, or another program the port."""
    address = address_of(listen)
    with _lock:
        one = _listeners.get(address) or _opened(address)
        if path in one.gates:
            en, zh = f"another device takes webhooks at {listen}{path}", f"{listen}{path} 已被其他设备占用"
            raise DeviceError(Code.CLAIMED, en, zh)
        one.gates[path] = gate
        _listeners[address] = one
    try:
        yield
    finally:
        gate.close()
        with _lock:
            del one.gates[path]
            if not one.gates:
                del _listeners[address]
                one.close()


def _opened(address: tuple[str, int]) -> _Listener:
    shown = f"{address[0]}:{address[1]}"
    try:
        return _Listener(*address)
    except PermissionError as error:
        raise of_os(error, shown) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (98, 48, 10048):
            raise DeviceError(Code.CLAIMED, f"another program listens at {shown}", f"{shown} 已被其他程序占用") from error
        raise DeviceError(Code.NO_HARDWARE, f"this host has no address {shown}", f"本机没有地址 {shown}") from error
