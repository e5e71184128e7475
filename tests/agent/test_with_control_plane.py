"""An agent and the real control plane: enrolment, a long poll, a release over TUF, reports and a new token, over HTTP."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from storeloom.core.agent.checking import Checked
from storeloom.core.agent.enrolling import enrol
from storeloom.core.agent.home import Home
from storeloom.core.agent.talking import Gatherer, Poller, Reporter
from storeloom.core.agent.working import make_agent
from storeloom.core.bench.fleet_stores import make_release
from storeloom.core.control.agents import desired, enrolment
from storeloom.core.control.api.resources import RESOURCES
from storeloom.core.control.api.serve import create_app
from storeloom.core.control.database import connect, make_tables, reading, writing
from storeloom.core.control.models.agents import Agent, AgentReport
from storeloom.core.control.services import Services
from tests.agent.doubles import SPANS, TIMES, PlayedStore, bundle_of
from tests.control import conftest
from tests.trust import made


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The control plane behind a real server; its chain north has a root of trust."""
    from waitress.server import create_server

    now = [datetime.now(UTC)]
    monkeypatch.setattr(conftest, "T0", now[0])
    monkeypatch.setattr(made, "T0", now[0])
    url = f"sqlite:///{tmp_path / 'control.db'}"
    engine = connect(url)
    make_tables(engine)
    tuf = made.Chain(tmp_path / "tuf")
    services = Services(engine, tmp_path / "control", lambda: now[0])
    monkeypatch.setattr(type(services), "trust", lambda self, chain: tuf.repository)
    app = create_app(services, RESOURCES)
    plane = conftest.Plane(services, app.test_client(), now)
    conftest.populate(plane)
    server = create_server(app, host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    yield plane, tuf, f"http://127.0.0.1:{server.effective_port}"
    server.close()
    engine.dispose()


def test_a_release_goes_from_the_control_plane_to_the_store_and_word_of_it_back(served, tmp_path):
    plane, tuf, url = served
    code = plane.as_("operator")("POST", "/stores/s-1/enrolment").json["code"]
    home = Home(tmp_path / "home")
    identity = enrol(home, url, code, now=datetime.now(UTC))
    assert (identity.chain, identity.store) == ("north", "s-1") and home.root_file.read_bytes() == tuf.repository.root_bytes(None)
    tuf.repository.publish({"stores/s-1/1.json": bundle_of("good", "s-1")})
    with writing(plane.services.engine) as session:
        make_release(session, "north", "spring", 1, ["s-1"], plane.clock[0])
        session.flush()
        desired.aim(session, "north", ["s-1"], "spring", 0, True)

    agent, line = make_agent(home, times=TIMES)
    store = PlayedStore(home, agent.parts.releases)
    agent.parts.store = agent._store = store
    agent.parts.check = lambda question: Checked(apart=True)
    poller, reporter = Poller(agent, line, agent.parts.pace, SPANS), Reporter(agent, line, agent.parts.pace, SPANS)
    poller.once()
    for _ in range(20):
        agent.step()
    assert agent.standing.state == "good", agent.standing
    Gatherer(agent, SPANS).once()
    reporter.once()
    assert not agent.journal.waiting()
    poller.once()
    with reading(plane.services.engine) as session:
        row = session.get(Agent, ("north", "s-1"))
        assert (row.state, row.actual, row.reported_seq) == ("good", "spring", 8)
        kinds = [one.kind for one in session.exec(select(AgentReport).order_by(AgentReport.seq))]
    assert kinds == ["state"] * 7 + ["health"]

    plane.clock[0] += (identity.expires - identity.issued) * 0.7
    agent.parts.now = lambda: plane.clock[0]
    reporter.once()
    assert home.identity().token != identity.token
    plane.clock[0] += timedelta(hours=2)
    agent.journal.report(agent.now(), "health", {"ok": True, "solutions": {}, "devices": {}})
    reporter.once()
    assert not agent.journal.waiting(), "the new token is taken"

    with writing(plane.services.engine) as session:
        code, _ = enrolment.new_code(session, "north", "s-1", "user:operator", plane.clock[0])
    enrol(home, url, code, now=plane.clock[0], again=True)
    agent.journal.close()
    again, line = make_agent(home, times=TIMES)
    assert again.standing.state == "good" and not again.journal.joined
    again.journal.report(plane.clock[0], "health", {"ok": True, "solutions": {}, "devices": {}})
    Reporter(again, line, again.parts.pace, SPANS).once()
    assert not again.journal.waiting() and again.journal.made == 1, "numbers begin anew with an enrolment"
