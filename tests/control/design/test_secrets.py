"""Secrets: only what is sealed to the store's own agent is kept; nothing of one is told, logged or noted; what lacks is named."""

import os

import pytest
from sqlmodel import select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent, SealedSecret
from storeloom.core.control.models.audit import AuditEntry
from storeloom.core.trust.seal import key_id, new_key, public_key, seal, to_text, unseal
from tests.control.conftest import profile
from tests.control.design.conftest import DEVICES

SECRET = b"hunter2-hunter2-hunter2"


@pytest.fixture
def key(designed, plane):
    private = new_key()
    with writing(plane.services.engine) as session:
        session.add(Agent(chain="north", store="a", public_key=public_key(private), enrolled=plane.clock[0]))
    return private


def put(ask, sealed, key_name, store="a", name="cam"):
    return ask("PUT", f"/stores/{store}/secrets/{name}", {"sealed": sealed, "key_id": key_name})


def test_a_secret_comes_sealed_and_only_its_agent_opens_it(designed, plane, key, caplog):
    told = designed.ask("GET", "/stores/a/agent-key").json
    assert told == {"store": "a", "public_key": to_text(public_key(key)), "key_id": key_id(public_key(key))}
    sealed = to_text(seal(SECRET, public_key(key)))
    assert put(designed.ask, sealed, told["key_id"]).json["version"] == 1
    assert put(designed.ask, to_text(seal(SECRET, public_key(key))), told["key_id"]).json["version"] == 2
    listed = designed.ask("GET", "/stores/a/secrets")
    assert [(one["name"], one["key_id"]) for one in listed.json["items"]] == [("cam", told["key_id"])]
    assert "sealed" not in listed.get_data(as_text=True) and "hunter2" not in caplog.text
    with reading(plane.services.engine) as session:
        row = session.get(SealedSecret, ("north", "a", "cam"))
        assert unseal(row.sealed, key) == SECRET and SECRET not in row.sealed
        assert session.get(Agent, ("north", "a")).desired_number == 2, "the agent is told anew"
        notes = [str(one.detail) for one in session.exec(select(AuditEntry).where(AuditEntry.action == "secret.put"))]
        assert len(notes) == 2 and not any(sealed[:20] in note or "hunter2" in note for note in notes)
    assert designed.ask("DELETE", "/stores/a/secrets/cam").status_code == 204
    assert designed.ask("DELETE", "/stores/a/secrets/cam").status_code == 404


def test_what_was_not_sealed_to_this_agent_is_refused(designed, key):
    mine, strange = key_id(public_key(key)), public_key(new_key())
    cases = {
        "SL-SEC-02": (to_text(seal(SECRET, strange)), key_id(strange)),
        "SL-SEC-03": (to_text(b"a password that is long enough to look like a sealed box, in the clear"), mine),
    }
    for code, (sealed, name) in cases.items():
        answer = put(designed.ask, sealed, name)
        assert (answer.json["findings"][0]["code"], "password" in answer.get_data(as_text=True)) == (code, False)
    for wrong in ("hunter2", to_text(os.urandom(48)), to_text(bytes(60))):
        assert put(designed.ask, wrong, mine).json["findings"][0]["code"] == "SL-SEC-03"
    assert put(designed.ask, cases["SL-SEC-02"][0], mine, store="b").json["findings"][0]["code"] == "SL-SEC-01"
    assert put(designed.ask, cases["SL-SEC-02"][0], mine, name="a b").status_code == 400


def test_check_and_plan_name_the_secrets_that_a_store_lacks(designed, plane, key):
    gateway = {"kind": "esl_gateway", "adapter": "http_labels", "settings": {"token": "hq_token"}}
    for store in ("a", "b"):
        row = designed.ask("GET", f"/stores/{store}")
        body = {**{name: row.json[name] for name in ("name", "ring")}, "profile": profile(store, devices={**DEVICES, "esl-1": gateway})}
        assert designed.ask("PUT", f"/stores/{store}", body, If_Match=row.headers["ETag"]).status_code == 200

    def lacking(store):
        return [one["code"] for one in designed.ask("GET", f"/stores/{store}/composition").json["findings"] if "SEC" in one["code"]]

    assert (lacking("a"), lacking("b"), lacking("c")) == (["SL-SEC-04"], ["SL-SEC-04"], [])
    made = designed.release()
    assert designed.plan(made).json["secrets"] == {"a": ["hq_token"], "b": ["hq_token"]}
    assert put(designed.ask, to_text(seal(SECRET, public_key(key))), key_id(public_key(key)), name="hq_token").status_code == 200
    assert lacking("a") == [] and designed.plan(made).json["secrets"] == {"b": ["hq_token"]}
    with writing(plane.services.engine) as session:
        row = session.get(Agent, ("north", "a"))
        row.public_key = public_key(new_key())
        session.add(row)
    assert lacking("a") == ["SL-SEC-05"], "the new agent cannot open what was sealed to the old one"
    assert designed.plan(made).json["secrets"] == {"a": ["hq_token"], "b": ["hq_token"]}


def test_the_token_of_the_way_up_is_the_agents_own(designed, key):
    designed.own("a", {"runtime": {"uplink": {"url": "https://hq.example/api", "token": "hq_token"}}}, 1)
    assert not [one for one in designed.ask("GET", "/stores/a/composition").json["findings"] if "SEC" in one["code"]]
    assert designed.plan(designed.release()).json["secrets"] == {}, "its agent puts it there, and renews it"
