"""Every address, asked as everybody: who may not is refused, another chain's things are not there, nothing breaks (OWASP API top ten)."""

from __future__ import annotations

import re
from shutil import copyfile

import pytest
from sqlmodel import SQLModel, select

from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.route import ANYBODY, Route
from storeloom.core.control.database import reading
from storeloom.core.control.identity.scopes import ROLE_SCOPES, ROLES

ROUTES = [route for resource in RESOURCES for route in resource.routes]
each = pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
HOSTILE = ("s-1", "..%2f..%2fetc%2fpasswd", "%27%20OR%201=1--", "%00", "门店", "x" * 300)


def address(route: Route, name: str = "s-1") -> str:
    return re.sub(r"{\w+}", name, route.path)


@pytest.fixture
def tables_url(sqlite_form, tmp_path):
    """SQLite only: who may what does not hang on the database."""
    return f"sqlite:///{copyfile(sqlite_form, tmp_path / 'control.db')}"


@each
def test_function_level_authorisation(plane, route):
    """API5: a role without the scope is refused before anything of the request is looked at; without a token nothing is told."""
    if route.scope == ANYBODY:
        return
    assert plane.as_("nobody")(route.method, address(route)).status_code == 401
    for role in ROLES:
        if route.scope not in ROLE_SCOPES[role]:
            refused = plane.as_(role)(route.method, address(route), {})
            assert (refused.status_code, refused.json["findings"][0]["code"]) == (403, "SL-API-02"), role


@each
def test_object_level_authorisation(plane, route):
    """API1: with the other chain's token, nothing of this chain is read or changed."""
    if route.scope == ANYBODY:
        return
    before = state(plane, "north")
    for role in ("admin", "agent", "vendor"):
        if route.scope in ROLE_SCOPES[role]:
            told = plane.as_(role, "south")(route.method, address(route), {}, If_Match='"1"')
            assert told.status_code < 500 and '"north' not in told.get_data(as_text=True)
    assert state(plane, "north") == before


@each
def test_hostile_names_and_bodies_are_refused_in_form(plane, route):
    """API8, API10: whatever stands in the path or the body, the answer is of the API's form and never a fault of ours."""
    role = next((role for role in ROLES if route.scope in ROLE_SCOPES[role]), "nobody")
    for name in HOSTILE:
        for body in ({}, {"id": name, "unknown": [None]}, [1], "x", {"a": {"b": "\\u0000"}}):
            told = plane.as_(role)(route.method, address(route, name), body if route.method != "GET" else None, If_Match='"1"')
            assert told.status_code < 500, (name, body, told.get_data(as_text=True))
            if told.status_code >= 400:
                assert told.content_type == "application/problem+json" and told.json["findings"], (name, body)


def test_agents_hold_nothing_beyond_their_own_store():
    """API1, API5: an agent's scope opens only addresses that name no store, or that take the store from its token."""
    assert ROLE_SCOPES["agent"] <= {"agent:self", "trust:read"}
    for role in ROLES:
        assert role == "agent" or "agent:self" not in ROLE_SCOPES[role]


def test_every_address_is_described(plane):
    """API9: what is served stands in the document, and nothing else."""
    told = plane.client.get("/api/v1/openapi.json").json
    described = {(method.upper(), path.removeprefix("/api/v1")) for path, found in told["paths"].items() for method in found}
    assert described == {(route.method, route.path) for route in ROUTES}
    rules = {rule.rule for rule in plane.client.application.url_map.iter_rules()} - {"/api/v1/openapi.json"}
    assert len(rules) == len(told["paths"])


def test_a_body_too_large_and_a_token_in_the_address_are_refused(plane):
    """API4: limits hold; API2: a token counts only in its header."""
    ask = plane.as_("admin")
    large = ask("POST", "/stores", {"id": "s-2", "name": "x" * (2 << 20), "profile": {}})
    assert large.status_code == 413 and large.content_type == "application/problem+json"
    assert ask("GET", "/stores?limit=100000").status_code == 400
    token = plane.tokens["north", "admin"]
    assert plane.client.get(f"/api/v1/stores?access_token={token}").status_code == 401


def state(plane, chain):
    """Every row of a chain but what a look leaves: failed log-ins, kept answers, times of use."""
    with reading(plane.services.engine) as session:
        found = {}
        for table in SQLModel.metadata.sorted_tables:
            if "chain" in table.c:
                found[table.name] = sorted(map(repr, session.execute(select(table).where(table.c.chain == chain)).all()))
        return found
