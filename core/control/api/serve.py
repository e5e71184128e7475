"""The API as a WSGI application: declared addresses as Flask rules; who asks, forms, transactions, repeats and refusals in one place."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import cache, partial
from typing import Any

import orjson
from flask import Flask, Request, Response, request
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from storeloom.core.control.api import problems, repeats
from storeloom.core.control.api.openapi import document
from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.api.route import ANYBODY, Answer, Call, Later, Resource, Route
from storeloom.core.control.api.standing_in import asker_address
from storeloom.core.control.database import reading, writing
from storeloom.core.control.identity.scopes import Principal
from storeloom.core.control.identity.tokens import principal
from storeloom.core.control.services import Services
from storeloom.core.control.wall import within
from storeloom.core.kernel.errors import Finding, StoreloomError

PREFIX = "/api/v1"
LOG = logging.getLogger(__name__)
NOBODY = Principal("", "nobody", frozenset(), "")
ETAG = re.compile(r'(?:W/)?"([^"]*)"')


def create_app(services: Services, resources: Iterable[Resource]) -> Flask:
    """The application over a control plane's services."""
    app = Flask("storeloom.control", static_folder=None)
    app.url_map.strict_slashes = True
    known = list(resources)
    described = cache(lambda: orjson.dumps(document(known, PREFIX)))
    app.add_url_rule(f"{PREFIX}/openapi.json", "openapi", lambda: Response(described(), content_type="application/json"))
    for route in (route for resource in known for route in resource.routes):
        rule = PREFIX + re.sub(r"{(\w+)}", r"<\1>", route.path.replace("{path}", "<path:path>"))
        app.add_url_rule(rule, route.name, _view(route, services), methods=[route.method])
    app.register_error_handler(HTTPException, _failed)
    app.register_error_handler(Exception, _broken)
    return app


def _view(route: Route, services: Services) -> Callable[..., Response]:
    out = None if route.answer is None else TypeAdapter(route.answer)

    def view(**path: str) -> Response:
        try:
            return _carry_out(route, services, out, path)
        except ApiFault as fault:
            return _refusal(fault.status, fault)
        except StoreloomError as fault:
            return _refusal(422, fault)
        except IntegrityError as error:
            LOG.info("%s %s: %s", route.method, route.path, error.orig)
            return _refusal(409, ApiFault(409, Finding("SL-API-08")))
        except OperationalError as error:
            LOG.warning("%s %s: %s", route.method, route.path, error.orig)
            return _refusal(503, ApiFault(503, Finding("SL-API-10"), {"Retry-After": "1"}))

    return view


def _carry_out(route: Route, services: Services, out: TypeAdapter[Any] | None, path: dict[str, str]) -> Response:
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    call = Call(NOBODY, path, None, None, services.now(), services, asker_address(asked.environ, services.studio_key))
    call.if_none_match, call.range = _version(asked, "HTTP_IF_NONE_MATCH"), asked.environ.get("HTTP_RANGE")
    call._language = partial(language, asked)
    call.principal = _authorise(route, services.engine, call, asked)
    _understand(route, call, asked)
    with within(call.chain):
        return _within(route, services, call, asked, out)


def _within(route: Route, services: Services, call: Call, asked: Request, out: TypeAdapter[Any] | None) -> Response:
    """Carry out what was understood."""
    if route.own_session or not route.writes:
        return _read(route, services, call, out)
    with writing(services.engine) as session:
        call.principal = _authorise(route, session, call, asked)  # once more: what was taken back by now writes nothing
        call._session = session
        key = asked.headers.get("Idempotency-Key") if route.method == "POST" and call.principal is not NOBODY else None
        key = None if route.told_once else key
        before = None if key is None else repeats.kept_answer(session, call.principal.token, key, _digest(route), call.now)
        answer = before or route.call(call)
        if isinstance(answer, Answer):
            if key is not None and before is None:
                _keep(route, session, call, key, answer, out)
            return _response(route, answer, out)
        call._session = None
    told = answer.finish()
    if key is not None:
        with writing(services.engine) as session:
            _keep(route, session, call, key, told, out)
    return _response(route, told, out)


def _read(route: Route, services: Services, call: Call, out: TypeAdapter[Any] | None) -> Response:
    """Carry out a request that only reads, in one transaction from when it first asks for one, or that opens its own sessions."""
    if route.own_session:
        return _response(route, _now(route.call(call)), out)
    with ExitStack() as ends:
        call._begin = lambda: ends.enter_context(reading(services.engine))
        answer = route.call(call)
        if isinstance(answer, Answer):
            return _response(route, answer, out)
        call._begin = call._session = None
    return _response(route, answer.finish(), out)


def _digest(route: Route) -> str:
    return repeats.request_digest(route.method, request.full_path, request.get_data())


def _keep(route: Route, session: Session, call: Call, key: str, answer: Answer, out: TypeAdapter[Any] | None) -> None:
    """Keep an answer, so that the same request sent again gets it and is not carried out once more."""
    session.flush()
    told = None if out is None else out.dump_python(out.validate_python(answer.body, from_attributes=True), mode="json")
    repeats.keep(session, call.principal.token, key, _digest(route), answer.status or route.status, told, answer, call.now)


def _now(answer: Answer | Later) -> Answer:
    return answer if isinstance(answer, Answer) else answer.finish()


def _authorise(route: Route, source: Engine | Session, call: Call, asked: Request) -> Principal:
    """Who asks, and that they may. What is in their chain is the calls' own matter: each asks for it by `call.chain`."""
    if route.scope == ANYBODY:
        return NOBODY
    scheme, _, token = asked.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    found = principal(source, token.strip(), call.now) if scheme.lower() == "bearer" else None
    if found is None:
        raise ApiFault(401, Finding("SL-API-01"), {"WWW-Authenticate": 'Bearer realm="storeloom"'})
    if route.scope not in found.scopes:
        raise ApiFault(403, Finding("SL-API-02", {"scope": route.scope, "role": found.role}))
    return found


def _understand(route: Route, call: Call, asked: Request) -> None:
    """Query, body and version, in their declared forms. ApiFault says all that is wrong."""
    query = asked.args.to_dict() if asked.environ.get("QUERY_STRING") else {}
    if any("\0" in part for part in (*call.path.values(), *query.values())):
        raise ApiFault(400, Finding("SL-API-03", {"reason": "a NUL character"}, "query"))
    findings: list[Finding] = []
    if route.query is not None:
        call.query = _formed(route.query, query, "query", findings)
    elif query:
        findings.append(Finding("SL-API-03", {"reason": f"unknown: {', '.join(sorted(query))[:100]}"}, "query"))
    asked.max_content_length = route.max_body
    if route.raw_in is not None:
        if asked.mimetype != route.raw_in:
            raise ApiFault(415, Finding("SL-API-06", {"header": "Content-Type", "allowed": route.raw_in}))
        if route.digest:
            _check_digest(asked)
        call.body = _unpacked(asked, route)
    elif route.body is not None:
        call.body = _formed(route.body, _json(asked, route), "body", findings)
    if findings:
        raise ApiFault(400, findings)
    call.if_match = _version(asked, "HTTP_IF_MATCH")
    if route.versioned and call.if_match is None:
        raise ApiFault(428, Finding("SL-API-06", {"header": "If-Match", "allowed": 'the ETag of what you read, as "3"'}))


def _check_digest(asked: Request) -> None:
    """ApiFault where the bytes as sent are not those of their Content-Digest (RFC 9530, sha-256)."""
    digest = base64.b64encode(hashlib.sha256(asked.get_data()).digest()).decode()
    if asked.headers.get("Content-Digest") != f"sha-256=:{digest}:":
        raise ApiFault(400, Finding("SL-UPL-07"))


def _json(asked: Request, route: Route) -> Any:
    if asked.mimetype not in ("application/json", "application/merge-patch+json"):
        raise ApiFault(415, Finding("SL-API-06", {"header": "Content-Type", "allowed": "application/json"}))
    data = _unpacked(asked, route)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ApiFault(400, Finding("SL-API-03", {"reason": str(error)}, "body")) from error
    if b"\\u0000" in data:
        raise ApiFault(400, Finding("SL-API-03", {"reason": "a NUL character"}, "body"))
    return value


def _unpacked(asked: Request, route: Route) -> bytes:
    """The body, unpacked where it came as gzip. ApiFault when it is none, or swells beyond what may come unpacked."""
    packing = asked.headers.get("Content-Encoding", "identity").strip().lower()
    if packing == "identity":
        return asked.get_data()
    if packing != "gzip":
        raise ApiFault(415, Finding("SL-API-06", {"header": "Content-Encoding", "allowed": "gzip, identity"}), {"Accept-Encoding": "gzip"})
    unpacker = zlib.decompressobj(wbits=31)
    most = route.max_unpacked or route.max_body
    try:
        data = unpacker.decompress(asked.get_data(), most)
    except zlib.error as error:
        raise ApiFault(400, Finding("SL-API-03", {"reason": "the body is no gzip"}, "body")) from error
    if unpacker.unconsumed_tail:
        raise RequestEntityTooLarge
    if not unpacker.eof or unpacker.unused_data:
        raise ApiFault(400, Finding("SL-API-03", {"reason": "the gzip body is cut off, or followed by something else"}, "body"))
    return data


def _formed(form: type[BaseModel], value: Any, part: str, findings: list[Finding]) -> BaseModel | None:
    try:
        return form.model_validate(value)
    except ValidationError as error:
        findings += problems.form_findings(error, part)
        return None


def _version(asked: Request, header: str) -> str | None:
    """The version that a conditional request names: the text within the quotes of its one ETag. `header` as WSGI calls it."""
    named = asked.environ.get(header)
    found = None if named is None else ETAG.fullmatch(named.strip())
    return None if found is None else found.group(1)


def _response(route: Route, answer: Answer, out: TypeAdapter[Any] | None) -> Response:
    status = answer.status or route.status
    headers = dict(answer.headers)
    if answer.version is not None:
        headers["ETag"] = f'"{answer.version}"'
    if status in (204, 304):
        return Response(status=status, headers=headers)
    if route.raw_out is not None:
        return Response(answer.body, status, headers, content_type=route.raw_out)
    if out is None:
        return Response(b"{}", status, headers, content_type="application/json")
    told = out.dump_json(out.validate_python(answer.body, from_attributes=True))
    return Response(told, status, headers, content_type="application/json")


def language(asked: Request) -> str:
    """The reader's language."""
    return asked.accept_languages.best_match(["en", "zh"], "en") or "en"


def _refusal(status: int, fault: StoreloomError) -> Response:
    told = problems.problem(status, fault.findings, language(request), request.path) | getattr(fault, "more", {})
    body = orjson.dumps(told, default=str)
    return Response(body, status, getattr(fault, "headers", {}), content_type=problems.MEDIA)


def _failed(error: HTTPException) -> Response:
    """What the framework itself refuses: no such address, a body too large, a method that is not there."""
    args = {"method": request.method, "path": request.path, "reason": error.name}
    status = error.code or 500
    refusal = _refusal(status, ApiFault(status, Finding("SL-API-09", args)))
    for name, value in error.get_headers():
        if name == "Allow":
            refusal.headers[name] = value
    return refusal


def _broken(error: Exception) -> Response:
    """A fault of ours: logged whole, told without its inside."""
    LOG.error("%s %s", request.method, request.path, exc_info=error)
    return _refusal(500, ApiFault(500, Finding("SL-API-11")))
