"""Asks a control plane over its HTTP API: pages, tries again where that is safe, refusals as findings.

What may be sent again when no answer came: a GET, a POST, which bears an `Idempotency-Key`, and bytes, which are the same again. A busy
server (429, 503) changed nothing and is asked again whatever the request. Redirections are not followed: the token is for one address.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from storeloom.core.kernel.errors import Finding, MisuseFault, StoreloomError

PREFIX = "/api/v1"
TRIES, FIRST_WAIT_S, LONGEST_WAIT_S, TIMEOUT_S = 6, 0.5, 20.0, 90.0
BUSY = (429, 503)
HERE = ("127.0.0.1", "localhost", "::1")


class FleetFault(StoreloomError):
    """A control plane that refuses, with HTTP's `status`, or that is not there (None)."""

    def __init__(self, findings: Finding | Iterable[Finding], status: int | None = None) -> None:
        super().__init__(findings)
        self.status = status


class Told(Finding):
    """A finding as a control plane told it, in the reader's language already; `args` hold its words."""

    @property
    def severity(self) -> str:
        return str(self.args["severity"])

    def text(self, lang: str = "en") -> str:
        return str(self.args["reason"])

    def fix(self, lang: str = "en") -> str:
        return str(self.args["fix"])


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: HTTP's status, the body, and the version of what stands (`ETag`) for the next `If-Match`."""

    status: int
    body: Any
    version: str | None


@dataclass(frozen=True, slots=True)
class Access:
    """Where the control plane is, and with which token it is asked."""

    server: str
    token: str
    ca: str | None = None


class FleetClient:
    """Asks one control plane. FleetFault carries what it refuses, or that it cannot be reached."""

    def __init__(self, where: Access, lang: str, wait: Callable[[float], None] = time.sleep, tries: int = TRIES) -> None:
        parts = urlsplit(where.server.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or (parts.scheme == "http" and parts.hostname not in HERE):
            raise MisuseFault(Finding("SL-FLT-03", {"server": where.server}))
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._tls = ssl.create_default_context(cafile=where.ca) if parts.scheme == "https" else None
        self._server, self._token, self._lang, self._wait = where.server, where.token, lang, wait
        self._tries = tries

    def get(self, path: str, query: Mapping[str, str | int | None] | None = None) -> Reply:
        """What stands at an address; `path` begins after `/api/v1`."""
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(asked)}" if asked else path)

    def pages(self, path: str, query: Mapping[str, str | int | None] | None = None) -> Iterator[Any]:
        """Every item of a list, page by page."""
        after = None
        while True:
            page = self.get(path, {**(query or {}), "after": after}).body
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def post(self, path: str, body: Any, version: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask for something to be done, once, however often the request has to be sent. `version` is the ETag of what is changed, `headers`
        are sent besides."""
        return self._ask("POST", path, body, version, {"Idempotency-Key": uuid.uuid4().hex, **(headers or {})})

    def send(self, path: str, data: bytes, kind: str) -> Reply:
        """Write bytes of a media type to an address, as they are (PUT)."""
        return self._ask("PUT", path, data, None, {"Content-Type": kind})

    def put(self, path: str, body: Any, version: str | None = None) -> Reply:
        """Write what stands at an address anew."""
        return self._ask("PUT", path, body, version)

    def delete(self, path: str, version: str | None = None) -> Reply:
        """Take away what stands at an address."""
        return self._ask("DELETE", path, None, version)

    def _ask(self, method: str, path: str, body: Any = None, version: str | None = None, more: Mapping[str, str] | None = None) -> Reply:
        headers = {"Accept": "application/json", "Accept-Language": self._lang, "Authorization": f"Bearer {self._token}", **(more or {})}
        data = body if isinstance(body, bytes) else None
        if body is not None and data is None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        for number in range(self._tries):
            last = number == self._tries - 1
            try:
                status, head, text = self._once(method, self._path + PREFIX + path, data, headers)
            except (OSError, http.client.HTTPException) as error:
                if last or (method not in ("GET", "POST") and not isinstance(body, bytes)):
                    reason = str(error) or type(error).__name__
                    raise FleetFault(Finding("SL-FLT-04", {"server": self._server, "reason": reason})) from error
                self._pause(number, None)
                continue
            if status in BUSY and not last:
                self._pause(number, head.get("Retry-After"))
                continue
            return self._reply(status, head, text)
        raise AssertionError("the last try answers or raises")

    def _once(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._tls is not None:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMEOUT_S, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body=data, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def _pause(self, number: int, wanted: str | None) -> None:
        """Wait before the next try: as long as the server says, else by chance, up to longer each time."""
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**number)
        self._wait(min(LONGEST_WAIT_S, float(wanted)) if wanted and wanted.isdigit() else random.uniform(0, longest))

    def _reply(self, status: int, head: http.client.HTTPMessage, text: bytes) -> Reply:
        kind = (head.get("Content-Type") or "").partition(";")[0].strip()
        if 200 <= status < 300:
            version = (head.get("ETag") or "").removeprefix("W/").strip('"') or None
            return Reply(status, json.loads(text) if text and kind == "application/json" else text, version)
        if kind != "application/problem+json":
            raise FleetFault(Finding("SL-FLT-04", {"server": self._server, "reason": f"HTTP {status}"}), status)
        raise FleetFault(told(json.loads(text)), status)


def told(problem: Mapping[str, Any]) -> list[Finding]:
    """The findings of a problem (RFC 9457)."""
    found = problem.get("findings") or [{"code": problem["type"].rpartition(":")[2], "reason": problem["detail"], "path": ""}]
    return [told_finding(one) for one in found]


def told_finding(one: Mapping[str, Any]) -> Told:
    """A finding as the API tells it."""
    words = {"reason": one["reason"], "fix": one.get("fix", ""), "severity": one.get("severity", "error")}
    return Told(str(one["code"]), words, str(one["path"]), one.get("file"), one.get("line"), one.get("patch"))


def part(name: str) -> str:
    """A name as part of an address."""
    return quote(name, safe="")
