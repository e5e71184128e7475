"""HTTP for drivers (RFC 9110), on httpx: one client a driver, safe to use from any thread.

`HttpClient(Peer(...)).call(method, path, ...)` gives an `Answer` or raises DeviceError, whose words name the server and what was asked
for, never a path's secret, a query, a header or a password. What the client sees to:

- time-outs to connect and for each read, and one for the whole, after which the connection is broken off; each request has a connection of
  its own, so that none goes out over one that is dead; no more than `most_bytes` of it; no redirect is followed;
- TLS (1.2 at least) against the system's authorities, those of a file, or one pinned certificate, checked before anything is sent;
- login by user and password, by a token, by a client certificate; HMAC signatures (`links.http_sign`);
- a request is sent again only where nothing of it had gone out, or where a repeat does no harm: it reads, or bears an idempotency key
  (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header);
- `429` and `503`: the server is left alone for as long as `Retry-After` says; what it explains (RFC 9457 problem details, or `message`,
  `error`, `errmsg`) stands in the error, cut short and with secrets and card numbers taken out.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from storeloom.hardware_adapters.links.card_numbers import without_card_numbers
from storeloom.hardware_adapters.links.errors import Code, DeviceError, of_os
from storeloom.hardware_adapters.links.http_sign import Scheme, sign

if TYPE_CHECKING:
    import httpx

SAFE = ("GET", "HEAD", "OPTIONS")
SHORT_WAIT_S = 1.0
LONGEST_WAIT_S = 3600.0
DEFAULT_WAIT_S = 5.0
SHOWN = 200
HIDDEN = "***"


@dataclass(frozen=True)
class Peer:
    """A server and how to speak to it. `address` is a base URL without a password; paths of calls are put behind it.

    `pin` is the SHA-256 of the server's certificate (DER, hexadecimal): it alone is then trusted. `hidden` are further secrets that stand
    in an address or a body; none of them comes back in an error.
    """

    address: str
    connect_s: float = 5.0
    answer_s: float = 10.0
    most_bytes: int = 4 << 20
    ca_file: str = ""
    pin: str = ""
    certificate_file: str = ""
    key_file: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    scheme: Scheme = "standard"
    hidden: tuple[str, ...] = field(default=(), repr=False)

    @property
    def place(self) -> str:
        found = urlsplit(self.address)
        return f"{found.scheme}://{found.netloc.rpartition('@')[2]}"

    def secrets(self) -> list[str]:
        return [one for one in (self.password, self.token, self.signing_secret, *self.hidden) if len(one) >= 4]


@dataclass(frozen=True)
class Answer:
    """What a server answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    place: str

    def json(self) -> Any:
        """Its content. DeviceError where it is no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise DeviceError(Code.FAILURE, f"{self.place} answers with no JSON", f"{self.place} 的应答不是 JSON") from error

    def json_object(self) -> dict[str, Any]:
        found = self.json()
        if not isinstance(found, dict):
            raise DeviceError(Code.FAILURE, f"{self.place} answers with no JSON object", f"{self.place} 的应答不是 JSON 对象")
        return found


class HttpClient:
    """One server, seen from one driver. `close` ends it; calls at work then may end first."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._calls = 0
        self._closed = False
        self._not_before = 0.0

    def call(
        self,
        method: str,
        path: str = "",
        *,
        what: str = "",
        params: Mapping[str, str] | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
        key: str = "",
        also: Collection[int] = (),
        hidden: Collection[str] = (),
        at: datetime | None = None,
    ) -> Answer:
        """Ask; `content` goes as JSON. Statuses of 2xx and those in `also` are answers, others DeviceErrors.

        `what` names the request in errors; `key` is its idempotency key, and its id where it is signed, as of `at`. `hidden` are words (a
        phone number) that no error may hold.
        """
        peer = self.peer
        body = b"" if content is None else orjson.dumps(content)
        sent = {"accept-encoding": "identity", "accept": "application/json, */*;q=0.5", **(headers or {})}
        sent |= {"content-type": "application/json"} if content is not None else {}
        sent |= {"idempotency-key": key} if key else {}
        sent |= {"authorization": f"Bearer {peer.token}"} if peer.token else {}
        if peer.signing_secret:
            moment = datetime.now(UTC) if at is None else at
            message_id = key or f"{moment.timestamp():.6f}".replace(".", "-")
            sent |= sign(peer.scheme, peer.signing_secret, message_id, moment, body)
        ask = partial(self._ask, method, path, dict(params or {}), body, sent, what or method)
        return self._twice(ask, method in SAFE or bool(key), partial(self.refusal, what=what or method, hidden=hidden), also)

    def _twice(self, ask: Any, repeatable: bool, refusal: Any, also: Collection[int]) -> Answer:
        for last in (False, True):
            wait_s = self._not_before - time.monotonic()
            if wait_s > 0:
                en, zh = f"{self.peer.place} wants no requests for {wait_s:.0f} s", f"{self.peer.place} 要求 {wait_s:.0f} 秒内不再请求"
                raise DeviceError(Code.BUSY, en, zh)
            try:
                answer: Answer = ask()
            except _Unsent as error:
                if last:
                    raise error.why from error
                continue
            except _Broken as error:
                if last or not repeatable:
                    raise error.why from error
                continue
            if answer.status in also or 200 <= answer.status < 300:
                return answer
            if answer.status not in (429, 503):
                raise refusal(answer)
            pause_s = _retry_after(answer.headers.get("retry-after", ""))
            if last or pause_s > SHORT_WAIT_S or not repeatable:
                self._not_before = time.monotonic() + pause_s
                raise refusal(answer)
            time.sleep(pause_s)
        raise AssertionError("the second try returns or raises")

    def refusal(self, answer: Answer, what: str, hidden: Collection[str] = ()) -> DeviceError:
        """Why a server did not do what was asked, in words."""
        code, en, zh = _MEANING.get(answer.status, (Code.FAILURE, "answers with an error", "返回错误"))
        if answer.status in range(300, 400):
            code, en, zh = Code.ILLEGAL, "points elsewhere; set that address instead", "要求重定向，请改填目标地址"
        reason = self.clean(_reason(answer), hidden)
        tail = f": {reason}" if reason else ""
        tail_zh = f"：{reason}" if reason else ""
        place = answer.place
        return DeviceError(code, f"{place} {en} ({what}, {answer.status}){tail}", f"{place} {zh}（{what}，{answer.status}）{tail_zh}")

    def clean(self, text: str, hidden: Collection[str] = ()) -> str:
        """A text of the other side's, short, in one line, with secrets and card numbers taken out."""
        for secret in (*self.peer.secrets(), *filter(None, hidden)):
            text = text.replace(secret, HIDDEN)
        return without_card_numbers(" ".join(text.split()))[:SHOWN]

    def _ask(self, method: str, path: str, params: dict[str, str], body: bytes, headers: dict[str, str], what: str) -> Answer:
        import httpx

        client = self._enter()
        until = time.monotonic() + self.peer.connect_s + self.peer.answer_s
        limit = _Limit(self.peer.connect_s + self.peer.answer_s)
        auth = (self.peer.user, self.peer.password) if self.peer.user else None
        url = self.peer.address.rstrip("/") + path if path else self.peer.address
        try:
            request = client.build_request(method, url, params=params or None, content=body or None, headers=headers)
            request.extensions["trace"] = limit.seen
            with limit, closing(client.send(request, auth=auth, stream=True)) as response:
                taken = self._take(response.iter_bytes(), until)
                found = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, found, taken, self.peer.place)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            why = self._failed(error)
            raise (why if why.code is Code.FAILURE else _Unsent(why)) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Broken(of_os(TimeoutError(), self.peer.place) if limit.over else self._failed(error)) from None
        finally:
            self._leave()

    def _take(self, chunks: Any, until: float) -> bytes:
        taken = bytearray()
        for chunk in chunks:
            taken += chunk
            if len(taken) > self.peer.most_bytes:
                limit = self.peer.most_bytes
                place = self.peer.place
                raise DeviceError(Code.FAILURE, f"{place} answers with more than {limit} bytes", f"{place} 的应答超过 {limit} 字节")
            if time.monotonic() > until:
                raise of_os(TimeoutError(), self.peer.place)
        return bytes(taken)

    def _failed(self, error: Exception) -> DeviceError:
        import httpx

        place = self.peer.place
        if isinstance(error, httpx.TimeoutException):
            return of_os(TimeoutError(), place)
        cause = _system_error(error)
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or str(cause.args[-1])
            return DeviceError(Code.FAILURE, f"no TLS with {place}: {reason}", f"与 {place} 的 TLS 连接失败：{reason}")
        if cause is not None:
            return of_os(cause, place)
        if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
            return DeviceError(Code.ILLEGAL, f"{place} is no address", f"{place} 不是有效地址")
        if isinstance(error, httpx.RemoteProtocolError) and "without sending" not in str(error):
            return DeviceError(Code.OFFLINE, f"{place} breaks off or answers with no HTTP", f"{place} 中断应答或应答不是 HTTP")
        return of_os(ConnectionError(), place)

    def _enter(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise DeviceError(Code.CLOSED, f"{self.peer.place} was let go", f"已断开 {self.peer.place}")
            if self._client is None:
                self._client = self._make()
            self._calls += 1
            return self._client

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1
            self._end()

    def _end(self) -> None:
        if self._closed and not self._calls and self._client is not None:
            self._client.close()
            self._client = None

    def _make(self) -> httpx.Client:
        import httpx

        peer = self.peer
        verify: ssl.SSLContext | bool = tls_context(peer) if peer.address.startswith("https:") else False
        return httpx.Client(
            verify=verify,
            timeout=httpx.Timeout(peer.answer_s, connect=peer.connect_s, pool=peer.connect_s),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": "storeloom"},
        )

    def close(self) -> None:
        """End; what is at work may end first. May be called twice."""
        with self._lock:
            self._closed = True
            self._end()


def tls_context(peer: Peer) -> ssl.SSLContext:
    """TLS as a peer wants it. DeviceError where a file is not there or is no certificate, or the pin has another form."""
    try:
        context = ssl.create_default_context(cafile=peer.ca_file or None)
        if peer.certificate_file:
            context.load_cert_chain(peer.certificate_file, peer.key_file or None)
    except (OSError, ssl.SSLError) as error:
        names = ", ".join(filter(None, (peer.ca_file, peer.certificate_file, peer.key_file)))
        raise DeviceError(Code.ILLEGAL, f"no certificate or key in {names}", f"{names} 中没有可用的证书或私钥") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if peer.pin:
        wanted = peer.pin.replace(":", "").lower()
        if len(wanted) != 64 or set(wanted) - set("0123456789abcdef"):
            en, zh = "the pinned certificate is no SHA-256 (64 hexadecimal digits)", "证书指纹不是 SHA-256（64 位十六进制）"
            raise DeviceError(Code.ILLEGAL, en, zh)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.sslsocket_class = type("PinnedSocket", (_PinnedSocket,), {"wanted": wanted})
    return context


class _PinnedSocket(ssl.SSLSocket):
    """A TLS connection to one certificate alone, whoever signed it."""

    wanted = ""

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        found = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
        if found != self.wanted:
            raise ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] another certificate than the pinned one")


class _Limit:
    """Breaks a connection off when its answer takes too long as a whole; time-outs of single reads alone let one trickle for ever."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._break_off)
        self._timer.daemon = True

    def seen(self, name: str, info: Mapping[str, Any]) -> None:
        """httpcore's `trace`: keeps the connection that a request goes over."""
        stream = info.get("return_value")
        if name in ("connection.connect_tcp.complete", "connection.start_tls.complete") and stream is not None:
            self._sockets.append(stream.get_extra_info("socket"))

    def _break_off(self) -> None:
        self.over = True
        for one in self._sockets:
            with suppress(OSError):  # it was wrapped or closed meanwhile
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()


class _Unsent(Exception):
    """Nothing of a request went out."""

    def __init__(self, why: DeviceError) -> None:
        super().__init__()
        self.why = why


class _Broken(Exception):
    """A request may have been carried out."""

    def __init__(self, why: DeviceError) -> None:
        super().__init__()
        self.why = why


_MEANING: Mapping[int, tuple[Code, str, str]] = {
    400: (Code.ILLEGAL, "takes the request for wrong", "认为请求有误"),
    401: (Code.FAILURE, "refuses the login or signature", "拒绝登录或签名"),
    403: (Code.FAILURE, "gives no right to this", "没有权限"),
    404: (Code.NO_EXIST, "knows no such thing", "没有该对象"),
    405: (Code.ILLEGAL, "does not do this", "不支持该操作"),
    408: (Code.TIMEOUT, "gave up waiting", "等待超时"),
    409: (Code.FAILURE, "is in conflict with this", "状态冲突"),
    410: (Code.NO_EXIST, "has this no more", "对象已不存在"),
    413: (Code.ILLEGAL, "takes no request of this size", "请求过大"),
    422: (Code.ILLEGAL, "takes the request for wrong", "认为请求有误"),
    429: (Code.BUSY, "is asked too often", "请求过于频繁"),
    503: (Code.BUSY, "is busy", "繁忙"),
    504: (Code.TIMEOUT, "got no answer itself", "上游超时"),
}


def _retry_after(text: str) -> float:
    """Seconds of a `Retry-After` (RFC 9110, 10.2.3): a number, or a date."""
    if text.strip().isdigit():
        return min(float(text), LONGEST_WAIT_S)
    try:
        wait_s = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return DEFAULT_WAIT_S
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _reason(answer: Answer) -> str:
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(found, dict):
        return ""
    words = [str(found[name]) for name in ("title", "detail", "message", "errmsg", "error") if isinstance(found.get(name), str)]
    return "; ".join(words)


def _system_error(error: BaseException | None) -> OSError | None:
    while error is not None:
        if isinstance(error, OSError):
            return error
        error = error.__cause__ or error.__context__
    return None
