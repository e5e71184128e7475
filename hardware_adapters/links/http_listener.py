"""Signed webhooks in, a path a driver (`links.web`).

A driver opens its path with `with listening("0.0.0.0:8090", "/payments", WebhookGate(...)):`; drivers that name the same address share one
server. What comes in is checked in this order, and answered with RFC 9457 problem details where it is not taken: `404` unknown path,
`405` not POST, `415` no JSON, `413` too large, `401` signature, time or id, `409` an id that came before with another content, `400` no
JSON, `422` makes no sense or is refused by the store. `200` is said only once every fact in it is stored; `503` with `Retry-After` where
that is not decided in time or the store does not keep up. An id that was stored already is answered with `200` and has no second effect.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import orjson

from storeloom.core.kernel.events import Fact
from storeloom.hardware_adapters.links.http_sign import BadSignature, Scheme, Signed, verify
from storeloom.hardware_adapters.links.inbox import Inbox
from storeloom.hardware_adapters.links.web import MOST_BYTES, Answer, Request, problem, serving

REMEMBERED = 20_000
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

    `secrets` are all that are good now. `bad` is told of each one that was not taken, `good` of each that was, `kept` of each fact that is
    stored.
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
    kept: Callable[[Fact], None] = lambda _: None

    def __post_init__(self) -> None:
        self._seen: OrderedDict[str, tuple[bytes, float, bool]] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def take(self, asked: Request) -> Answer:
        """Take a webhook in, and wait until its facts are stored."""
        if asked.method != "POST":
            return problem(405, "POST is wanted", {"Allow": "POST"})
        reply = self._answer(asked.headers, asked.body)
        if not reply.why:
            return Answer(reply.status, "application/json", [b"{}"])
        return problem(reply.status, reply.why, {"Retry-After": str(AGAIN_S)} if reply.status == 503 else {})

    def _answer(self, headers: Mapping[str, str], body: bytes) -> Reply:
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

        def decided(fact: Fact, outcome: bool) -> None:
            if outcome:
                self.kept(fact)
            with changed:
                outcomes.append(outcome)
                changed.notify_all()

        until = time.monotonic() + self.store_s
        for fact in facts:
            if self._closed.is_set() or not self.inbox.put(fact, partial(decided, fact), max(0.0, until - time.monotonic())):
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


@contextmanager
def listening(listen: str, path: str, gate: WebhookGate) -> Iterator[None]:
    """Take webhooks at a path of an address. DeviceError where another driver has the path, or another program the port."""
    with serving(listen, path, gate.take):
        try:
            yield
        finally:
            gate.close()
