"""For twins of services over HTTP: a server behind a wire that goes wrong, and a sender of signed webhooks.

A twin is an `HttpTwin` that gives `reply(request)` (what its server answers), `act` and `settings`. The server plays all faults of the
wire, and `busy` (503 with `Retry-After`), `fail` (500), `late` and `reboot`. `send(...)` delivers a webhook to the driver and plays
`checksum` (a wrong signature), `garbage` (no JSON), `cut` (half a body), `duplicate`, `stale`, `flood` and `odd` on that way.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

from storeloom.core.kernel.events import rfc3339
from storeloom.hardware_adapters.links.http_sign import BadSignature, sign, verify
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin, held_port

FLOOD = 100
SEND_S = 2.0
REACH_S = 1.5
SECRETS = {"api_key": "whsec_dHdpbi1yZXF1ZXN0cw==", "hook_key": "whsec_dHdpbi13ZWJob29rcw==", "api_token": "twin-token-0001"}


class Asked(NamedTuple):
    """A request as it came; header names in lower case, `query` decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Told(NamedTuple):
    """What the server answers: a status, and content that goes as JSON, or as it is where it is bytes."""

    status: int = 200
    content: Any = None
    headers: Mapping[str, str] = {}


class HttpTwin(WireTwin):
    """Base of the twins. `signed`: it takes only requests that are signed with its key."""

    faults: ClassVar[tuple[str, ...]] = (*WIRE_FAULTS, "busy", "fail", "reboot")
    signed: ClassVar[bool] = True

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.hook_port = 0
        self._held: socket.socket | None = None
        self._server: ThreadingHTTPServer | None = None
        self._sent = 0
        self._last: tuple[str, bytes] | None = None
        self._done: list[Mapping[str, Any]] = []
        self._keys: set[str] = set()

    @abstractmethod
    def reply(self, asked: Asked) -> Told:
        """What the service answers when nothing is wrong."""

    def serve(self) -> int:
        twin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def handle_one_request(self) -> None:
                with suppress(OSError):
                    super().handle_one_request()

            def do_GET(self) -> None:
                twin._serve(self)

            do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """What comes in is for the test to look at."""

        class Server(ThreadingHTTPServer):
            daemon_threads, block_on_close = True, False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """The driver went away; that is its right."""

        self._held = held_port()
        self.hook_port = int(self._held.getsockname()[1])
        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="http-twin", daemon=True).start()
        return self._server.server_port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> Mapping[str, Any]:
        quick = {"connect_s": 0.5, "answer_s": 0.5, "look_s": 0.2}
        return {"address": self.address, **quick, **({"signing_secret": "api_key"} if self.signed else {})}

    def hooks(self) -> Mapping[str, Any]:
        """Settings of a driver that takes webhooks."""
        return {
            "listen": f"127.0.0.1:{self.hook_port}",
            "path": "/hooks/unit-1",
            "webhook_secret": "hook_key",
            "store_s": 1.0,
            "tolerance_s": 5.0,
        }

    def secrets(self) -> Mapping[str, str]:
        return SECRETS

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        found = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        asked = Asked(handler.command, found.path, dict(parse_qsl(found.query)), headers, body)
        told = self._answer(asked)
        content = told.content if isinstance(told.content, bytes) else b"" if told.content is None else orjson.dumps(told.content)
        handler.send_response(told.status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **told.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if asked.method != "HEAD":
            handler.wfile.write(content)

    def _answer(self, asked: Asked) -> Told:
        with self.lock:
            if self.fault == "busy":
                return Told(503, {"title": "busy"}, {"Retry-After": "1"})
            if self.fault == "fail":
                return Told(500, {"title": "internal error"})
            if self.signed and asked.method != "HEAD":
                try:
                    verify("standard", [SECRETS["api_key"]], asked.headers, asked.body, datetime.now(UTC), 300)
                except BadSignature as error:
                    return Told(401, {"title": str(error)})
            return Told() if asked.method == "HEAD" else self.reply(asked)

    def did(self, key: str, effect: Mapping[str, Any]) -> bool:
        """Note an effect under its idempotency key; False where it was done before."""
        with self.lock:
            if key in self._keys:
                return False
            self._keys.add(key)
            self._done.append(effect)
            return True

    def took(self) -> list[Mapping[str, Any]]:
        with self.lock:
            return list(self._done)

    def say(self, kind: str, data: Mapping[str, Any], odd: Mapping[str, Any]) -> None:
        """Send `{"type", "timestamp", "data"}`, the payload that Standard Webhooks recommends; `odd` spoils the data for that fault."""
        body = orjson.dumps(
            {"type": kind, "timestamp": rfc3339(datetime.now(UTC)), "data": {**data, **(odd if self.fault == "odd" else {})}}
        )
        self.send(body)

    def send(self, body: bytes) -> list[int]:
        """Deliver a webhook, as the fault has it; the statuses that came back."""
        self._reached()
        self._sent += 1
        message, before = f"msg_{id(self):x}_{self._sent}", self._last
        self._last = (message, body)
        if self.fault == "flood":
            return [self.post(f"{message}_{number}", body) for number in range(FLOOD)]
        statuses = [self.post(*before)] if self.fault == "stale" and before is not None else []
        content = b"\xff{" if self.fault == "garbage" else body
        for _ in range(2 if self.fault == "duplicate" else 1):
            statuses.append(self.post(message, content))
        return statuses

    def _reached(self) -> None:
        """Wait a little for the driver to listen, as a sender that tries again does."""
        until = time.monotonic() + REACH_S
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.hook_port), 0.2).close()
                return
            except OSError:
                time.sleep(0.02)

    def post(self, message: str, body: bytes) -> int:
        """The status of one delivery, 0 where nobody answered."""
        now = datetime.now(UTC)
        secret = "wrong" if self.fault == "checksum" else SECRETS["hook_key"]
        headers = {"content-type": "application/json", **sign("standard", secret, message, now, body)}
        line = http.client.HTTPConnection("127.0.0.1", self.hook_port, timeout=SEND_S)
        try:
            if self.fault == "cut":
                line.putrequest("POST", "/hooks/unit-1")
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    line.putheader(name, value)
                line.endheaders(body[: len(body) // 2])
                return 0
            line.request("POST", "/hooks/unit-1", body, headers)
            return line.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            line.close()

    def reboot(self) -> None:
        self.forget()
        self.blink()

    def forget(self) -> None:
        """Lose what the service held in memory."""

    def shut(self) -> None:
        server, held = self._server, self._held
        self._server = self._held = None
        if server is not None:
            server.shutdown()
            server.server_close()
        if held is not None:
            held.close()
