"""A handler that forgets to name its chain leaks nothing, and writes nothing of another's."""

import pytest
from sqlalchemy import func
from sqlalchemy import select as plain_select
from sqlalchemy.orm import aliased
from sqlmodel import col, delete, select, update

from storeloom.core.control import models
from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.route import Answer, Resource
from storeloom.core.control.api.serve import create_app
from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.fleet import Region, Store
from storeloom.core.control.wall import OfChain
from tests.control.conftest import T0

OTHER = aliased(Store)
FORGETFUL = {
    "entities": lambda session: [(row.chain, row.id) for row in session.exec(select(Store))],
    "columns": lambda session: list(session.exec(select(Store.chain, Store.id))),
    "counted": lambda session: [("north", str(session.exec(select(func.count()).select_from(Store)).one()))],
    "by its key": lambda session: [(row.chain, row.id) for row in [session.get(Store, ("south", "s-1"))] if row],
    "an alias": lambda session: list(session.exec(select(OTHER.chain, OTHER.id))),
    "a join": lambda session: list(session.exec(select(Agent.chain, Agent.store).join(Store, col(Store.id) == col(Agent.store)))),
    "within": lambda session: list(session.exec(select(Region.chain, Region.id).where(col(Region.id).in_(select(Store.id))))),
    "a subquery": lambda session: session.execute(plain_select(select(Store.chain, Store.id).subquery())).all(),
}


def forgetful(own_session):
    resource = Resource("forgetful")
    for name, ask in FORGETFUL.items():

        def handler(call, ask=ask):
            if not own_session:
                return Answer([list(row) for row in ask(call.session)])
            with reading(call.services.engine) as session:
                return Answer([list(row) for row in ask(session)])

        handler.__name__ = name.replace(" ", "_")
        more = {"answer": list, "own_session": own_session}
        resource.route("GET", f"/forgetful/{name.replace(' ', '-')}", "stores:read", name, name, **more)(handler)
    return resource


@pytest.fixture
def both(plane):
    """Each chain has a store, an agent, and a region that is called like its store."""
    with writing(plane.services.engine) as session:
        for chain in ("north", "south"):
            session.add(Agent(chain=chain, store="s-1", public_key=b"k", enrolled=T0))
            session.add(Region(chain=chain, id="s-1", name="x"))
    return plane


@pytest.mark.parametrize("own_session", [False, True])
def test_what_forgets_its_chain_finds_the_askers_rows_alone(both, own_session):
    both.client = create_app(both.services, [forgetful(own_session)]).test_client()
    for name in FORGETFUL:
        for chain in ("north", "south"):
            told = both.as_("viewer", chain)("GET", f"/forgetful/{name.replace(' ', '-')}")
            wanted = [["north", "1"]] if name == "counted" else [[chain, "s-1"]]
            if name == "by its key" and chain == "north":
                wanted = []
            assert (told.status_code, told.json) == (200, wanted), (name, chain)


def test_what_forgets_its_chain_changes_the_askers_rows_alone(both):
    resource = Resource("careless")

    @resource.route("POST", "/closed", "stores:write", "x", "x")
    def close_all(call):
        call.session.execute(update(Store).values(name="closed"))
        call.session.execute(delete(Region))
        return Answer({})

    @resource.route("POST", "/others", "stores:write", "x", "x")
    def write_others(call):
        call.session.add(Region(chain="south", id="new", name="x"))
        return Answer({})

    both.client = create_app(both.services, [resource]).test_client()
    assert both.as_("operator")("POST", "/closed").status_code == 200
    assert both.as_("operator")("POST", "/others").status_code == 500
    with reading(both.services.engine) as session:
        assert dict(session.exec(select(Store.chain, Store.name)).all()) == {"north": "closed", "south": "First"}
        assert session.exec(select(Region.chain, Region.id)).all() == [("south", "s-1")]


def test_every_table_with_a_chain_stands_behind_the_wall():
    assert models.__all__ and RESOURCES
    from sqlmodel import SQLModel

    for mapper in SQLModel._sa_registry.mappers:
        if "chain" in mapper.local_table.columns:
            assert issubclass(mapper.class_, OfChain), mapper.class_
