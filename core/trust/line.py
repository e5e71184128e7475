"""The line to the repository: HTTP with the agent's token, ended when data is endless, slow or stops.

One connection is kept open over the requests of an update. Redirections are not followed: the token is for one address alone.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface

CHUNK = 1 << 16
URL_MARKS = "/%?:@!$&'()*+,;=~"
PARTIAL, UNSATISFIABLE = 206, 416


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited (seconds): for a connection, for the head of an answer, for the next byte. After `grace_s` the answer must
    have come at `least_rate` bytes a second on average."""

    connect_s: float = 10.0
    head_s: float = 60.0
    silence_s: float = 30.0
    grace_s: float = 30.0
    least_rate: float = 1024.0


class Line(FetcherInterface):
    """Fetches for python-tuf's client, and stretches of targets for ours.

    `token` is asked before each request, so that a renewed one is used at once. `context` holds the roots of TLS, the system's by default.
    """

    def __init__(
        self, token: Callable[[], str | None] | None = None, limits: Limits | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._token, self._limits = token or (lambda: None), limits or Limits()
        self._context = context
        self._kept: tuple[str, http.client.HTTPConnection] | None = None

    def _fetch(self, url: str) -> Iterator[bytes]:
        _status, _headers, chunks = self.ask(url)
        return chunks

    def ask(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, http.client.HTTPMessage, Iterator[bytes]]:
        """An answer's status, head and body as it comes. DownloadError for a line that fails, DownloadHTTPError for a refusal."""
        try:
            answer = self._answer(url, {"Accept-Encoding": "identity", **(headers or {})})
        except TimeoutError as error:
            self.close()
            raise SlowRetrievalError(f"0 {self._limits.silence_s:.0f}") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise DownloadError(str(error) or type(error).__name__) from error
        if answer.status not in (200, PARTIAL):
            self._pass_over(answer)
            raise DownloadHTTPError(f"HTTP {answer.status}", answer.status)
        return answer.status, answer.headers, self._chunks(answer)

    def close(self) -> None:
        """End the connection."""
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    def _answer(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        token = self._token()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        parts = urlsplit(url)
        path = quote(parts.path + (f"?{parts.query}" if parts.query else ""), safe=URL_MARKS)
        origin = f"{parts.scheme}://{parts.netloc}"
        if self._kept is not None and self._kept[0] == origin:
            try:
                return self._send(self._kept[1], path, headers)
            except (ConnectionError, http.client.HTTPException):  # closed by the other end while it was idle
                self.close()
        self.close()
        connection = self._connect(parts.scheme, parts.hostname or "", parts.port)
        self._kept = (origin, connection)
        via = "" if connection.host == parts.hostname or parts.scheme == "https" else origin
        return self._send(connection, via + path, headers)

    def _connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        proxy = None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)
        to = urlsplit(proxy if proxy and "://" in proxy else f"http://{proxy}") if proxy else None
        where, at = (to.hostname or "", to.port) if to else (host, port)
        connection: http.client.HTTPConnection
        if scheme == "https":
            context = self._context or ssl.create_default_context()
            connection = http.client.HTTPSConnection(where, at, timeout=self._limits.connect_s, context=context)
            if to is not None:
                connection.set_tunnel(host, port)
        elif scheme == "http":
            connection = http.client.HTTPConnection(where, at, timeout=self._limits.connect_s)
        else:
            raise DownloadError(f"{scheme}: only http and https")
        connection.connect()
        connection.sock.settimeout(self._limits.silence_s)
        return connection

    def _send(self, connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """The head of an answer; a head that drips in is cut off after `head_s`."""
        late, line = threading.Event(), connection.sock

        def cut() -> None:
            late.set()
            with contextlib.suppress(OSError):  # it ended by itself
                line.shutdown(socket.SHUT_RDWR)

        watch = threading.Timer(self._limits.head_s, cut)
        watch.daemon = True
        watch.start()
        try:
            connection.request("GET", path, headers=dict(headers))
            answer = connection.getresponse()
            if late.is_set():  # cut off within the head, which then looks complete
                raise OSError("cut off")
            return answer
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            if late.is_set():
                raise TimeoutError("the head of the answer") from error
            raise
        finally:
            watch.cancel()

    def _chunks(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """The body as it comes. SlowRetrievalError (`bytes seconds`) below the least rate, DownloadError where it is cut short."""
        began, got, whole = time.monotonic(), 0, answer.length
        try:
            while True:
                try:
                    chunk = answer.read1(CHUNK)
                except TimeoutError as error:
                    raise SlowRetrievalError(f"{got} {time.monotonic() - began:.0f}") from error
                except (OSError, http.client.HTTPException) as error:
                    raise DownloadError(str(error) or type(error).__name__) from error
                if not chunk:
                    break
                got += len(chunk)
                yield chunk
                taken = time.monotonic() - began
                if taken > self._limits.grace_s and got < taken * self._limits.least_rate:
                    raise SlowRetrievalError(f"{got} {taken:.0f}")
            if whole is not None and got < whole:
                raise DownloadError(f"cut short after {got} of {whole} bytes")
            answer.close()
        finally:
            if not answer.isclosed() or answer.will_close:
                self.close()

    def _pass_over(self, answer: http.client.HTTPResponse) -> None:
        """Read a refusal's short body, so that the connection serves on; a long one costs it."""
        passed = 0
        for chunk in self._chunks(answer):
            passed += len(chunk)
            if passed > CHUNK:
                break
