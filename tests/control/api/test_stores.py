"""Stores: added, read, changed by who may, each in its own chain, nobody's change lost."""

from tests.control.conftest import profile


def new(store="s-2", **more):
    return {"id": store, "name": "Second", "profile": profile(store), **more}


def test_a_store_is_added_read_changed_and_closed(plane):
    ask = plane.as_("integrator")
    added = ask("POST", "/stores", new(tags=["city"], window={"begins": "22:30", "until": "05:00"}))
    assert (added.status_code, added.headers["ETag"], added.headers["Location"]) == (201, '"1"', "/api/v1/stores/s-2")
    assert added.json["window"] == {"begins": "22:30", "until": "05:00", "weekdays": [1, 2, 3, 4, 5, 6, 7]}
    assert ask("GET", "/stores/s-2").json == added.json
    plane.wait(minutes=1)
    change = {key: value for key, value in new(name="Other").items() if key != "id"}
    changed = ask("PUT", "/stores/s-2", change, If_Match='"1"')
    assert (changed.status_code, changed.json["name"], changed.json["version"], changed.headers["ETag"]) == (200, "Other", 2, '"2"')
    assert ask("DELETE", "/stores/s-2", If_Match='"2"').status_code == 204
    assert ask("GET", "/stores/s-2").json["closed"] == "2026-03-02T10:01:00Z"


def test_a_change_of_what_was_changed_meanwhile_is_refused(plane):
    ask = plane.as_("integrator")
    body = {"name": "One", "profile": profile("s-1")}
    assert ask("PUT", "/stores/s-1", body).status_code == 428
    assert ask("PUT", "/stores/s-1", body, If_Match='"1"').status_code == 200
    late = ask("PUT", "/stores/s-1", body, If_Match='"1"')
    assert (late.status_code, late.headers["ETag"], late.json["findings"][0]["code"]) == (412, '"2"', "SL-API-13")


def test_all_that_is_wrong_with_a_store_is_told_at_once(plane):
    wrong = new(region="nowhere", profile={**profile("s-9"), "zone": 7, "colour": "red"})
    answer = plane.as_("admin")("POST", "/stores", wrong)
    assert answer.status_code == 422 and answer.content_type == "application/problem+json"
    assert [one["path"] for one in answer.json["findings"]] == [
        "body.profile.zone",
        "body.profile.colour",
        "body.profile.store",
        "body.region",
    ]
    formless = plane.as_("admin")("POST", "/stores", {"id": "S 2", "profile": 1, "ring": 12})
    assert formless.status_code == 400
    assert {one["path"] for one in formless.json["findings"]} == {"body.id", "body.name", "body.profile", "body.ring"}


def test_pages_go_through_all_stores_once(plane):
    ask = plane.as_("integrator")
    for number in range(2, 8):
        assert ask("POST", "/stores", new(f"s-{number}", ring=number % 2)).status_code == 201
    seen, after = [], ""
    while after is not None:
        page = ask("GET", f"/stores?limit=3&after={after}" if after else "/stores?limit=3").json
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
    assert seen == [f"s-{number}" for number in range(1, 8)]
    assert [one["id"] for one in ask("GET", "/stores?ring=0").json["items"]] == ["s-2", "s-4", "s-6"]
    assert [one["id"] for one in ask("GET", "/stores?tag=city").json["items"]] == ["s-1"]
    assert ask("GET", "/stores?after=bm9uZQ").json["findings"][0]["code"] == "SL-API-04"


def test_another_chains_stores_are_not_there(plane):
    assert plane.as_("admin")("POST", "/stores", new()).status_code == 201
    stranger = plane.as_("admin", "south")
    assert stranger("GET", "/stores/s-2").status_code == 404
    assert stranger("PUT", "/stores/s-2", {"name": "x", "profile": profile("s-2")}, If_Match='"1"').status_code == 404
    assert stranger("DELETE", "/stores/s-2", If_Match='"1"').status_code == 404
    assert [one["id"] for one in stranger("GET", "/stores").json["items"]] == ["s-1"]
    assert stranger("POST", "/stores", new()).status_code == 201


def test_who_may_what(plane):
    for role, status in (("viewer", 403), ("vendor", 403), ("agent", 403), ("operator", 201)):
        assert plane.as_(role)("POST", "/stores", new()).status_code == status
    nobody = plane.as_("nobody")("GET", "/stores")
    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, 'Bearer realm="storeloom"')
    plane.wait(hours=13)
    assert plane.as_("viewer")("GET", "/stores").status_code == 401


def test_a_request_sent_again_is_carried_out_once(plane):
    ask = plane.as_("integrator")
    first = ask("POST", "/stores", new(), Idempotency_Key="k1")
    again = ask("POST", "/stores", new(), Idempotency_Key="k1")
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert ask("POST", "/stores", new()).status_code == 409
    assert ask("POST", "/stores", new("s-3"), Idempotency_Key="k1").json["findings"][0]["code"] == "SL-API-07"


def test_a_zone_that_nobody_knows_is_refused(plane):
    answer = plane.as_("admin")("POST", "/stores", new(profile={**profile("s-2"), "zone": "Mars/Olympus"}))
    assert [(one["path"], one["code"]) for one in answer.json["findings"]] == [("body.profile.zone", "SL-CFG-03")]
