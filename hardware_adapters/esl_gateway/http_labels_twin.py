"""The virtual twin of a label gateway with an HTTP interface, on Waitress; `loss` is the share lost over the air."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from storeloom.hardware_adapters.esl_gateway.shelf_twin import ShelfTwin
from storeloom.hardware_adapters.links.twin import Said
from storeloom.hardware_adapters.links.web import end_server
from storeloom.hardware_adapters.links.wire_twin import WIRE_FAULTS, WireTwin

TOKEN = "twin-token"


class HttpLabelsTwin(ShelfTwin, WireTwin):
    faults = (*WIRE_FAULTS, "busy", "fail", "odd", "checksum", "duplicate", "stale", "reboot")

    def __init__(self, loss: float = 0.0, seed: int = 0) -> None:
        super().__init__(loss, seed)
        self._lock = threading.Lock()
        self._acks: list[dict[str, Any]] = []
        self._old: list[dict[str, Any]] = []
        self._reports: list[dict[str, Any]] = []
        self._seq = 0
        self._server: Any = None

    def serve(self) -> int:
        from waitress.server import create_server

        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            self._answer, map=self._sockets, host="127.0.0.1", port=0, threads=4, clear_untrusted_proxy_headers=True
        )
        self._thread = threading.Thread(target=self._server.run, name="gateway", daemon=True)
        self._thread.start()
        return int(self._server.effective_port)

    def settings(self) -> Mapping[str, Any]:
        return {
            "address": f"http://127.0.0.1:{self.port}",
            "token": "labels",
            "poll_s": 0.05,
            "timeout_s": 0.5,
            "ack_s": 1.0,
            "currency_sign": "",
        }

    def secrets(self) -> Mapping[str, str]:
        return {"labels": TOKEN}

    def _answer(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        status, told = self._told(environ)
        body = orjson.dumps(told)
        if self.fault == "checksum":
            body = body[: len(body) // 2]
        start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _told(self, environ: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        path, method = str(environ["PATH_INFO"]), str(environ["REQUEST_METHOD"])
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
            return "401 Unauthorized", {}
        if self.fault == "busy":
            return "503 Service Unavailable", {}
        if path == "/status":
            return "200 OK", {"model": "twin", "firmware": self.shelf.firmware}
        if path == "/acks" and method == "GET":
            return "200 OK", self._waiting(parse_qs(str(environ.get("QUERY_STRING", ""))))
        if path.startswith("/labels/") and method == "PUT":
            with self._lock:
                answer = self.shelf.take(unquote(path[8:]), orjson.loads(environ["wsgi.input"].read()), self.fault)
                if answer is not None:
                    self._seq += 1
                    self._acks.append({"seq": self._seq, "label": unquote(path[8:]), **answer})
            return "202 Accepted", {}
        return "404 Not Found", {}

    def _waiting(self, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        with self._lock:
            after = int(query["after"][0]) if "after" in query else 0
            self._old = [*self._old, *(one for one in self._acks if one["seq"] <= after)][-3:]
            self._acks = [one for one in self._acks if one["seq"] > after]
            reports, self._reports = self._reports[-1:], []
            acks = self._acks * (2 if self.fault == "duplicate" else 1)
            return {"acks": [*self._old, *acks] if self.fault == "stale" else acks, "reports": reports}

    def act(self, number: int) -> Sequence[Said]:
        with self._lock:
            report, said = self.news()
            self._reports.append({"label": "L1", **report})
        return [said]

    def reboot(self) -> None:
        with self._lock:
            self._acks, self._reports = [], []
        self.wire.drop()

    def shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            end_server(server, self._thread, self._sockets)
