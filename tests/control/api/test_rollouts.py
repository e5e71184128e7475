"""Roll-outs over the API: planned by the plan that was seen, steered by who may, each chain's its own; real HTTP with a real server."""

import json
import threading
import urllib.request
from datetime import timedelta

from storeloom.core.bench.fleet_stores import make_chain, make_release, make_tokens
from storeloom.core.control.agents import desired
from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.serve import PREFIX, create_app
from storeloom.core.control.database import reading, writing
from storeloom.core.control.design.planning import plan_digest
from storeloom.core.control.identity.tokens import digest
from storeloom.core.control.rollout import ticker
from tests.control.conftest import T0

NAMES = [f"n-{at:02}" for at in range(20)]
WAY = {"waves": [{"name": "canary", "percent": 10}, {"name": "all", "percent": 100}], "soak_s": 60, "health_s": 0, "errors": None}


def fleet(plane):
    """Twenty stores of chain north that run r-1; r-2 is there."""
    with writing(plane.services.engine) as session:
        agents = make_chain(session, "north", NAMES, T0)
        session.flush()
        make_tokens(session, "north", NAMES, digest, T0)
        for number, release in ((1, "r-1"), (2, "r-2")):
            make_release(session, "north", release, number, NAMES, T0)
        desired.aim(session, "north", NAMES, "r-1", 0, False)
    return agents


def plan_of(plane, release="r-2"):
    with reading(plane.services.engine) as session:
        return plan_digest(session, "north", release)


def new(plane, **more):
    return {"release": "r-2", "strategy": WAY, "plan_digest": plan_of(plane), **more}


def test_a_roll_out_is_planned_started_steered_and_looked_at(plane):
    fleet(plane)
    ask = plane.as_("operator")
    made = ask("POST", "/rollouts", new(plane))
    assert (made.status_code, made.json["state"], made.json["stores"]) == (201, "planned", {"waiting": 20})
    assert [(one["name"], one["state"], one["stores"]) for one in made.json["waves"]] == [
        ("canary", "waiting", {"waiting": 2}),
        ("all", "waiting", {"waiting": 18}),
    ]
    at = made.headers["Location"].removeprefix(PREFIX)
    assert ask("POST", f"{at}/start").json["state"] == "running"
    ticker.tick(plane.services)
    assert ask("GET", at).json["stores"] == {"offered": 2, "waiting": 18}
    assert ask("GET", f"{at}/stores?state=offered&wave=0").json["items"][0]["before"] == "r-1"
    assert ask("POST", f"{at}/pause", {"note": "lunch"}).json["reason"]["note"] == "lunch"
    again = ask("POST", f"{at}/pause", {})
    assert (again.status_code, again.json["findings"][0]["code"]) == (409, "SL-ROL-03")
    assert ask("POST", f"{at}/resume", {}).json["state"] == "running"
    assert ask("POST", f"{at}/rollback", {}).json["state"] == "rolling_back"
    assert [one["kind"] for one in ask("GET", f"{at}/events").json["items"]] == [
        "create",
        "start",
        "wave_opened",
        "pause",
        "resume",
        "roll_back",
    ]
    assert [one["state"] for one in ask("GET", "/rollouts?state=rolling_back").json["items"]] == ["rolling_back"]


def test_what_is_wrong_is_told(plane):
    fleet(plane)
    ask = plane.as_("operator")
    drift = ask("POST", "/rollouts", new(plane, plan_digest="sha256:0"))
    assert (drift.status_code, drift.json["findings"][0]["code"]) == (409, "SL-REL-05")
    nothing = ask("POST", "/rollouts", new(plane, release="r-1", plan_digest=plan_of(plane, "r-1")))
    assert (nothing.status_code, nothing.json["findings"][0]["code"]) == (409, "SL-ROL-02")
    strange = ask("POST", "/rollouts", new(plane, strategy={"waves": [{"name": "x", "stores": ["n-99"]}]}))
    assert (strange.status_code, strange.json["findings"][0]["code"]) == (422, "SL-ROL-01")
    formless = ask("POST", "/rollouts", new(plane, strategy={"waves": [{"name": "x"}], "speed": 1}))
    assert formless.status_code == 400 and {one["path"] for one in formless.json["findings"]} == {
        "body.strategy.waves.0",
        "body.strategy.speed",
    }
    assert ask("POST", "/rollouts", new(plane, release="r-9")).status_code == 404


def test_who_may_what_and_another_chains_are_not_there(plane):
    fleet(plane)
    made = plane.as_("operator")("POST", "/rollouts", new(plane)).json["id"]
    for role in ("viewer", "integrator", "vendor", "agent"):
        assert plane.as_(role)("POST", f"/rollouts/{made}/start").status_code == 403
    assert plane.as_("viewer")("GET", f"/rollouts/{made}").status_code == 200
    stranger = plane.as_("admin", "south")
    for path in ("", "/stores", "/events"):
        assert stranger("GET", f"/rollouts/{made}{path}").status_code == 404
    for order in ("start", "pause", "resume", "abort", "rollback"):
        assert stranger("POST", f"/rollouts/{made}/{order}", None if order == "start" else {}).status_code == 404
    assert stranger("GET", "/rollouts").json["items"] == []


def test_stores_follow_a_roll_out_over_http(plane):
    from waitress.server import create_server

    agents = fleet(plane)
    server = create_server(create_app(plane.services, RESOURCES), host="127.0.0.1", port=0, threads=4)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    address = f"http://127.0.0.1:{server.effective_port}{PREFIX}"

    def ask(store, path, body=None, **headers):
        sent = {"Authorization": f"Bearer token-{store}", "Content-Type": "application/json", **headers}
        asked = urllib.request.Request(address + path, None if body is None else body.encode(), sent)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            assert error.code == 304
            return None

    try:
        for round_ in range(14):
            plane.wait(minutes=1)
            if round_ == 2:
                made = plane.as_("operator")("POST", "/rollouts", new(plane, start=True)).json["id"]
            for agent in agents:
                found = ask(agent.store, "/agent/desired", **{"If-None-Match": f'"{agent.known}"'})
                if found is not None:
                    from storeloom.core.trust.wire import Desired

                    agent._take(Desired.model_validate(found), plane.services.now())
                agent._go_on(plane.services.now())
                taken = ask(agent.store, "/agent/reports", agent.body().model_dump_json())["seq"]
                agent.waiting = [one for one in agent.waiting if one.seq > taken]
            ticker.tick(plane.services)
    finally:
        server.close()
        serving.join(5)
    assert plane.as_("viewer")("GET", f"/rollouts/{made}").json["stores"] == {"done": 20}
    assert {agent.running for agent in agents} == {"r-2"}
    assert plane.services.now() - T0 == timedelta(minutes=14)
