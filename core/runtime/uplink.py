"""The upward queue: what a store's log holds goes up to the control plane, in the order of the log, however long the line was cut.

A thread with a reader of its own follows the log as the consumer `uplink`: compaction leaves what has not gone up, so weeks without a
line lose nothing. Each batch is one HTTP POST of gzip'd NDJSON that says which stretch of the log it covers; the receiver stores it whole
or not at all and names where it stands, and that is where this goes on, after a cut at whatever point. A receiver that knows another
course of the log (it was restored from an older copy, or made anew) is told to begin a new generation.

What goes up: facts and decisions, without raw measurements (RAW); a bundle may name its streams in `[runtime.uplink]`.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from storeloom.core.kernel.errors import BundleFault, DeliveryFault, Finding, StoreloomError
from storeloom.core.kernel.events import rfc3339
from storeloom.core.kernel.plan import Plan
from storeloom.core.runtime.log_tables import Record
from storeloom.core.runtime.reader import LogReader
from storeloom.core.runtime.secret_file import open_secrets

CONSUMER = "uplink"
RAW = frozenset(
    {
        "meter.reading",
        "network.probe",
        "pos.scan",
        "rfid.read",
        "scale.reading",
        "sensor.reading",
        "shelf.weight",
        "vision.detections",
        "vision.heatmap",
        "vision.track",
    }
)
PAGE = 500
SCAN = 20_000
LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Where events go up to. `streams` None: all but RAW. A batch holds at most `batch` events or `batch_bytes` before packing; `secret`
    is the name of the token's secret.

    `wait_s` is the longest pause after the first failure, doubled after each further one up to `longest_wait_s`, drawn with full jitter.
    """

    url: str
    token: str
    streams: frozenset[str] | None = None
    batch: int = 1000
    batch_bytes: int = 1 << 20
    idle_s: float = 2.0
    timeout_s: float = 30.0
    wait_s: float = 1.0
    longest_wait_s: float = 300.0
    secret: str = ""

    def takes(self, stream: str) -> bool:
        return stream in self.streams if self.streams is not None else stream not in RAW


def uplink_settings(plan: Plan, secrets: Mapping[str, str], secrets_file: Path) -> UplinkSettings | None:
    """The upward queue of a bundle's `[runtime.uplink]`, None where it has none. BundleFault when the store lacks the token's secret."""
    table = plan.runtime.get("uplink")
    if table is None:
        return None
    if table["token"] not in secrets:
        raise BundleFault(Finding("SL-UPL-05", {"secret": table["token"], "file": str(secrets_file)}, "runtime.uplink.token"))
    streams = frozenset(table["streams"]) if "streams" in table else None
    return UplinkSettings(str(table["url"]), secrets[table["token"]], streams, secret=str(table["token"]))


def newest_token(data: Path, settings: UplinkSettings) -> str:
    """The token that stands in the store's secrets now: it may be renewed while the store runs."""
    return open_secrets(data).get(settings.secret, settings.token)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the receiver stands: stored up to record `seq`, whose id is `event`, of a generation of the log."""

    generation: int
    seq: int
    event: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What follows in the log up to record `last`, whose id is `event`: the lines that go up, and how many records were no longer there."""

    last: int
    event: str
    lost: int
    lines: tuple[bytes, ...]


class Behind(DeliveryFault):
    """The receiver does not stand where it was thought to; it is to be asked again."""


class TooLarge(DeliveryFault):
    """The receiver, or something on the way to it, takes no body of this size."""


class Receiver:
    """The receiver's side of the line for one store. OSError and HTTPException when it cannot be reached, DeliveryFault when it refuses."""

    def __init__(self, settings: UplinkSettings, store: str) -> None:
        parts = urlsplit(settings.url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._line = make(parts.hostname or "", parts.port, timeout=settings.timeout_s)
        self._base = f"{parts.path.rstrip('/')}/v1/stores/{quote(store, safe='')}"
        self._settings, self._store = settings, store

    def position(self) -> Standing:
        """Where it stands."""
        return self._ask("GET", f"{self._base}/position")

    def new_generation(self, after: int) -> Standing:
        """Let it begin the generation that follows `after`."""
        return self._ask("POST", f"{self._base}/generations?after={after}")

    def send(self, stands: Standing, stretch: Stretch) -> Standing:
        """Hand a stretch over; where it stands then, when all of it is durable there. Behind when it stands elsewhere already."""
        span = {"generation": stands.generation, "after": stands.seq, "after_event": stands.event}
        query = urlencode({**span, "last": stretch.last, "last_event": stretch.event, "lost": stretch.lost})
        body = gzip.compress(b"".join(stretch.lines), compresslevel=5, mtime=0)
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip", "Content-Digest": f"sha-256=:{digest}:"}
        return self._ask("POST", f"{self._base}/events?{query}", body, headers)

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _ask(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Standing:
        asked = {"Authorization": f"Bearer {self._settings.token}", "Accept": "application/json", **(headers or {})}
        self._line.request(method, target, body, asked)
        answer = self._line.getresponse()
        text = answer.read(LARGEST_ANSWER)
        if answer.status != http.client.OK:
            kinds = {http.client.CONFLICT: Behind, http.client.REQUEST_ENTITY_TOO_LARGE: TooLarge}
            raise kinds.get(answer.status, DeliveryFault)(self._refusal(f"HTTP {answer.status} {answer.reason}", text))
        try:
            value = json.loads(text)
            return Standing(int(value["generation"]), int(value["seq"]), str(value["event"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DeliveryFault(self._refusal("it is no receiver of events: its answer names no position", b"")) from error

    def _refusal(self, words: str, text: bytes) -> Finding:
        """What a refusal says: the receiver's own words where it has some."""
        try:
            words = str(json.loads(text)["findings"][0]["reason"]).rstrip(".")
        except (ValueError, LookupError, TypeError):
            words = words.rstrip()
        return Finding("SL-UPL-02", {"url": self._settings.url, "store": self._store, "reason": words})


class Uplink:
    """Sends up in a thread of its own. The engine's thread reads `confirmed` and writes it down as the log's consumer `uplink`.

    `confirmed` is given what that consumer holds. Before the first start the engine's thread must have written the consumer, at 0 for a
    new one, so that compaction waits for it. `token` gives the newest token, the settings' where it is left out.
    """

    def __init__(
        self, log: Path, store: str, settings: UplinkSettings, *, confirmed: int, seed: int, token: Callable[[], str] | None = None
    ) -> None:
        self._token = token
        self._file, self._store, self._settings = log, store, settings
        self._confirmed = confirmed
        self._draw = random.Random(f"{seed}|{store}|uplink")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._stands: Standing | None = None
        self._scanned = (0, "")
        self._limit = settings.batch
        self._sent = self._lost = self._failures = 0
        self._last = confirmed
        self._trouble: Finding | None = None
        self._generation: Finding | None = None

    @property
    def confirmed(self) -> int:
        """Up to which record the receiver has all that goes up."""
        return self._confirmed

    def status(self) -> dict[str, int]:
        """Figures: records that wait, events sent, records lost, failures in a row."""
        waiting = max(0, self._last - self._confirmed)
        return {"waiting": waiting, "sent": self._sent, "lost": self._lost, "failures": self._failures}

    def findings(self) -> list[Finding]:
        """What an operator must know: why nothing goes up, what was lost, that the log's course has changed."""
        lost = Finding("SL-UPL-03", {"lost": self._lost}) if self._lost else None
        return [one for one in (self._trouble, lost, self._generation) if one is not None]

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, wait_s: float) -> bool:
        """End; False when a request is still under way after `wait_s` seconds (it can do no harm: a repeat is stored once)."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.run_once()
            except Exception as error:  # whatever comes over the line, the store goes on and this tries again
                self._note(error)
                self._failures += 1
                most = min(self._settings.longest_wait_s, self._settings.wait_s * 2 ** min(self._failures - 1, 20))
                self._stop.wait(self._draw.uniform(0, most))
            else:
                self._stop.wait(self._settings.idle_s)

    def _note(self, error: Exception) -> None:
        """Keep in words why nothing goes up."""
        if isinstance(error, StoreloomError):
            self._trouble = error.findings[0]
            return
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        args = {"url": self._settings.url, "reason": reason, "waiting": max(0, self._last - self._confirmed)}
        self._trouble = Finding("SL-UPL-01", args)

    def run_once(self) -> None:
        """Ask the receiver where it stands and send all that is there. Raises what went wrong; to be called again then."""
        settings = self._settings if self._token is None else replace(self._settings, token=self._token())
        receiver = Receiver(settings, self._store)
        try:
            log = LogReader(self._file, store=self._store)
            try:
                self._send_all(receiver, log)
            finally:
                log.close()
        finally:
            receiver.close()

    def _send_all(self, receiver: Receiver, log: LogReader) -> None:
        stands = self._agree(receiver, log, receiver.position())
        self._take(stands)
        while not self._stop.is_set():
            self._last = log.last
            stretch = self._next(log, stands)
            if stretch is None:
                break
            try:
                stands = receiver.send(stands, stretch)
            except TooLarge:
                if len(stretch.lines) <= 1:
                    raise
                self._limit = max(1, len(stretch.lines) // 2)
                continue
            self._sent += len(stretch.lines)
            self._lost += stretch.lost
            self._take(stands)
        self._trouble, self._failures = None, 0

    def _take(self, stands: Standing) -> None:
        """The receiver has all up to where it stands."""
        if stands != self._stands:
            self._stands, self._scanned = stands, (stands.seq, stands.event)
        self._confirmed = max(self._confirmed, stands.seq)

    def _agree(self, receiver: Receiver, log: LogReader, stands: Standing) -> Standing:
        """Where the receiver stands in this log; a new generation of it when that is another course than this log's."""
        same = stands.seq <= log.last and (stands.seq < log.oldest or log.event(stands.seq).id == stands.event)
        if same:
            return stands
        begun = receiver.new_generation(stands.generation)
        args = {"url": self._settings.url, "seq": stands.seq, "generation": begun.generation}
        self._generation = Finding("SL-UPL-04", args)
        return begun

    def _next(self, log: LogReader, stands: Standing) -> Stretch | None:
        """What follows: enough lines for a batch, or all that there is; None while there is nothing worth a batch.

        A long stretch without a line goes up as an empty batch, so that compaction need not wait for it.
        """
        oldest = log.oldest
        known = stands.seq or self._confirmed  # a generation begun afresh: what went before was confirmed in the last one
        lost = max(0, oldest - 1 - max(known, self._scanned[0]))
        last, event = (oldest - 1, "") if lost else self._scanned
        lines: list[bytes] = []
        size = 0
        while last - stands.seq < SCAN:
            page = list(log.read(max(last, oldest - 1), PAGE))
            for record in page:
                if self._settings.takes(record.event.stream):
                    line = line_of(record)
                    if lines and (len(lines) >= self._limit or size + len(line) > self._settings.batch_bytes):
                        return Stretch(last, event, lost, tuple(lines))
                    lines.append(line)
                    size += len(line)
                last, event = record.seq, record.event.id
            if len(page) < PAGE:
                break
        if lines or lost or last - stands.seq >= SCAN:
            return Stretch(last, event, lost, tuple(lines))
        self._scanned = last, event
        return None


def line_of(record: Record) -> bytes:
    """A record as a line of a batch."""
    event = record.event
    value: dict[str, Any] = {"seq": record.seq, "id": event.id, "stream": event.stream, "source": event.source, "store": event.store}
    value |= {"time": rfc3339(event.time), "received": rfc3339(event.received or event.time)}
    return orjson.dumps({**value, "hops": record.hops, "cause": record.cause, "data": event.data}) + b"\n"
