"""A release names a vendor's wheel and the libraries that it needs, by hash, for the machine of each store's agent; what lacks is told."""

import hashlib
from datetime import timedelta

import pytest
from sqlmodel import select

from storeloom.core.control.agents import machines
from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent, AgentMachine
from storeloom.core.control.models.packages import VendorPackage
from storeloom.core.trust.wire import Machine
from tests.control.design.test_libraries import MARKERS, STORE
from tests.control.design.test_releases import KEY

TELLER = """
version = "1.0.0"

@on("pos.sale")
def ring(self, event):
    yield out("alert.raise", alert="a", kind="hot", severity="info", state="open", text="x")
"""
ARM = Machine(
    python="3.11.2",
    platforms=["manylinux_2_36_aarch64", "manylinux_2_17_aarch64"],
    markers={**MARKERS, "platform_machine": "aarch64"},
    installed={},
)


@pytest.fixture
def toyed(plane, designed, toys):
    """A chain whose design has a vendor's solution."""
    toys.add("far", TELLER)
    plane.services.registry = toys.registry()
    designed.template({"solutions": {"far": {}}}, 1)
    return designed


def upload(plane, name, version, *requires, tag="py3-none-any", solutions=()):
    filename = f"{name}-{version}-{tag}.whl"
    with writing(plane.services.engine) as session:
        row = VendorPackage(
            chain="north",
            id=filename,
            vendor="acme",
            name=name,
            version=version,
            filename=filename,
            sha256=hashlib.sha256(filename.encode()).hexdigest(),
            length=10,
            solutions={one: {} for one in solutions},
            requires=list(requires),
            uploaded=plane.clock[0],
            uploaded_by="x",
        )
        session.add(row)
    plane.clock[0] += timedelta(seconds=1)


def enrolled(plane, **where):
    with writing(plane.services.engine) as session:
        for store, machine in where.items():
            agent = Agent(chain="north", store=store, public_key=KEY, enrolled=plane.clock[0])
            session.add(agent)
            machines.note(session, agent, machine)


def files(designed, release):
    rows = designed.ask("GET", f"/releases/{release['id']}/stores").json["items"]
    return {row["store"]: [one["target"].rpartition("/")[2] for one in row["packages"]] for row in rows}


def test_each_store_is_given_the_libraries_that_fit_its_machine(toyed, plane):
    upload(plane, "toyshop", "1.0", "fastlib>=1", solutions=["far"])
    upload(plane, "fastlib", "1.0", "tiny", tag="cp311-cp311-manylinux_2_17_x86_64")
    upload(plane, "fastlib", "1.0", "tiny", "armlib; platform_machine == 'aarch64'", tag="cp311-cp311-manylinux_2_17_aarch64")
    for name in ("tiny", "armlib"):
        upload(plane, name, "0.1")
    enrolled(plane, a=STORE, b=ARM)
    told = files(toyed, toyed.release(stores=["a", "b"]))
    any_ = "py3-none-any.whl"
    assert told["a"] == ["fastlib-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", f"tiny-0.1-{any_}", f"toyshop-1.0-{any_}"]
    arm = "fastlib-1.0-cp311-cp311-manylinux_2_17_aarch64.whl"
    assert told["b"] == [f"armlib-0.1-{any_}", arm, f"tiny-0.1-{any_}", f"toyshop-1.0-{any_}"]
    row = toyed.ask("GET", f"/releases/{toyed.ask('GET', '/releases').json['items'][0]['id']}/stores").json["items"][0]
    assert row["packages"][1]["sha256"] == hashlib.sha256(b"tiny-0.1-py3-none-any.whl").hexdigest()


def test_what_lacks_keeps_the_release_from_being_made_and_shows_when_a_store_is_composed(toyed, plane):
    upload(plane, "toyshop", "1.0", "fastlib>=1", solutions=["far"])
    upload(plane, "fastlib", "0.9")
    job = toyed.job(stores=["a"])
    said = [(one["store"], one["finding"]["code"], one["finding"]["reason"]) for one in job["findings"]]
    reason = "toyshop-1.0-py3-none-any.whl needs fastlib>=1, which the store cannot be given: its vendor uploaded 0.9."
    assert (job["state"], said[1:]) == ("failed", [("a", "SL-REL-09", reason)])
    composed = toyed.ask("GET", "/stores/a/composition").json
    assert (composed["ok"], [one["reason"] for one in composed["findings"] if one["code"] == "SL-REL-09"]) == (False, [reason])
    upload(plane, "fastlib", "1.1")
    assert toyed.ask("GET", "/stores/a/composition").json["ok"] is True
    assert files(toyed, toyed.release(stores=["a"]))["a"] == ["fastlib-1.1-py3-none-any.whl", "toyshop-1.0-py3-none-any.whl"]


def test_a_plugins_package_that_nobody_uploaded_is_told_with_its_store(toyed):
    said = [(one["store"], one["finding"]["code"]) for one in toyed.job(stores=["a"])["findings"]]
    assert said == [(None, "SL-REL-03"), ("a", "SL-REL-04")]


def test_like_machines_are_kept_once_and_a_new_one_replaces_the_old(plane, designed):
    enrolled(plane, a=STORE, b=STORE, c=ARM)
    with writing(plane.services.engine) as session:
        machines.note(session, session.get_one(Agent, ("north", "c")), None)
    with reading(plane.services.engine) as session:
        assert len(session.exec(select(AgentMachine)).all()) == 2
        known = machines.known_to(session, "north", ["a", "b", "c", "s-1"])
        assert known["a"] == known["b"] != known["c"] and "s-1" not in known
        assert machines.read(session, "north", [known["c"]]) == {known["c"]: ARM}
        assert machines.known_to(session, "south", ["a"]) == {}
