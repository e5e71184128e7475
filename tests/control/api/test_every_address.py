"""Every address, asked as everybody: who may not is refused, another chain's things are not there, nothing breaks (OWASP API top ten)."""

from __future__ import annotations

import re

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
def sqlite_plane(plane):
    if plane.services.engine.dialect.name != "sqlite":
        pytest.skip("who may what does not hang on the database")
    return plane


@each
def test_function_level_authorisation(sqlite_plane, route):
    """API5: a role without the scope is refused before anything of the request is looked at; without a token nothing is told."""
    if route.scope == ANYBODY:
        return
    assert sqlite_plane.as_("nobody")(route.method, address(route)).status_code == 401
    for role in ROLES:
        if route.scope not in ROLE_SCOPES[role]:
            refused = sqlite_plane.as_(role)(route.method, address(route), {})
            assert (refused.status_code, refused.json["findings"][0]["code"]) == (403, "SL-API-02"), role


@each
def test_object_level_authorisation(sqlite_plane, route):
    """API1: with the other chain's token, nothing of this chain is read or changed."""
    if route.scope == ANYBODY:
        return
    before = state(sqlite_plane, "north")
    for role in ("admin", "agent", "vendor"):
        if route.scope in ROLE_SCOPES[role]:
            told = sqlite_plane.as_(role, "south")(route.method, address(route), {}, If_Match='"1"')
            assert told.status_code < 500 and '"north' not in told.get_data(as_text=True)
    assert state(sqlite_plane, "north") == before


@each
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_bodies_are_refused_in_form(sqlite_plane, route, name):
    """API8, API10: whatever stands in the path or the body, the answer is of the API's form and never a fault of ours."""
    role = next((role for role in ROLES if route.scope in ROLE_SCOPES[role]), "nobody")
    for body in ({}, {"id": name, "unknown": [None]}, [1], "x", {"a": {"b": "\\u0000"}}):
        told = sqlite_plane.as_(role)(route.method, address(route, name), body if route.method != "GET" else None, If_Match='"1"')
        assert told.status_code < 500, told.get_data(as_text=True)
        if told.status_code >= 400:
            assert told.content_type == "application/problem+json" and told.json["findings"]


def test_agents_hold_nothing_beyond_their_own_store():
    """API1, API5: an agent's scope opens only addresses that name no store, or that take the store from its token."""
    assert ROLE_SCOPES["agent"] <= {"agent:self", "trust:read"}
    for role in ROLES:
        assert role == "agent" or "agent:self" not in ROLE_SCOPES[role]


def test_every_address_is_described(sqlite_plane):
    """API9: what is served stands in the document, and nothing else."""
    told = sqlite_plane.client.get("/api/v1/openapi.json").json
    described = {(method.upper(), path.removeprefix("/api/v1")) for path, found in told["paths"].items() for method in found}
    assert described == {(route.method, route.path) for route in ROUTES}
    rules = {rule.rule for rule in sqlite_plane.client.application.url_map.iter_rules()} - {"/api/v1/openapi.json"}
    assert len(rules) == len(told["paths"])


def test_a_body_too_large_and_a_token_in_the_address_are_refused(sqlite_plane):
    """API4: limits hold; API2: a token counts only in its header."""
    ask = sqlite_plane.as_("admin")
    large = ask("POST", "/stores", {"id": "s-2", "name": "x" * (2 << 20), "profile": {}})
    assert large.status_code == 413 and large.content_type == "application/problem+json"
    assert ask("GET", "/stores?limit=100000").status_code == 400
    token = sqlite_plane.tokens["north", "admin"]
    assert sqlite_plane.client.get(f"/api/v1/stores?access_token={token}").status_code == 401


def state(plane, chain):
    """Every row of a chain but what a look leaves: failed log-ins, kept answers, times of use."""
    with reading(plane.services.engine) as session:
        found = {}
        for table in SQLModel.metadata.sorted_tables:
            if "chain" in table.c:
                found[table.name] = sorted(map(repr, session.execute(select(table).where(table.c.chain == chain)).all()))
        return found
