"""A control plane with two chains, one person of each role in each, and an agent; on SQLite, and on PostgreSQL where one is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any, cast
from uuid import uuid4
from zlib import crc32

import pytest
from argon2 import PasswordHasher
from flask import Flask

from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.serve import PREFIX, create_app
from storeloom.core.control.database import connect, make_tables, writing
from storeloom.core.control.identity.passwords import Passwords
from storeloom.core.control.identity.scopes import ROLES
from storeloom.core.control.identity.tokens import issue
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.identity import Chain, User
from storeloom.core.control.services import Services
from tests.postgres import Postgres, installed

ENGINES = ("sqlite", "postgresql")
T0 = datetime(2026, 3, 2, 10, tzinfo=UTC)
CHAINS = ("north", "south")
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))  # nobody guesses at these


def profile(store: str, **more: Any) -> dict[str, Any]:
    """A small whole store profile."""
    place = {"zone": "Asia/Shanghai", "format": "supermarket", "hours": {"open": "08:00", "close": "22:00"}}
    return {"document": "store/1", "store": store, "currency": "CNY", "language": "zh", **place, **more}


@dataclass
class Asker:
    """Somebody with a token, asking the API."""

    client: Any
    token: str | None
    lang: str = "en"

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        said = {"Accept-Language": self.lang, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.token is not None:
            said["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body)
        return self.client.open(PREFIX + path, method=method, data=data, content_type="application/json" if data else None, headers=said)


@dataclass
class Plane:
    """The control plane under test. `clock[0]` is its time; `plane.as_("viewer")` asks as somebody of chain north."""

    services: Services
    client: Any
    clock: list[datetime]
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def as_(self, role: str, chain: str = "north", lang: str = "en") -> Asker:
        return Asker(self.client, self.tokens.get((chain, role)), lang)

    def wait(self, **span: float) -> None:
        self.clock[0] += timedelta(**span)


def populate(plane: Plane) -> None:
    """Two chains; in each a person of each role, a store s-1 and its agent's token."""
    with writing(plane.services.engine) as session:
        for chain in CHAINS:
            session.add(Chain(id=chain, name=chain, created=T0))
            session.flush()
            session.add(Store(chain=chain, id="s-1", name="First", tags=["city"], profile=profile("s-1"), created=T0, changed=T0))
            for role in ROLES:
                if role == "agent":
                    session.flush()
                    plane.tokens[chain, role] = issue(session, chain, T0, store="s-1")[1]
                    continue
                vendor = "acme" if role == "vendor" else None
                session.add(
                    User(
                        chain=chain, id=role, email=f"{role}@{chain}.example", name=role, role=role, vendor=vendor, password="-", created=T0
                    )
                )
                session.flush()
                plane.tokens[chain, role] = issue(session, chain, T0, user=role)[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where both databases are at hand, a test runs on one of them, which its name decides, and only `make thorough` runs it on both."""
    if not installed():
        return
    for item in items:
        params = getattr(item, "callspec", None) and item.callspec.params  # type: ignore[attr-defined]
        engine = params and (params.get("tables_url") or params.get("database_url"))
        if engine and engine != ENGINES[crc32(item.nodeid.replace(engine, "").encode()) % 2]:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server with a database `form` that has all tables, from which each test's own is copied."""
    if not installed():
        pytest.skip("PostgreSQL is not installed")
    with TemporaryDirectory(prefix="storeloom-postgres-") as home:
        server = Postgres(Path(home))
        server.start()
        server.run("CREATE DATABASE form")
        engine = connect(server.url("form"))
        make_tables(engine)
        engine.dispose()
        yield server
        server.stop(kill=True)


@pytest.fixture(scope="session")
def sqlite_form(tmp_path_factory) -> Path:
    """A file with all tables, from which each test's own is copied."""
    path: Path = tmp_path_factory.mktemp("form") / "control.db"
    engine = connect(f"sqlite:///{path}")
    make_tables(engine)
    engine.dispose()
    return path


@pytest.fixture(params=ENGINES)
def database_url(request, tmp_path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'control.db'}"
        return
    server, name = request.getfixturevalue("postgres"), f"t{uuid4().hex}"
    server.run(f"CREATE DATABASE {name}")
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def tables_url(request, tmp_path) -> Iterator[str]:
    """A database with all tables and nothing in them."""
    if request.param == "sqlite":
        own = copyfile(request.getfixturevalue("sqlite_form"), tmp_path / "control.db")
        yield f"sqlite:///{own}"
        return
    server, name = request.getfixturevalue("postgres"), f"t{uuid4().hex}"
    server.run(f"CREATE DATABASE {name} TEMPLATE form STRATEGY file_copy")
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


class Current:
    """The services of the test that runs, for one application whose many addresses are made once."""

    services: Services

    def __getattr__(self, name: str) -> Any:
        return getattr(self.services, name)


CURRENT = Current()


@cache
def current_app() -> Flask:
    return create_app(cast(Services, CURRENT), RESOURCES)


@pytest.fixture
def plane(tables_url, tmp_path) -> Iterator[Plane]:
    clock = [T0]
    services = CURRENT.services = Services(connect(tables_url), tmp_path / "control", lambda: clock[0], passwords=CHEAP)
    made = Plane(services, current_app().test_client(), clock)
    populate(made)
    yield made
    services.engine.dispose()
