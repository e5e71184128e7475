"""Vendors' packages: uploaded, published by the vendor's signature alone, listed, withdrawn; each vendor sees its own."""

import hashlib
import json

import pytest
from tuf.api.metadata import Metadata

from storeloom.core.control.api.serve import PREFIX
from storeloom.core.control.trust import packages as rules
from storeloom.core.trust import names
from tests.control.trust.founded import Founded
from tests.control.trust.made_wheel import wheel


@pytest.fixture
def trust(plane, tmp_path):
    return Founded(plane, tmp_path / "keys")


def put(trust, path, data, role="vendor", chain="north", kind="application/octet-stream"):
    head = {"Authorization": f"Bearer {trust.plane.tokens[chain, role]}"}
    return trust.plane.client.put(PREFIX + path, data=data, content_type=kind, headers=head)


def upload(trust, vendor="acme", role="vendor", **more):
    filename, data = wheel(**more)
    answer = put(trust, f"/vendors/{vendor}/wheels/{filename}", data, role)
    return filename, data, answer


def publish(trust, metadata, vendor="acme", role="vendor"):
    return put(trust, f"/vendors/{vendor}/metadata", metadata, role, kind="application/json")


def test_a_wheel_is_uploaded_and_published_by_its_vendors_signature(trust):
    filename, data, answer = upload(trust)
    assert (answer.status_code, answer.json["solutions"], answer.json["sha256"]) == (200, ["acme_cart"], hashlib.sha256(data).hexdigest())
    ask = trust.plane.as_("vendor")
    assert ask("GET", "/packages").json["items"] == []
    waiting = {"waiting": [{"filename": filename, "sha256": answer.json["sha256"], "length": len(data)}]}
    assert ask("GET", "/vendors/acme/wheels").json == waiting and ask("GET", "/vendors/bolt/wheels").status_code == 404
    done = publish(trust, trust.signed({filename: data}))
    assert done.status_code == 200, done.json
    item = ask("GET", "/packages").json["items"][0]
    assert (item["target"], item["name"], list(item["solutions"])) == (f"packages/acme/{filename}", "acme-carts", ["acme_cart"])
    assert done.json["published"] == [item] and ask("GET", f"/packages/{item['id']}").json == item
    base = ask("GET", "/vendors/acme/metadata").data
    assert ask("GET", "/vendors/acme/wheels").json == {"waiting": []}
    second, newer, _ = upload(trust, version="1.1")
    assert publish(trust, trust.signed({second: newer}, base=base)).status_code == 200
    assert {one["version"] for one in ask("GET", "/packages").json["items"]} == {"1.0", "1.1"}
    again = publish(trust, trust.repository.load("vendors/acme", 2).to_bytes())
    assert (again.status_code, again.json) == (200, {"published": []})


def test_all_that_is_wrong_with_metadata_is_told_at_once(trust):
    filename, data, _ = upload(trust)
    bad = Metadata.from_bytes(trust.signed({filename: data, "ghost-1.0-py3-none-any.whl": b"?"}, days=-1))
    bad.signed.version = 3
    bad.signed.targets[names.package("bolt", "b-1.0-py3-none-any.whl")] = bad.signed.targets[names.package("acme", filename)]
    from storeloom.core.control.trust.keys import read_signer

    bad.sign(read_signer(trust.keys / "north" / "acme.pem"))
    answer = publish(trust, bad.to_bytes())
    assert answer.status_code == 422
    assert [one["code"] for one in answer.json["findings"]] == ["SL-TRU-16", "SL-TRU-16", "SL-TRU-20"]
    missing = publish(trust, trust.signed({filename: data, "ghost-1.0-py3-none-any.whl": b"?"}))
    assert [one["code"] for one in missing.json["findings"]] == ["SL-TRU-22"]
    assert trust.repository.state().version("vendors/acme") == 0
    assert publish(trust, b'{"signed": 1}').json["findings"][0]["code"] == "SL-TRU-10"


def test_another_vendors_signature_is_refused(trust):
    filename, data, _ = upload(trust)
    forged = publish(trust, trust.signed({filename: data}, by="bolt"))
    assert (forged.status_code, forged.json["findings"][0]["code"]) == (422, "SL-TRU-15")
    unsigned = Metadata.from_bytes(trust.signed({filename: data}))
    unsigned.signatures.clear()
    assert publish(trust, unsigned.to_bytes()).json["findings"][0]["code"] == "SL-TRU-15"
    assert trust.plane.as_("admin")("GET", "/packages").json["items"] == []


def test_a_published_file_never_changes(trust):
    filename, data, _ = upload(trust)
    publish(trust, trust.signed({filename: data}))
    base = trust.plane.as_("vendor")("GET", "/vendors/acme/metadata").data
    _, other, _ = upload(trust, solution="other_cart")
    forgetful = Metadata.from_bytes(base)
    forgetful.signed.targets.clear()
    answer = publish(trust, trust.signed({filename: other}, base=forgetful.to_bytes()))
    assert [one["code"] for one in answer.json["findings"]] == ["SL-TRU-19"]


def test_a_vendor_sees_its_own_alone(trust):
    filename, data, answer = upload(trust, vendor="bolt", role="admin", name="bolt_bots", solution="bolt_bot")
    assert answer.status_code == 200
    assert publish(trust, trust.signed({filename: data}, vendor="bolt"), vendor="bolt", role="admin").status_code == 200
    mine = trust.plane.as_("vendor")
    bolts = trust.plane.as_("viewer")("GET", "/packages").json["items"][0]["id"]
    assert mine("GET", "/packages").json["items"] == [] and mine("GET", "/packages?vendor=bolt").json["items"] == []
    assert mine("GET", f"/packages/{bolts}").status_code == 404 and mine("DELETE", f"/packages/{bolts}").status_code == 404
    assert mine("GET", "/vendors/bolt/metadata").status_code == 404
    assert upload(trust, vendor="bolt")[2].status_code == 404
    assert publish(trust, trust.signed({}, vendor="bolt"), vendor="bolt").status_code == 404
    assert trust.plane.as_("admin", "south")("GET", f"/packages/{bolts}").status_code == 404
    assert trust.plane.as_("admin", "south")("GET", "/packages").json["items"] == []


def test_a_package_is_withdrawn_by_its_vendor_or_the_chain(trust):
    first, data, _ = upload(trust)
    second, newer, _ = upload(trust, version="1.1")
    publish(trust, trust.signed({first: data, second: newer}))
    ask = trust.plane.as_("vendor")
    base = ask("GET", "/vendors/acme/metadata").data
    only = Metadata.from_bytes(base)
    del only.signed.targets[names.package("acme", first)]
    assert publish(trust, trust.signed({}, base=only.to_bytes())).status_code == 200
    assert [one["filename"] for one in ask("GET", "/packages").json["items"]] == [second]
    left = ask("GET", "/packages").json["items"][0]["id"]
    assert trust.plane.as_("viewer")("DELETE", f"/packages/{left}").status_code == 403
    assert trust.plane.as_("admin")("DELETE", f"/packages/{left}").status_code == 204
    assert trust.plane.as_("admin")("DELETE", f"/packages/{left}").status_code == 204
    assert ask("GET", "/packages").json["items"] == [] and len(ask("GET", "/packages?withdrawn=true").json["items"]) == 2


def test_a_wheel_that_is_none_is_refused_and_none_of_its_code_runs(trust):
    answer = put(trust, "/vendors/acme/wheels/a-1.0-py3-none-any.whl", b"nothing")
    assert (answer.status_code, answer.json["findings"][0]["code"]) == (422, "SL-TRU-21")
    assert upload(trust)[2].status_code == 200  # its __init__ would end the process
    assert put(trust, "/vendors/acme/wheels/a-1.0-py3-none-any.whl", b"", kind="text/plain").status_code == 415


def test_what_waits_is_bounded_and_only_admitted_vendors_upload(trust, monkeypatch):
    monkeypatch.setattr(rules, "WAITING", 2)
    codes = [upload(trust, version=f"1.{number}")[2].status_code for number in range(3)]
    assert codes == [200, 200, 422]
    filename, data, stranger = upload(trust, vendor="corp", role="admin")
    assert (stranger.status_code, stranger.json["findings"][0]["code"]) == (422, "SL-TRU-16")
    answer = publish(trust, trust.signed({filename: data}, vendor="corp", by="acme"), vendor="corp", role="admin")
    assert (answer.status_code, answer.json["findings"][0]["code"]) == (422, "SL-TRU-16")


def test_a_chain_without_a_repository_says_so(plane):
    filename, data = wheel()
    head = {"Authorization": f"Bearer {plane.tokens['north', 'vendor']}"}
    answer = plane.client.put(f"{PREFIX}/vendors/acme/wheels/{filename}", data=data, content_type="application/octet-stream", headers=head)
    assert (answer.status_code, answer.json["findings"][0]["code"]) == (422, "SL-TRU-17")
    assert plane.as_("agent")("GET", "/tuf/metadata/timestamp.json").status_code == 404
    assert plane.as_("vendor")("GET", "/vendors/acme/metadata").status_code == 422


def test_a_death_between_repository_and_rows_is_made_good_by_the_same_request(trust, monkeypatch):
    filename, data, _ = upload(trust)
    metadata = trust.signed({filename: data})
    commit = trust.repository.commit
    monkeypatch.setattr(trust.repository, "commit", lambda *words, **more: (commit(*words, **more), 1 / 0))
    assert publish(trust, metadata).status_code == 500
    monkeypatch.undo()
    assert trust.plane.as_("vendor")("GET", "/packages").json["items"] == []
    assert trust.repository.state().version("vendors/acme") == 1
    assert len(publish(trust, metadata).json["published"]) == 1
    assert json.loads(rules.current(trust.repository, "acme"))["signed"]["version"] == 1


def test_what_was_done_stands_in_the_audit_log(trust):
    from sqlmodel import select

    from storeloom.core.control.database import reading
    from storeloom.core.control.models.audit import AuditEntry

    filename, data, _ = upload(trust)
    publish(trust, trust.signed({filename: data}))
    package = trust.plane.as_("vendor")("GET", "/packages").json["items"][0]["id"]
    trust.plane.as_("vendor")("DELETE", f"/packages/{package}")
    with reading(trust.plane.services.engine) as session:
        said = [(one.action, one.object, one.actor) for one in session.exec(select(AuditEntry).order_by(AuditEntry.seq))]
    target = f"packages/acme/{filename}"
    assert said == [("package.publish", target, "user:vendor"), ("package.withdraw", target, "user:vendor")]
