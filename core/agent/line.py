"""The line to the control plane: one request, one answer, over HTTPS; and how long to wait before the next try."""

from __future__ import annotations

import http.client
import ipaddress
import json
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from storeloom.core.agent.faults import Turned, Unreached
from storeloom.core.kernel.errors import AgentFault, Finding
from storeloom.core.trust.wire import PREFIX

TIMEOUT_S = 20.0
LARGEST_ANSWER = 4 << 20
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})

Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: HTTP's status, the headers in lower case, the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, form: type[Form], url: str) -> Form:
        """The body as one of the wire's forms; AgentFault for another."""
        try:
            return form.model_validate_json(self.body)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            reason = f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}".strip(": ")
            raise AgentFault(Finding("SL-AGT-20", {"url": url, "reason": reason})) from error


class Line:
    """Asks one control plane. A new connection a request, so that nothing hangs on a broken one.

    Unreached where no answer comes or the other end is busy, Turned where it refuses.
    """

    def __init__(self, url: str, token: str = "", ca: str = "") -> None:
        self.url, self.token = url.rstrip("/"), token
        parts = urlsplit(self.url)
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path
        secure = parts.scheme == "https"
        if not self._host or not (secure or (parts.scheme == "http" and _is_here(self._host))):
            raise AgentFault(Finding("SL-AGT-05", {"url": url}))
        self._tls = ssl.create_default_context(cafile=ca or None) if secure else None

    def ask(
        self, method: str, path: str, body: BaseModel | None = None, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
    ) -> Answer:
        """The answer to a request; 304 is one too."""
        sent = {"Accept": "application/json", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        text = None
        if body is not None:
            text, sent["Content-Type"] = body.model_dump_json().encode(), "application/json"
        try:
            answer = self._exchange(method, f"{self._path}{PREFIX}{path}", text, sent, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            raise Unreached(Finding("SL-AGT-02", {"url": self.url, "reason": _why(error)})) from error
        if answer.status < 300 or answer.status == http.client.NOT_MODIFIED:
            return answer
        args = {"url": self.url, "what": f"{method} {path.partition('?')[0]}", "status": answer.status, "reason": _reason(answer)}
        if answer.status in BUSY:
            raise Unreached(Finding("SL-AGT-02", {"url": self.url, "reason": f"HTTP {answer.status}"}))
        raise Turned(Finding("SL-AGT-03", args), answer.status)

    def _exchange(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float) -> Answer:
        if self._tls is not None:
            line: http.client.HTTPConnection = http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=self._tls)
        else:
            line = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        try:
            line.request(method, target, body, dict(headers))
            answer = line.getresponse()
            text = answer.read(LARGEST_ANSWER + 1)
            if len(text) > LARGEST_ANSWER:
                raise http.client.HTTPException(f"the answer is longer than {LARGEST_ANSWER} bytes")
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        finally:
            line.close()


class Pace:
    """How long to wait before the next try.

    The first wait is drawn from the whole of a span (full jitter: Brooker, "Exponential Backoff and Jitter", 2015), so that stores whose
    lines break at one moment do not come back at one moment. Those that follow are the span, so that the tries of all stores stay as
    evenly spread as the first draw made them: whenever the other end comes back, it is met by as many in its first second as in any other.
    Spans that grow, or are drawn from anew each time, would have the tries bunch up behind a longer outage.
    """

    def __init__(self, draw: random.Random, span_s: float = 60.0) -> None:
        self._draw, self._span_s = draw, span_s
        self.failures = 0

    def failed(self) -> float:
        """Seconds to wait after another failure."""
        self.failures += 1
        return self._draw.uniform(0.0, self._span_s) if self.failures == 1 else self._span_s

    def went(self) -> None:
        """It went well: begin afresh."""
        self.failures = 0


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _why(error: Exception) -> Any:
    if isinstance(error, TimeoutError):
        return {"en": "no answer in time", "zh": "超时未应答"}
    if isinstance(error, ConnectionRefusedError):
        return {"en": "nothing listens there", "zh": "该地址无人监听"}
    return f"{type(error).__name__}: {error}".rstrip(": .")


def _reason(answer: Answer) -> str:
    """The other end's own words, where it has some (RFC 9457 with findings)."""
    try:
        body = json.loads(answer.body)
        found = body["findings"][0]["reason"] if body.get("findings") else body.get("title", "")
    except (ValueError, LookupError, TypeError, AttributeError):
        found = ""
    return str(found or http.client.responses.get(answer.status, "")).rstrip(".")[:500]
