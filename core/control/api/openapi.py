"""The API's description (OpenAPI 3.1), made from the declarations: nothing is described that is not served, nothing served undescribed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from storeloom.core.control.api.problems import MEDIA, Problem
from storeloom.core.control.api.route import ANYBODY, Resource, Route

REF = "#/components/schemas/{model}"
CONDITIONAL = {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string", "pattern": '^(W/)?"[^"]*"$'}}
KNOWN = {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string", "pattern": '^(W/)?"[^"]*"$'}}
LONGEST = {"path": 600}
STRETCH = {"name": "Range", "in": "header", "required": False, "schema": {"type": "string", "pattern": "^bytes=[0-9]+-[0-9]*$"}}
DIGEST = {
    "name": "Content-Digest",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"},
}
REPEAT = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}


def document(resources: Sequence[Resource], prefix: str) -> dict[str, Any]:
    """The whole document."""
    routes = [(resource, route) for resource in resources for route in resource.routes]
    schemas = _Schemas([route for _, route in routes])
    paths: dict[str, dict[str, Any]] = {}
    for resource, route in routes:
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = _operation(resource, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "storeloom", "version": "1", "summary": "Control plane of a chain's stores"},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "problem": {
                    "description": "Problem details (RFC 9457)",
                    "content": {MEDIA: {"schema": schemas.of(Problem, "serialization")}},
                }
            },
        },
        "tags": [{"name": resource.name} for resource in resources],
    }


class _Schemas:
    """The forms of all addresses, each defined once."""

    def __init__(self, routes: Sequence[Route]) -> None:
        inputs: list[tuple[Any, JsonSchemaMode]] = [(form, "validation") for route in routes for form in (route.body,) if form is not None]
        outputs: list[tuple[Any, JsonSchemaMode]] = [(route.answer, "serialization") for route in routes if route.answer is not None]
        wanted = {(str(form), mode): (form, mode) for form, mode in [*inputs, *outputs, (Problem, "serialization")]}
        adapters = [(key, mode, TypeAdapter(form)) for (key, mode), (form, _) in wanted.items()]
        self._by_form, top = TypeAdapter.json_schemas(adapters, ref_template=REF)
        self.definitions: dict[str, Any] = dict(sorted(top.get("$defs", {}).items()))

    def of(self, form: Any, mode: JsonSchemaMode) -> dict[str, Any]:
        return dict(self._by_form[(str(form), mode)])


def _operation(resource: Resource, route: Route, schemas: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {"description": route.summary}
    if route.raw_out is not None:
        told["content"] = {route.raw_out: {"schema": {"type": "string", "format": "binary"}}}
    elif route.answer is not None:
        told["content"] = {"application/json": {"schema": schemas.of(route.answer, "serialization")}}
    elif route.status not in (204, 304):
        told["content"] = {"application/json": {"schema": {"type": "object"}}}
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "x-summary-zh": route.summary_zh,
        "x-scope": route.scope,
        "tags": [resource.name],
        "parameters": _parameters(route),
        "responses": {str(route.status): told, "default": {"$ref": "#/components/responses/problem"}},
        "security": [] if route.scope == ANYBODY else [{"bearer": []}],
    }
    if route.ranges:
        operation["responses"]["206"] = {**told, "description": "The bytes that were asked for"}
    if route.conditional:
        operation["responses"]["304"] = {"description": "As known"}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas.of(route.body, "validation")}}}
    elif route.raw_in is not None:
        operation["requestBody"] = {"required": True, "content": {route.raw_in: {"schema": {"type": "string", "format": "binary"}}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST.get(name, 200)}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    if route.query is not None:
        form = route.query.model_json_schema()
        for name, schema in form.get("properties", {}).items():
            plain = {key: value for key, value in schema.items() if key not in ("title",)}
            found.append({"name": name, "in": "query", "required": name in form.get("required", ()), "schema": plain})
    if route.versioned:
        found.append(CONDITIONAL)
    if route.conditional:
        found.append(KNOWN)
    if route.ranges:
        found.append(STRETCH)
    if route.digest:
        found.append(DIGEST)
    if route.method == "POST" and route.scope != ANYBODY and not route.told_once and not route.own_session:
        found.append(REPEAT)
    return found
