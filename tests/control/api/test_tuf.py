"""The repository over HTTP: whole and in stretches, to whom it concerns, and the agent's own client through it."""

import hashlib

import pytest

from storeloom.core.control.api.serve import PREFIX
from storeloom.core.kernel.errors import TrustFault
from storeloom.core.trust import names
from storeloom.core.trust.client import TufClient, pin
from tests.control.conftest import T0
from tests.control.trust.founded import Founded
from tests.control.trust.made_wheel import wheel
from tests.trust.made import reply, served

DATA = b'{"bundle": 1}'
SHA = hashlib.sha256(DATA).hexdigest()
TARGET = f"/tuf/targets/stores/s-1/{SHA}.1.json"


@pytest.fixture
def trust(plane, tmp_path):
    made = Founded(plane, tmp_path / "keys")
    made.repository.publish({"stores/s-1/1.json": DATA, "stores/s-2/1.json": b"two"})
    return made


def test_metadata_is_served_with_its_etag(trust):
    ask = trust.plane.as_("agent")
    stamp = ask("GET", "/tuf/metadata/timestamp.json")
    assert (stamp.status_code, stamp.headers["Cache-Control"]) == (200, "private, no-cache")
    assert stamp.data == (trust.repository.metadata / "timestamp.json").read_bytes()
    assert ask("GET", "/tuf/metadata/timestamp.json", If_None_Match=stamp.headers["ETag"]).status_code == 304
    trust.repository.publish({"stores/s-1/2.json": b"2"})
    assert ask("GET", "/tuf/metadata/timestamp.json", If_None_Match=stamp.headers["ETag"]).status_code == 200
    assert "immutable" in ask("GET", "/tuf/metadata/1.root.json").headers["Cache-Control"]
    for absent in ("2.root.json", "root.json", "1.nothing.json", "..%2F..%2Fkeys%2Fx.json", "../lock", "1.root.json/", "0.root.json"):
        assert ask("GET", f"/tuf/metadata/{absent}").status_code in (404, 308), absent


def test_targets_come_whole_or_in_stretches(trust):
    ask = trust.plane.as_("agent")
    whole = ask("GET", TARGET)
    assert (whole.data, whole.headers["ETag"], whole.headers["Content-Length"]) == (DATA, f'"{SHA}"', "13")
    rest = ask("GET", TARGET, Range="bytes=5-")
    assert (rest.status_code, rest.data, rest.headers["Content-Range"]) == (206, DATA[5:], "bytes 5-12/13")
    middle = ask("GET", TARGET, Range="bytes=2-4")
    assert (middle.status_code, middle.data, middle.headers["Content-Range"]) == (206, DATA[2:5], "bytes 2-4/13")
    beyond = ask("GET", TARGET, Range="bytes=13-")
    assert (beyond.status_code, beyond.headers["Content-Range"], beyond.content_type) == (416, "bytes */13", "application/problem+json")
    for odd in ("bytes=-3", "bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=0-"):
        assert (ask("GET", TARGET, Range=odd).status_code, ask("GET", TARGET, Range=odd).data) == (200, DATA), odd
    assert ask("GET", TARGET, If_None_Match=f'"{SHA}"').status_code == 304


def test_an_agent_gets_its_own_stores_bundles_alone(trust):
    two = f"/tuf/targets/stores/s-2/{hashlib.sha256(b'two').hexdigest()}.1.json"
    assert trust.plane.as_("agent")("GET", two).status_code == 404
    assert trust.plane.as_("viewer")("GET", two).data == b"two"
    assert trust.plane.as_("agent", "south")("GET", TARGET).status_code == 404
    assert trust.plane.as_("nobody")("GET", TARGET).status_code == 401


def test_a_vendor_gets_its_own_packages_and_no_bundles(trust):
    for vendor in ("acme", "bolt"):
        filename, data = wheel(name=f"{vendor}_carts", solution=f"{vendor}_cart")
        from storeloom.core.control.database import writing
        from storeloom.core.control.trust import packages

        packages.upload(trust.repository, vendor, filename, data)
        with writing(trust.plane.services.engine) as session:
            packages.submit(session, trust.repository, vendor, trust.signed({filename: data}, vendor=vendor), T0, "user:admin")
    ask = trust.plane.as_("vendor")
    acme, bolt = (wheel(name=f"{vendor}_carts", solution=f"{vendor}_cart") for vendor in ("acme", "bolt"))

    def place(vendor, made):
        return "/tuf/targets/" + names.hashed(names.package(vendor, made[0]), hashlib.sha256(made[1]).hexdigest())

    assert ask("GET", place("acme", acme)).data == acme[1]
    assert ask("GET", place("bolt", bolt)).status_code == 404 and ask("GET", TARGET).status_code == 404
    assert trust.plane.as_("agent")("GET", place("bolt", bolt)).data == bolt[1]
    assert ask("GET", "/tuf/metadata/1.vendors/acme.json").data == ask("GET", "/tuf/metadata/1.vendors%2Facme.json").data
    assert ask("GET", "/tuf/metadata/1.vendors/bolt.json").status_code == 404
    assert ask("GET", "/tuf/metadata/1.releases.json").status_code == 404
    assert trust.plane.as_("agent")("GET", "/tuf/metadata/1.releases.json").status_code == 200
    package = ask("GET", "/packages").json["items"][0]["id"]
    assert ask("DELETE", f"/packages/{package}").status_code == 204
    assert trust.plane.as_("agent")("GET", place("acme", acme)).status_code == 404


@pytest.mark.parametrize("path", ["stores/s-1/1.json", f"stores/s-1/{SHA[:-1]}.1.json", f"stores/../s-1/{SHA}.1.json", f"{SHA}.x", "x"])
def test_other_paths_are_not_there(trust, path):
    assert trust.plane.as_("viewer")("GET", f"/tuf/targets/{path}").status_code == 404


def test_the_agents_client_goes_through_the_api(trust, tmp_path):
    """Refresh, a bundle, a vendor's wheel: over HTTP, with the agent's token, resumed in the midst."""
    client, token = trust.plane.client, trust.plane.tokens["north", "agent"]

    def through(handler):
        answer = client.get(handler.path, headers=dict(handler.headers))
        head = {name.replace("-", "_"): value for name, value in answer.headers.items() if name in ("Content-Range", "ETag")}
        reply(handler, answer.data, answer.status_code, **head)

    filename, data = wheel()
    from storeloom.core.control.database import writing
    from storeloom.core.control.trust import packages

    packages.upload(trust.repository, "acme", filename, data)
    with writing(trust.plane.services.engine) as session:
        packages.submit(session, trust.repository, "acme", trust.signed({filename: data}), T0, "user:admin")
    pin(tmp_path / "tuf", trust.plane.services.root("north"))
    with served(through) as address:
        base = f"{address}{PREFIX}/tuf"
        agent = TufClient(tmp_path / "tuf", f"{base}/metadata", f"{base}/targets", token=lambda: token, now=lambda: trust.plane.clock[0])
        agent.refresh()
        part = tmp_path / "tuf" / "partial" / f"{SHA}.part"
        part.parent.mkdir()
        part.write_bytes(DATA[:7])
        assert agent.download("stores/s-1/1.json", tmp_path / "got").read_bytes() == DATA
        assert agent.download(names.package("acme", filename), tmp_path / "got").read_bytes() == data
        with pytest.raises(TrustFault) as caught:
            agent.download("stores/s-2/1.json", tmp_path / "got")
        assert caught.value.findings[0].code == "SL-TRU-08"


def test_the_server_signs_anew_by_itself(trust):
    from storeloom.core.control.trust.upkeep import sign_anew

    trust.plane.wait(hours=13)
    before = trust.repository.state().timestamp.signed
    sign_anew(trust.plane.services)
    after = trust.repository.state().timestamp.signed
    assert (after.version, after.expires > before.expires) == (before.version + 1, True)
