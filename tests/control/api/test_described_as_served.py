"""Requests made at random from the API's own description (schemathesis): no fault of ours, every answer of the described form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.serve import PREFIX, create_app
from storeloom.core.control.database import connect, make_tables
from storeloom.core.control.identity.scopes import ROLE_SCOPES, ROLES
from storeloom.core.control.services import Services
from tests.control.conftest import T0, Plane, populate

ROUTES = [route for resource in RESOURCES for route in resource.routes]
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
UNLIMITED = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@schemathesis.serializer("application/x-ndjson")
def lines(_context: object, value: object) -> bytes:
    """A batch of whatever bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def described() -> Iterator[tuple[Plane, schemathesis.BaseSchema]]:
    with TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{folder}/control.db")
        make_tables(engine)
        services = Services(engine, Path(folder) / "control", lambda: T0)
        app = create_app(services, RESOURCES)
        plane = Plane(services, app.test_client(), [T0])
        populate(plane)
        yield plane, schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
        engine.dispose()


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
def test_random_requests(described, route):
    plane, schema = described
    role = next((role for role in ROLES if route.scope in ROLE_SCOPES[role]), "nobody")
    headers = {"Authorization": f"Bearer {plane.tokens['north', role]}"} if role != "nobody" else {}

    @UNLIMITED
    @given(case=schema[PREFIX + route.path][route.method].as_strategy())
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
