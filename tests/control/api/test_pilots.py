"""A pilot project from its registration to its decision, over the API; figures as stores would have told them."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from storeloom.core.control.database import writing
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.reports import Figure
from tests.control.conftest import T0, profile

BEGINS, ENDS = date(2026, 1, 5), date(2026, 2, 15)
PILOTS, OTHERS = ["p-1", "p-2"], [f"s-{k}" for k in range(11, 19)]
GAIN = 60.0
PLAN = {
    "problem": "Shelves stand empty in the evening.",
    "solutions": ["shelf_gap_camera"],
    "metric": {"solution": "shelf_gap_camera", "name": "tasks_on_time"},
    "drivers": [{"solution": "shelf_gap_camera", "name": "median_gap"}],
}
ESTIMATE = {"effect": 50, "low": 0, "high": 90, "earned": 0.25, "one_off": 2000, "running": 100, "months": 12, "stores": 40}


def figures(session, gain: float) -> None:
    """Eighteen weeks of two figures: one, a sum that gains in pilot stores from the start on; the other, a mean that does not."""
    chance = np.random.default_rng(7)
    first, days = BEGINS - timedelta(weeks=12), 18 * 7
    course = np.cumsum(chance.normal(0, 3, days))
    for store in [*PILOTS, *OTHERS]:
        session.add(Store(chain="north", id=store, name=store, tags=[], profile=profile(store), created=T0, changed=T0))
        session.flush()
        level = 1000 + 200 * chance.random()
        for k in range(days):
            day = first + timedelta(days=k)
            more = gain if store in PILOTS and day >= BEGINS else 0.0
            common = {"chain": "north", "store": store, "instance": "gap", "span": "day", "solution": "shelf_gap_camera"}
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            sales = level + 40 * (k % 7) + course[k] + chance.normal(0, 15) + more
            session.add(
                Figure(**common, name="tasks_on_time", unit="count", how="sum", begins=at, day=day.isoformat(), value=sales, weight=1)
            )
            gaps = 20 * (5 + chance.normal(0, 0.5))
            session.add(Figure(**common, name="median_gap", unit="min", how="mean", begins=at, day=day.isoformat(), value=gaps, weight=20))


@pytest.fixture
def told(plane):
    """A chain whose stores have told their figures, and somebody who may write pilots."""
    with writing(plane.services.engine) as session:
        figures(session, GAIN)
    return plane.as_("operator")


def write(ask, path, version, body, method="PUT"):
    answer = ask(method, path, body, If_Match=f'"{version}"')
    assert answer.status_code < 300, answer.json
    return answer.json


def test_from_registration_to_decision(told, plane):
    made = told("POST", "/pilots", {"id": "gaps", "name": "Shelf gaps", "plan": PLAN})
    assert (made.status_code, made.json["step"], made.json["version"]) == (201, "registered", 1)
    one = write(told, "/pilots/gaps", 1, {"estimate": ESTIMATE})
    month = 365.25 / 12
    assert one["worth"]["cost"] == 40 * (2000 + 12 * 100)
    assert one["worth"]["gain"]["value"] == pytest.approx(40 * 12 * 0.25 * 50 * month)
    one = write(told, "/pilots/gaps/step", one["version"], {"to": "estimated"}, "POST")

    found = told("POST", "/pilots/gaps/comparables", {"stores": PILOTS, "begins": BEGINS.isoformat(), "each": 6}).json
    assert found["weeks"] == 12 and {like["treated"] for like in found["likeness"]} == set(PILOTS)
    assert {like["store"] for like in found["likeness"]} <= set(OTHERS) and "s-1" in found["left_out"]
    assert all(like["unlike"] == [] for like in found["likeness"])

    choice = {"stores": PILOTS, "comparables": OTHERS, "begins": BEGINS.isoformat(), "ends": ENDS.isoformat()}
    one = write(told, "/pilots/gaps", one["version"], {"choice": choice})
    one = write(told, "/pilots/gaps/step", one["version"], {"to": "reviewed"}, "POST")
    one = write(told, "/pilots/gaps/step", one["version"], {"to": "running"}, "POST")
    assert told("POST", "/pilots/gaps/notes", {"text": "Staff found the screen too bright."}).status_code == 201

    told_so = told("POST", "/pilots/gaps/evaluation").json["evaluation"]
    assert told_so["method"] == "did" and told_so["until"] == ENDS.isoformat() and told_so["days"] == 42
    assert told_so["effect"]["low"] < GAIN < told_so["effect"]["high"] and told_so["effect"]["low"] > 0
    assert told_so["synthetic"]["effect"]["value"] == pytest.approx(GAIN, abs=20)
    (driver,) = told_so["drivers"]
    assert driver["name"] == "shelf_gap_camera.median_gap" and driver["low"] < 0 < driver["high"]
    value = told_so["effect"]["value"]
    assert told_so["worth"]["net"]["value"] == pytest.approx(2 * (12 * 0.25 * value * month - 2000 - 1200))
    assert told_so["worth_of_all"]["gain"]["value"] == pytest.approx(20 * told_so["worth"]["gain"]["value"])

    one = told("GET", "/pilots/gaps").json
    one = write(told, "/pilots/gaps/step", one["version"], {"to": "evaluated"}, "POST")
    zh = plane.as_("viewer", lang="zh")("GET", "/pilots/gaps/report")
    assert zh.content_type.startswith("text/html") and "双重差分" in zh.text and zh.text.count("<svg") == 2
    one = write(told, "/pilots/gaps/decision", one["version"], {"kind": "roll_out", "reason": "It pays within the year."}, "POST")
    assert (one["step"], one["decision"]["kind"], one["decision"]["by"]) == ("decided", "roll_out", "user:operator")
    assert [note["text"] for note in one["notes"]] == ["Staff found the screen too bright."]
    said = [entry["action"] for entry in plane.as_("admin")("GET", "/audit?limit=500").json["items"] if entry["object"] == "gaps"]
    assert "pilot.evaluate" in said and "pilot.decide" in said


def test_the_report_shows_what_people_wrote_as_text(told):
    told("POST", "/pilots", {"id": "gaps", "name": "<script>alert(1)</script>", "plan": {**PLAN, "goal": "a < b"}})
    page = told("GET", "/pilots/gaps/report").text
    assert "<script" not in page and "&lt;script&gt;" in page and "a &lt; b" in page and "There is no evaluation yet." in page


def ready(told, choice=None):
    """A pilot that is reviewed."""
    told("POST", "/pilots", {"id": "gaps", "name": "Shelf gaps", "plan": PLAN})
    choice = choice or {"stores": PILOTS, "comparables": OTHERS, "begins": BEGINS.isoformat(), "ends": ENDS.isoformat()}
    one = write(told, "/pilots/gaps", 1, {"estimate": ESTIMATE, "choice": choice})
    for step in ("estimated", "reviewed"):
        one = write(told, "/pilots/gaps/step", one["version"], {"to": step}, "POST")
    return one


def test_a_next_round_keeps_this_one_and_chooses_anew(told):
    one = write(told, "/pilots/gaps/step", ready(told)["version"], {"to": "running"}, "POST")
    told("POST", "/pilots/gaps/evaluation")
    one = write(told, "/pilots/gaps/step", one["version"] + 1, {"to": "evaluated"}, "POST")
    one = write(told, "/pilots/gaps/decision", one["version"], {"kind": "next_round", "reason": "Once more in summer."}, "POST")
    assert (one["step"], one["round"], one["choice"], one["evaluation"]) == ("estimated", 2, None, None)
    assert one["rounds"][0]["evaluation"]["method"] == "did" and one["rounds"][0]["choice"]["stores"] == PILOTS


def test_a_change_while_an_evaluation_is_computed_refuses_it_and_a_note_does_not(told, monkeypatch):
    one = write(told, "/pilots/gaps/step", ready(told)["version"], {"to": "running"}, "POST")
    meanwhile = []

    def computed(*_):
        meanwhile.pop()()
        return {"method": "did"}

    monkeypatch.setattr("storeloom.core.control.api.pilots.evaluated", computed)
    meanwhile.append(lambda: told("POST", "/pilots/gaps/notes", {"text": "Rain."}))
    first = told("POST", "/pilots/gaps/evaluation")
    assert (first.status_code, first.json["evaluation"]["method"], len(first.json["notes"])) == (200, "did", 1)
    later = first.json["version"]
    meanwhile.append(lambda: write(told, "/pilots/gaps/step", later, {"to": "evaluated"}, "POST"))
    refused = told("POST", "/pilots/gaps/evaluation")
    assert (refused.status_code, codes(refused)) == (412, ["SL-API-13"]) and one["step"] == "running"


def codes(answer):
    return [finding["code"] for finding in answer.json["findings"]]


def test_steps_are_taken_one_by_one_and_what_is_missing_is_said(told):
    told("POST", "/pilots", {"id": "gaps", "name": "Shelf gaps", "plan": PLAN})
    refused = told("POST", "/pilots/gaps/step", {"to": "running"}, If_Match='"1"')
    assert (refused.status_code, codes(refused)) == (409, ["SL-PIL-02", "SL-PIL-03"])
    assert codes(told("POST", "/pilots/gaps/evaluation")) == ["SL-PIL-05"]
    assert codes(told("POST", "/pilots/gaps/decision", {"kind": "stop", "reason": "x"}, If_Match='"1"')) == ["SL-PIL-02"]


def test_what_it_is_judged_by_stands_fast_while_it_runs(told):
    one = write(told, "/pilots/gaps/step", ready(told)["version"], {"to": "running"}, "POST")
    other = {"stores": PILOTS[:1], "comparables": OTHERS, "begins": BEGINS.isoformat(), "ends": ENDS.isoformat()}
    refused = told("PUT", "/pilots/gaps", {"choice": other}, If_Match=f'"{one["version"]}"')
    assert (refused.status_code, codes(refused)) == (409, ["SL-PIL-01"])
    assert write(told, "/pilots/gaps", one["version"], {"name": "Gaps"})["name"] == "Gaps"


def test_it_cannot_run_before_its_first_day(told):
    choice = {"stores": PILOTS, "comparables": OTHERS, "begins": "2026-03-09", "ends": "2026-04-09"}
    refused = told("POST", "/pilots/gaps/step", {"to": "running"}, If_Match=f'"{ready(told, choice)["version"]}"')
    assert (refused.status_code, codes(refused)) == (409, ["SL-PIL-04"])


def test_stores_and_solutions_that_there_are_not_are_named(told):
    wrong = {**PLAN, "solutions": ["shelf_gap_camara"]}
    refused = told("POST", "/pilots", {"id": "gaps", "name": "Shelf gaps", "plan": wrong})
    assert (refused.status_code, codes(refused)) == (422, ["SL-API-05"])
    other = told("POST", "/pilots", {"id": "gaps", "name": "x", "plan": {**PLAN, "drivers": [{**PLAN["metric"], "name": "sales"}]}})
    assert [(one["code"], one["path"]) for one in other.json["findings"]] == [("SL-API-05", "body.plan.drivers")]
    told("POST", "/pilots", {"id": "gaps", "name": "Shelf gaps", "plan": PLAN})
    choice = {"stores": ["p-9"], "comparables": ["s-99"], "begins": BEGINS.isoformat(), "ends": ENDS.isoformat()}
    refused = told("PUT", "/pilots/gaps", {"choice": choice}, If_Match='"1"')
    assert [finding["path"] for finding in refused.json["findings"]] == ["body.choice.stores", "body.choice.comparables"]
    short = told("POST", "/pilots/gaps/comparables", {"stores": PILOTS, "begins": "2025-10-20"})
    assert short.status_code == 422 and codes(short)[0] == "SL-EXP-03"


def test_a_viewer_reads_and_does_not_write(told, plane):
    ready(told)
    assert plane.as_("viewer")("GET", "/pilots").json["items"][0]["id"] == "gaps"
    assert plane.as_("viewer")("POST", "/pilots/gaps/notes", {"text": "x"}).status_code == 403
    assert plane.as_("operator", "south")("GET", "/pilots/gaps").status_code == 404
