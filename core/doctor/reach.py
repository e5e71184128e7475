"""What is reached by network: the control plane, and ports that are to be listened at."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from storeloom.core.kernel.errors import Finding

ANSWERS = "/api/v1/openapi.json"
TIMEOUT_S = 10.0
LITTLE_DAYS, ODD_S = 14, 60
HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What came of asking a control plane: why it did not answer (`silence`, in both languages or as the system says it) or why its
    certificate is not trusted (`distrust`); else the HTTP status, how many days its certificate is good (None without TLS), and by how
    many seconds its clock is ahead of this machine's (None where it does not say)."""

    silence: Any = ""
    distrust: str = ""
    status: int = 0
    days: int | None = None
    ahead_s: float | None = None


def fit_address(url: str) -> bool:
    """Whether an address may be used: by TLS, or on this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE))


def probe_server(url: str, ca: str = "") -> ServerFacts:
    """Ask a control plane for its API's description, which needs no token."""
    parts = urlsplit(url.rstrip("/"))
    host = parts.hostname or ""
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca or None)
            line: http.client.HTTPConnection = http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=context)
        else:
            line = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
        line.connect()
        days = _days_left(line.sock)
        line.request("GET", f"{parts.path}{ANSWERS}", headers={"Accept": "application/json"})
        answer = line.getresponse()
        sent, now = answer.headers.get("Date"), time.time()
        line.close()
    except ssl.SSLCertVerificationError as error:
        return ServerFacts(distrust=error.verify_message.rstrip("."))
    except ConnectionRefusedError:
        return ServerFacts(silence={"en": "nothing listens there", "zh": "该地址无人监听"})
    except TimeoutError:
        return ServerFacts(silence={"en": "no answer in time", "zh": "超时未应答"})
    except socket.gaierror:
        return ServerFacts(silence={"en": "its name is not known", "zh": "无法解析主机名"})
    except (OSError, http.client.HTTPException) as error:
        return ServerFacts(silence=f"{type(error).__name__}: {error}".rstrip(": ."))
    return ServerFacts(status=answer.status, days=days, ahead_s=None if sent is None else parsedate_to_datetime(sent).timestamp() - now)


def _days_left(line: object) -> int | None:
    """How many days the certificate at the other end is good."""
    if not isinstance(line, ssl.SSLSocket):
        return None
    facts = line.getpeercert() or {}
    until = facts.get("notAfter")
    return int((ssl.cert_time_to_seconds(until) - time.time()) // 86400) if isinstance(until, str) else None


def server_findings(url: str, facts: ServerFacts) -> Iterator[Finding]:
    """What keeps this machine from its control plane, or soon will."""
    if facts.silence:
        yield Finding("SL-MCH-30", {"url": url, "reason": facts.silence})
    elif facts.distrust:
        yield Finding("SL-MCH-31", {"url": url, "reason": facts.distrust})
    elif facts.status != http.client.OK:
        yield Finding("SL-MCH-32", {"url": url, "status": facts.status})
    if facts.days is not None and facts.days < LITTLE_DAYS:
        yield Finding("SL-MCH-33", {"url": url, "days": facts.days})
    if facts.ahead_s is not None and abs(facts.ahead_s) > ODD_S:
        yield Finding("SL-MCH-34", {"url": url, "seconds": f"{abs(facts.ahead_s):.0f}"})


def port_findings(use: str, port: int, taken: bool) -> Iterator[Finding]:
    """A port that somebody listens at already."""
    if taken:
        yield Finding("SL-MCH-35", {"use": use, "port": port})
