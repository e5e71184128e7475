"""Templates, overlays and stores on them: every revision kept, every value explained, template changes merged, nothing silently lost."""

import pytest

from tests.control.conftest import profile

BASIC = {"solutions": {"entrance_traffic": {"config": {}}, "esl_price_sync": {"config": {"rise_lead_s": 300}}}}
DEVICES = {"cam-1": {"kind": "camera"}, "esl-1": {"kind": "esl_gateway"}, "till-1": {"kind": "pos"}}


@pytest.fixture
def ask(plane):
    ask = plane.as_("integrator")
    assert ask("POST", "/stores", {"id": "s-2", "name": "Second", "profile": profile("s-2", devices=DEVICES)}).status_code == 201
    body = {"name": "First", "profile": profile("s-1", devices=DEVICES)}
    assert ask("PUT", "/stores/s-1", body, If_Match='"1"').status_code == 200
    assert write(ask, "basic", "template", BASIC).status_code == 201
    return ask


def write(ask, name, level, body, **more):
    return ask("POST", "/designs", {"id": name, "level": level, "name": name, "body": body, **more})


def build(ask, store="s-1", **more):
    return ask("POST", f"/stores/{store}/design", {"template": "basic", **more})


def own(**config):
    return {"solutions": {"esl_price_sync": {"config": config}}}


def codes(answer):
    return [one["code"] for one in answer.json["findings"]]


def test_every_revision_is_kept_and_nobodys_change_is_lost(ask):
    changed = {"name": "Basic", "body": {"solutions": {"entrance_traffic": {}}}, "note": "fewer"}
    assert ask("PUT", "/designs/basic", changed, If_Match='"1"').json["version"] == 2
    late = ask("PUT", "/designs/basic", changed, If_Match='"1"')
    assert (late.status_code, codes(late), late.headers["ETag"]) == (412, ["SL-API-13"], '"2"')
    revisions = ask("GET", "/designs/basic/revisions").json["items"]
    assert [(one["version"], one["body"], one["note"]) for one in revisions] == [(1, BASIC, ""), (2, changed["body"], "fewer")]
    assert ask("GET", "/designs?level=template").json["items"][0]["version"] == 2
    assert ask("GET", "/designs?level=region").json["items"] == []


def test_what_cannot_be_a_design_is_refused_with_every_finding(ask):
    wrong = write(ask, "odd", "region", {"store": {}, "solutions": {"a": 1}, "colour": "red"}, target="nowhere", template="none")
    assert wrong.status_code == 422
    assert {(one["code"], one["path"]) for one in wrong.json["findings"]} == {
        ("SL-API-05", "body.target"),
        ("SL-API-05", "body.template"),
        ("SL-DSG-01", "body.body.store"),
        ("SL-CFG-01", "body.body.solutions.a"),
        ("SL-CFG-02", "body.body.colour"),
    }
    assert codes(write(ask, "t", "template", {}, target="mall")) == ["SL-DSG-02"]
    assert codes(write(ask, "basic", "template", {})) == ["SL-API-12"]
    told = ask("POST", "/design-checks", {"level": "template", "body": own(rise_lead_s=-1, colour=1)}).json
    assert told["ok"] is False
    assert {(one["code"], one["path"], one["file"], one["line"]) for one in told["findings"]} == {
        ("SL-CFG-02", "solutions.esl_price_sync.config.colour", "template", None),
        ("SL-CFG-03", "solutions.esl_price_sync.config.rise_lead_s", "template", None),
    }


def test_layers_lie_over_one_another_and_each_value_tells_whose_it_is(plane, ask):
    from storeloom.core.control.database import writing
    from storeloom.core.control.models.fleet import Region

    with writing(plane.services.engine) as session:
        session.add(Region(chain="north", id="china", name="China"))
        session.flush()
        session.add(Region(chain="north", id="east", name="East", parent="china"))
    place = {"name": "First", "region": "east", "profile": profile("s-1", devices=DEVICES)}
    assert ask("PUT", "/stores/s-1", place, If_Match='"2"').status_code == 200
    assert write(ask, "supers", "format", own(rise_lead_s=400), target="supermarket").status_code == 201
    assert write(ask, "cn", "region", own(rise_lead_s=500), target="china").status_code == 201
    assert write(ask, "e", "region", own(rise_lead_s=600), target="east", template="basic").status_code == 201
    assert write(ask, "other", "template", BASIC).status_code == 201
    assert write(ask, "not-ours", "region", own(rise_lead_s=999), target="east", template="other").status_code == 201
    assert build(ask, own=own(rise_lead_s=700)).status_code == 201
    told = ask("GET", "/stores/s-1/explain?path=/solutions/esl_price_sync/config/rise_lead_s").json["values"]
    assert [(one["path"], one["value"], one["origin"]) for one in told] == [
        ("/solutions/esl_price_sync/config/rise_lead_s", 700, {"level": "store", "design": "s-1", "revision": 1, "value": 700})
    ]
    levels = [(one["level"], one["design"], one["revision"], one["value"]) for one in told[0]["overrode"]]
    assert levels[0][0] == "default" and levels[1:] == [
        ("template", "basic", 1, 300),
        ("format", "supers", 1, 400),
        ("region", "cn", 1, 500),
        ("region", "e", 1, 600),
    ]
    composed = ask("GET", "/stores/s-1/composition").json
    assert composed["layers"] == [
        "default", "template basic rev 1", "format supers rev 1", "region cn rev 1", "region e rev 1", "store s-1 rev 1",
    ]  # fmt: skip
    reset = {"path": "/solutions/esl_price_sync/config/rise_lead_s"}
    back = ask("POST", "/stores/s-1/design/reset", reset, If_Match='"1"')
    assert (back.json["own"], back.json["version"]) == ({}, 2)
    again = ask("GET", "/stores/s-1/explain?path=/solutions/esl_price_sync/config/rise_lead_s").json["values"][0]
    assert (again["value"], again["origin"]["design"]) == (600, "e")
    assert codes(ask("POST", "/stores/s-1/design/reset", reset, If_Match='"2"')) == ["SL-DSG-06"]
    assert ask("DELETE", "/designs/e", If_Match='"1"').status_code == 204
    assert ask("GET", "/stores/s-1/explain?path=/solutions/esl_price_sync/config/rise_lead_s").json["values"][0]["value"] == 500
    kept = ask("GET", "/stores/s-1/design/revisions").json["items"]
    assert [one["own"] for one in kept] == [own(rise_lead_s=700), {}]


def test_a_store_is_composed_with_findings_that_name_their_layer(ask):
    assert write(ask, "bad", "format", own(rise_lead_s="soon"), target="supermarket").status_code == 201
    assert build(ask).status_code == 201
    told = ask("GET", "/stores/s-1/composition").json
    faults = [one for one in told["findings"] if one["severity"] == "error"]
    assert [(one["code"], one["path"], one["file"], one["line"]) for one in faults] == [
        ("SL-CFG-01", "solutions.esl_price_sync.config.rise_lead_s", "format bad rev 1", None)
    ]
    assert told["ok"] is False
    assert told["solutions"]["entrance_traffic"]["devices"] == {"camera": ["cam-1"]}
    assert {"source": "device:camera", "stream": "camera.frame", "target": "entrance_traffic", "needed": True} in told["wiring"]


def test_a_templates_change_reaches_stores_by_merge_and_conflicts_wait_for_a_choice(ask):
    assert build(ask, own=own(rise_lead_s=900)).status_code == 201
    assert build(ask, "s-2").status_code == 201
    newer = {"solutions": {"esl_price_sync": {"config": {"rise_lead_s": 200}}}}
    assert ask("PUT", "/designs/basic", {"name": "Basic", "body": newer}, If_Match='"1"').status_code == 200
    assert ask("GET", "/stores/s-1/design").json["template_version"] == 1, "a store stays where it is until it is moved"
    told = ask("GET", "/stores/s-1/design/move?to=2").json
    at = "/solutions/esl_price_sync/config/rise_lead_s"
    assert told["conflicts"] == [{"path": at, "base": 300, "theirs": 200, "ours": 900, "absent": []}]
    moved = ask("POST", "/designs/basic/moves", {"to": 2}).json
    assert moved["moved"] == ["s-2"] and list(moved["conflicts"]) == ["s-1"]
    refused = ask("POST", "/stores/s-1/design/move", {"to": 2}, If_Match='"1"')
    assert (refused.status_code, codes(refused)) == (409, ["SL-DSG-05"])
    assert "900" in refused.json["detail"] and "200" in refused.json["detail"]
    strange = {"to": 2, "choices": [{"path": "/solutions", "take": "ours"}]}
    assert codes(ask("POST", "/stores/s-1/design/move", strange, If_Match='"1"')) == ["SL-DSG-07"]
    took = ask("POST", "/stores/s-1/design/move", {"to": 2, "choices": [{"path": at, "take": "ours"}]}, If_Match='"1"').json
    assert (took["template_version"], took["own"]) == (2, own(rise_lead_s=900))
    assert list(ask("GET", "/stores/s-1/composition").json["solutions"]) == ["esl_price_sync"]
    assert codes(ask("GET", "/stores/s-1/design/move?to=9")) == ["SL-DSG-03"]


def test_a_retired_template_takes_no_new_store(ask):
    assert build(ask).status_code == 201
    assert codes(build(ask)) == ["SL-API-12"]
    assert ask("DELETE", "/designs/basic", If_Match='"1"').status_code == 204
    assert codes(build(ask, "s-2")) == ["SL-DSG-08"]
    assert ask("GET", "/stores/s-1/composition").status_code == 200
    assert codes(ask("GET", "/stores/s-2/composition")) == ["SL-DSG-04"]
    assert codes(ask("GET", "/stores/s-9/composition")) == ["SL-API-05"]


def test_the_catalogue_is_paged_and_searched(ask):
    found = ask("GET", "/catalogue/solutions?search=entrance&limit=500").json["items"]
    assert "entrance_traffic" in [one["id"] for one in found]
    whole = ask("GET", "/catalogue/solutions/esl_price_sync").json
    assert whole["config"]["properties"]["rise_lead_s"]["default"] >= 1 and whole["adapters"]
    first = ask("GET", "/catalogue/adapters?limit=2").json
    second = ask("GET", f"/catalogue/adapters?limit=2&after={first['next']}").json
    assert len({one["id"] for one in first["items"] + second["items"]}) == 4
    assert ask("GET", "/catalogue/solutions/none").status_code == 404
    assert {"camera", "pos"} <= {one["kind"] for one in ask("GET", "/catalogue/kinds?limit=500").json["items"]}


def test_the_stores_on_a_template_are_listed_without_their_own_layers(plane):
    ask = plane.as_("integrator")
    for name in ("one", "two"):
        ask("POST", "/designs", {"id": name, "level": "template", "name": name, "body": {"solutions": {}}})
    ask("POST", "/stores", {"id": "s-2", "name": "Second", "profile": profile("s-2")})
    ask("POST", "/stores", {"id": "s-3", "name": "Third", "profile": profile("s-3")})
    for store, template in (("s-1", "one"), ("s-3", "two")):
        assert ask("POST", f"/stores/{store}/design", {"template": template}).status_code == 201
    listed = plane.as_("viewer")("GET", "/store-designs").json["items"]
    assert [(one["store"], one["template"], one["template_version"]) for one in listed] == [("s-1", "one", 1), ("s-3", "two", 1)]
    assert "own" not in listed[0]
    assert [one["store"] for one in ask("GET", "/store-designs?template=two").json["items"]] == ["s-3"]
    assert plane.as_("integrator", "south")("GET", "/store-designs").json["items"] == []
