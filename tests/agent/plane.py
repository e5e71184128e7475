"""A control plane that speaks `core/trust/wire.py` over HTTP and keeps all in memory; it loses, doubles and reorders messages on demand."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from storeloom.core.kernel.events import rfc3339
from storeloom.core.trust.wire import PREFIX, Desired, Reports

CODE = "one-time-code"


class Plane:
    """`desired` is what the store is to run; `reports` what was taken, by number."""

    def __init__(self, *, faults: float = 0.0, seed: int = 1) -> None:
        self.desired = Desired(number=0)
        self.before: Desired | None = None
        self.reports: dict[int, dict[str, Any]] = {}
        self.behind: dict[int, dict[str, Any]] = {}
        self.state = ""
        self.newest = 0
        self.tokens = ["token-1"]
        self.keys: list[str] = []
        self.busy = False
        self.root = b'{"signed":{}}'
        self.file: Any = lambda path: None  # of the chain's repository: bytes of `metadata/...` or `targets/...`
        self.polls = 0
        self.lifetime = timedelta(days=30)
        self.clock_ahead = timedelta(0)
        self._faults, self._draw = faults, random.Random(seed)
        self._late: Reports | None = None
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Plane:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def serve(self) -> None:
        """In the process that calls."""
        self._server.serve_forever(0.02)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def want(self, desired: Desired) -> None:
        with self._news:
            self.before, self.desired = self.desired, desired
            self._news.notify_all()

    def fault(self) -> str:
        """What happens to this message: mostly nothing."""
        if self._draw.random() >= self._faults:
            return ""
        return self._draw.choice(("request", "answer", "double", "late"))

    def ask(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any, str]:
        """Status, JSON, and what becomes of the message."""
        parts = urlsplit(path)
        route = parts.path.removeprefix(PREFIX)
        if (method, route) == ("PUT", "/want"):  # a test's own questions
            self.want(Desired.model_validate_json(body))
            return 200, {}, ""
        if route == "/debug":
            return 200, {"reports": self.reports, "state": self.state, "polls": self.polls}, ""
        fault = self.fault()
        if self.busy:
            return 503, {}, ""
        if route == "/enrol":
            return self._enrol(json.loads(body))
        if headers.get("Authorization", "") not in {f"Bearer {token}" for token in self.tokens[-2:]}:
            return 401, {"findings": [{"reason": "no valid token"}]}, ""
        if fault == "request":
            return 0, None, fault
        if (method, route) == ("GET", "/agent/desired"):
            return self._wanted(float(parse_qs(parts.query)["wait"][0]), headers.get("If-None-Match"), fault)
        if (method, route) == ("POST", "/agent/reports"):
            return self._take(Reports.model_validate_json(body), fault)
        if (method, route) == ("POST", "/agent/token"):
            self.tokens.append(f"token-{len(self.tokens) + 1}")
            return 200, {"token": self.tokens[-1], "expires": rfc3339(self.now() + self.lifetime)}, fault
        if route.startswith("/tuf/"):
            body = self.file(route.removeprefix("/tuf/"))
            return (404, {}, "") if body is None else (200, body, fault)
        return 404, {}, ""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    def _enrol(self, body: Any) -> tuple[int, Any, str]:
        if body["code"] != CODE or (self.keys and body["public_key"] not in self.keys):
            return 403, {"findings": [{"reason": "the code is not valid"}]}, ""
        self.keys.append(body["public_key"])
        end = rfc3339(self.now() + self.lifetime)
        return (
            200,
            {"chain": "north", "store": "s1", "token": self.tokens[-1], "expires": end, "root": base64.b64encode(self.root).decode()},
            "",
        )

    def _wanted(self, wait_s: float, known: str | None, fault: str) -> tuple[int, Any, str]:
        self.polls += 1
        if fault == "late" and self.before is not None:  # an answer that was under way for long
            return 200, self.before.model_dump(mode="json"), ""
        until = time.monotonic() + min(wait_s, 5.0)
        with self._news:
            while known == f'"{self.desired.number}"' and (left := until - time.monotonic()) > 0:
                self._news.wait(left)
            if known == f'"{self.desired.number}"':
                return 304, None, fault
            return 200, self.desired.model_dump(mode="json"), fault

    def _take(self, said: Reports, fault: str) -> tuple[int, Any, str]:
        if fault == "late":  # it is held back, and comes behind the next one
            self._late, late = said, None
            return 0, None, "request"
        late, self._late = self._late, None
        for one in [said, *([said] if fault == "double" else []), *([late] if late is not None else [])]:
            self._store(one)
        return 200, {"seq": max(self.reports, default=0), "now": rfc3339(self.now())}, fault

    def _store(self, said: Reports) -> None:
        """As a control plane does: each once, in order; behind a gap nothing counts."""
        for one in said.reports:
            self.behind.setdefault(one.seq, one.model_dump(mode="json"))
        while (following := len(self.reports) + 1) in self.behind:
            self.reports[following] = self.behind[following]
        if said.made >= self.newest:
            self.newest, self.state = said.made, said.state

    def states(self) -> list[str]:
        """The states that were told, in order."""
        return [one["data"]["state"] for _, one in sorted(self.reports.items()) if one["kind"] == "state"]

    def reasons(self) -> list[str]:
        """What was told in words."""
        return [one["data"]["reason"]["en"] for _, one in sorted(self.reports.items()) if "reason" in one["data"]]


def handler(plane: Plane) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, value, fault = plane.ask(self.command, self.path, self.headers, body)
                if fault in ("request", "answer"):
                    self.close_connection = True
                    return
                text = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except (BrokenPipeError, ConnectionResetError, ValidationError):  # who asked was killed in the middle of it
                return

        do_GET = do_POST = do_PUT = _any  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler
