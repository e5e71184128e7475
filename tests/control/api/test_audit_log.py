"""Every deed is in the log, and none can be changed, left out or put in between unseen."""

import pytest
from sqlalchemy import text

from storeloom.core.control.database import writing
from tests.control.conftest import profile


@pytest.fixture
def deeds(plane):
    for number in range(2, 6):
        body = {"id": f"s-{number}", "name": "x", "profile": profile(f"s-{number}")}
        assert plane.as_("integrator")("POST", "/stores", body).status_code == 201
    return plane


def change(plane, words):
    with writing(plane.services.engine) as session:
        session.execute(text(words))


def verified(plane):
    return plane.as_("operator")("GET", "/audit/verify").json


def test_what_was_done_stands_there_bound_together(deeds):
    found = deeds.as_("admin")("GET", "/audit?action=store.add&limit=2").json
    assert [(one["seq"], one["actor"], one["object"]) for one in found["items"]] == [
        (1, "user:integrator", "s-2"),
        (2, "user:integrator", "s-3"),
    ]
    assert found["items"][1]["previous"] == found["items"][0]["hash"]
    last = deeds.as_("admin")("GET", "/audit?actor=user:integrator").json["items"][-1]
    assert verified(deeds) == {"ok": True, "entries": 4, "head": last["hash"], "faults": []}
    assert deeds.as_("admin", "south")("GET", "/audit").json["items"] == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("UPDATE audit_entry SET object = 's-9' WHERE seq = 2", "2: changed"),
        ("DELETE FROM audit_entry WHERE seq = 2", "2: missing, 3 follows"),
        ("UPDATE audit_entry SET previous = hash WHERE seq = 3", "3: not bound to the entry before"),
    ],
)
def test_a_log_that_was_touched_says_so(deeds, words, fault):
    change(deeds, words)
    found = verified(deeds)
    assert not found["ok"] and found["faults"][0] == fault


def test_who_may_read_it(deeds):
    for role, status in (("viewer", 403), ("integrator", 403), ("operator", 200)):
        assert deeds.as_(role)("GET", "/audit").status_code == status


def test_a_refused_deed_leaves_no_entry(deeds):
    assert deeds.as_("integrator")("POST", "/stores", {"id": "s-2", "name": "x", "profile": profile("s-2")}).status_code == 409
    assert verified(deeds)["entries"] == 4
