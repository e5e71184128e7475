"""The receiver of what stores send up: a Flask blueprint over the control plane's database.

`POST /v1/stores/STORE/events?generation&after&after_event&last&last_event&lost` takes a batch: gzip'd NDJSON, one event a line, in the
order of the store's log, with a `Content-Digest` (RFC 9530, sha-256 over the bytes as sent) and the store's bearer token. It answers when
the batch is durable. A batch that does not follow the last one is refused with 409 and the position that is expected, a repeat is
answered as if it were new. `GET .../position` says where the store stands, `POST .../generations` begins its log afresh. Every refusal is
`{"ok": false, "findings": [...]}`.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request
from pydantic import ValidationError
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException

from storeloom.core.control import received
from storeloom.core.control.database import connect, make_tables
from storeloom.core.control.received import Batch, Line, OutOfStep, Position
from storeloom.core.kernel.errors import DeliveryFault, Finding

MAX_BODY = 8 << 20
MAX_UNPACKED = 64 << 20
Answer = tuple[Response, int]


class Refused(DeliveryFault):
    """A request that is not carried out; `status` is HTTP's."""

    def __init__(self, status: int, finding: Finding) -> None:
        super().__init__(finding)
        self.status = status


def utc_now() -> datetime:
    """The wall clock: when something was reported here."""
    return datetime.now(UTC)


def create_app(url: str, now: Callable[[], datetime] = utc_now) -> Flask:
    """The receiver as a WSGI application of its own, over the database of a URL."""
    app = Flask("storeloom.control")
    engine = connect(url)
    make_tables(engine)
    app.register_blueprint(blueprint(engine, now))
    app.register_error_handler(HTTPException, _failed)
    return app


def blueprint(engine: Engine, now: Callable[[], datetime] = utc_now) -> Blueprint:
    """The receiver's addresses over a database."""
    routes = Blueprint("intake", __name__)

    @routes.get("/v1/stores/<store>/position")
    def where(store: str) -> Answer:
        _authorise(engine, store)
        return jsonify(ok=True, **_standing(received.position(engine, store, now()))), 200

    @routes.post("/v1/stores/<store>/generations")
    def begin(store: str) -> Answer:
        _authorise(engine, store)
        return jsonify(ok=True, **_standing(received.begin_generation(engine, store, _whole("after"), now()))), 200

    @routes.post("/v1/stores/<store>/events")
    def take(store: str) -> Answer:
        _authorise(engine, store)
        request.max_content_length = MAX_BODY
        stands, stored = received.keep_batch(engine, store, _batch(request.get_data()), now())
        return jsonify(ok=True, stored=stored, **_standing(stands)), 200

    routes.register_error_handler(Refused, _refused)
    routes.register_error_handler(OutOfStep, _out_of_step)
    routes.register_error_handler(HTTPException, _failed)
    return routes


def _authorise(engine: Engine, store: str) -> None:
    """Refused unless the request carries the store's own token; one store's token opens no other's door."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not received.may_send(engine, store, token.strip()):
        raise Refused(401, Finding("SL-UPL-06", {"store": store}))


def _batch(body: bytes) -> Batch:
    """The batch of a request, whole and in order. Refused says what is wrong with it."""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if request.headers.get("Content-Digest") != f"sha-256=:{digest}:":
        raise Refused(400, Finding("SL-UPL-07"))
    after, last = _whole("after"), _whole("last")
    lines: list[Line] = []
    for number, text in enumerate(_unpack(body).splitlines(), 1):
        try:
            line = Line.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            raise _malformed(f"line {number}: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from error
        if not (lines[-1].seq if lines else after) < line.seq <= last:
            raise _malformed(f"line {number}: sequence {line.seq} is out of order, or not within {after} to {last}")
        lines.append(line)
    if last <= after:
        raise _malformed(f"it ends at {last}, before its start at {after}")
    return Batch(
        _whole("generation"), after, request.args.get("after_event", ""), last, request.args.get("last_event", ""), _whole("lost"), lines
    )


def _unpack(body: bytes) -> bytes:
    """The text of a gzip'd body; Refused when it is none, or swells beyond MAX_UNPACKED."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(body, MAX_UNPACKED)
    except zlib.error as error:
        raise _malformed("its body is no gzip") from error
    if unpacker.unconsumed_tail:
        raise Refused(413, Finding("SL-UPL-08", {"reason": {"en": "unpacked it is too large", "zh": "解压后过大"}}))
    if not unpacker.eof or unpacker.unused_data:
        raise _malformed("its gzip body is cut off or followed by something else")
    return text


def _whole(name: str) -> int:
    """A whole number, zero or more, of the query."""
    text = request.args.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _malformed(f"'{name}' must be a whole number, got '{text[:20]}'")
    return int(text)


def _malformed(reason: str) -> Refused:
    return Refused(400, Finding("SL-UPL-08", {"reason": reason}))


def _standing(stands: Position) -> dict[str, Any]:
    return {"generation": stands.generation, "seq": stands.seq, "event": stands.event, "lost": stands.lost}


def _refusal(finding: Finding, status: int, more: Mapping[str, Any]) -> Answer:
    lang = request.accept_languages.best_match(["en", "zh"], "en")
    return jsonify(ok=False, findings=[finding.as_dict(lang)], **more), status


def _refused(fault: Refused) -> Answer:
    return _refusal(fault.findings[0], fault.status, {})


def _out_of_step(fault: OutOfStep) -> Answer:
    return _refusal(fault.findings[0], 409, _standing(fault.position))


def _failed(error: HTTPException) -> Answer:
    """What the framework itself refuses (no such address, a body too large), in the shape of every other refusal."""
    args = {"method": request.method, "path": request.path, "reason": error.name}
    return _refusal(Finding("SL-UPL-10", args), error.code or 500, {})
