"""Roll-outs over the real tables: stores by the protocol over bad lines, two servers at once, figures that fall, people's orders."""

import random
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import insert
from sqlmodel import select

from storeloom.core.bench.fleet_stores import Line, make_chain, make_release
from storeloom.core.control.agents import desired
from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.database import reading, writing
from storeloom.core.control.design.planning import plan_digest
from storeloom.core.control.models.agents import Agent, AgentReport
from storeloom.core.control.models.audit import AuditEntry
from storeloom.core.control.models.reports import Figure
from storeloom.core.control.models.rollouts import Rollout, RolloutEvent, Step, Wave
from storeloom.core.control.rollout import orders, ticker
from storeloom.core.control.rollout.strategy import Strategy, careful
from storeloom.core.control.services import Services
from tests.control.conftest import T0

CHAIN = "fleet"


class Fleet:
    """A chain whose stores all run `good-1`."""

    def __init__(self, plane, stores, bad=0.0, seed=1):
        self.plane, self.services = plane, plane.services
        self.names = [f"s-{at:04}" for at in range(stores)]
        self.line = Line(random.Random(seed), bad)
        with writing(self.services.engine) as session:
            self.agents = make_chain(session, CHAIN, self.names, T0)
            session.flush()
            for number, release in enumerate(("good-1", "good-2", "errs-3", "fails-4"), 1):
                make_release(session, CHAIN, release, number, self.names, T0)
            desired.aim(session, CHAIN, self.names, "good-1", 0, False)
        for _ in range(3):
            self.poll()
        self.line.bad = bad

    @property
    def now(self):
        return self.services.now()

    def poll(self, minutes=1.0):
        self.plane.wait(minutes=minutes)
        with writing(self.services.engine) as session:
            for agent in self.agents:
                agent.poll(session, self.line, self.now)

    def roll(self, release, strategy, start=True):
        with writing(self.services.engine) as session:
            digest = plan_digest(session, CHAIN, release)
            row = orders.create(session, CHAIN, "user:op", self.now, release, strategy, digest)
            if start:
                orders.start(session, row, "user:op", self.now)
            return row.id

    def order(self, rollout, order, **more):
        with writing(self.services.engine) as session:
            row = session.get(Rollout, (CHAIN, rollout), with_for_update=True)
            order(session, row, "user:op", self.now, **more)

    def run(self, polls, *servers, every=5.0):
        for _ in range(polls):
            self.poll(every)
            for server in servers or (self.services,):
                ticker.tick(server)

    def get(self, *what):
        with reading(self.services.engine) as session:
            return session.get(*what)

    def counts(self, rollout):
        with reading(self.services.engine) as session:
            found = {}
            for state in session.exec(select(Step.state).where(Step.rollout == rollout)):
                found[state] = found.get(state, 0) + 1
            return found


WAY = {"soak_s": 600, "health_s": 300, "looks": 2}


def test_all_stores_converge_within_three_polls_over_lines_that_lose_double_and_reorder(plane):
    fleet = Fleet(plane, 150, bad=0.1)
    with writing(fleet.services.engine) as session:
        desired.aim(session, CHAIN, fleet.names, "good-2", 0, False)
    for _ in range(3):
        fleet.poll()
    with reading(fleet.services.engine) as session:
        rows = session.exec(select(Agent).where(Agent.chain == CHAIN)).all()
        assert {(row.actual, row.state, row.told_number) for row in rows} == {("good-2", "good", 2)}
    fleet.line.bad = 0.0
    fleet.poll()
    with reading(fleet.services.engine) as session:
        for agent in fleet.agents:
            kept = session.exec(select(AgentReport.seq).where(AgentReport.chain == CHAIN, AgentReport.store == agent.store)).all()
            assert sorted(kept) == list(range(1, agent.seq + 1))  # none lost, none twice


def test_a_release_goes_over_all_stores_though_messages_are_lost(plane):
    fleet = Fleet(plane, 60, bad=0.1)
    rollout = fleet.roll("good-2", Strategy(waves=[{"name": "one", "percent": 10}, {"name": "all", "percent": 100}], **WAY))
    fleet.run(16)
    assert fleet.get(Rollout, (CHAIN, rollout)).state == "done" and fleet.counts(rollout) == {"done": 60}
    assert {agent.running for agent in fleet.agents} == {"good-2"}


@pytest.mark.parametrize(("release", "gate"), [pytest.param("errs-3", "errors", marks=pytest.mark.thorough), ("fails-4", "agents")])
def test_a_bad_release_is_caught_at_the_canary_and_comes_back(plane, release, gate):
    fleet = Fleet(plane, 100, bad=0.05)
    rollout = fleet.roll(release, Strategy(waves=[{"name": "canary", "percent": 6}, {"name": "all", "percent": 100}], **WAY))
    fleet.run(14)
    row = fleet.get(Rollout, (CHAIN, rollout))
    assert (row.state, row.reason["gate"]) == ("rolled_back", gate)
    assert fleet.counts(rollout) == {"taken_back": 6, "waiting": 94}
    assert {agent.running for agent in fleet.agents} == {"good-1"}
    with reading(fleet.services.engine) as session:
        kinds = session.exec(select(RolloutEvent.kind).where(RolloutEvent.rollout == rollout).order_by(RolloutEvent.seq)).all()
        actions = session.exec(select(AuditEntry.action).where(AuditEntry.chain == CHAIN).order_by(AuditEntry.seq)).all()
    assert kinds[:3] == ["create", "start", "wave_opened"] and kinds[-2:] == ["gate_failed", "rolled_back"]
    assert actions == ["rollout.create", "rollout.start", "rollout.rolling_back", "rollout.rolled_back"]


def test_of_two_servers_one_is_heeded_each_turn(plane):
    fleet = Fleet(plane, 40)
    other = Services(fleet.services.engine, fleet.services.folder, fleet.services.now)
    rollout = fleet.roll("good-2", Strategy(waves=[{"name": "one", "percent": 10}, {"name": "all", "percent": 100}], **WAY))
    stale = []
    real = ticker.keeping.apply

    def late(session, row, now_at, made, now):
        """The other server decides by the same picture, a moment later."""
        first = real(session, row, now_at, made, now)
        stale.append(real(session, row, now_at, made, now))
        return first

    ticker.keeping.apply = late
    try:
        fleet.run(16, fleet.services, other)
    finally:
        ticker.keeping.apply = real
    assert stale and not any(stale)
    assert fleet.counts(rollout) == {"done": 40}
    assert {agent.known for agent in fleet.agents} == {2}  # each was offered the release once


def figures(fleet, release_of, hours, harm):
    """Hourly sales; those that run the release sell `harm` less."""
    rng = np.random.default_rng(7)
    rows = []
    start = T0 - timedelta(days=14)
    for name in fleet.names:
        level = float(rng.lognormal(4, 0.5))
        for hour in range(14 * 24 + hours):
            at = start + timedelta(hours=hour)
            value = level * (1 + 0.1 * rng.standard_normal()) * (1 - harm * (release_of(name) and at >= T0 + timedelta(hours=1)))
            key = {"chain": CHAIN, "store": name, "instance": "till", "name": "sales", "span": "hour", "begins": at}
            rows.append({**key, "solution": "till", "unit": "CNY", "value": value, "weight": 1.0})
    with writing(fleet.services.engine) as session:
        session.connection().execute(insert(Figure), rows)


@pytest.mark.parametrize(("harm", "state"), [(0.2, "rolled_back"), pytest.param(0.0, "done", marks=pytest.mark.thorough)])
def test_figures_of_updated_stores_are_held_against_the_others(plane, harm, state):
    fleet = Fleet(plane, 30)
    gate = {"solution": "till", "name": "sales", "least_stores": 3}
    way = {"soak_s": 6 * 3600, "health_s": 300, "looks": 2, "figures": [gate], "errors": None}
    rollout = fleet.roll("good-2", Strategy(waves=[{"name": "some", "percent": 30}, {"name": "all", "percent": 100}], **way))
    with reading(fleet.services.engine) as session:
        first = set(session.exec(select(Step.store).where(Step.rollout == rollout, Step.wave == 0)))
    figures(fleet, lambda name: name in first, 30, harm)
    fleet.run(40, every=30)
    row = fleet.get(Rollout, (CHAIN, rollout))
    assert row.state == state, [(one, fleet.get(Wave, (CHAIN, rollout, one))) for one in (0, 1)]
    told = fleet.get(Wave, (CHAIN, rollout, 0)).verdict["looks"][-1]["gates"]["till/sales"]
    assert (told["treated"], told["controls"]) == (9, 21) and told["harm"] == pytest.approx(harm, abs=0.13)


def test_a_plan_that_drifted_is_refused_at_the_making_and_at_the_start(plane):
    fleet = Fleet(plane, 5)
    with pytest.raises(ApiFault) as drift, writing(fleet.services.engine) as session:
        orders.create(session, CHAIN, "user:op", fleet.now, "good-2", careful(), "sha256:" + "0" * 64)
    assert drift.value.status == 409
    rollout = fleet.roll("good-2", careful(), start=False)
    with writing(fleet.services.engine) as session:
        desired.aim(session, CHAIN, ["s-0001"], "errs-3", 0, False)
    with pytest.raises(ApiFault) as drift:
        fleet.order(rollout, orders.start)
    assert drift.value.findings[0].code == "SL-REL-05"
    assert fleet.get(Rollout, (CHAIN, rollout)).state == "planned"


def test_of_two_roll_outs_in_one_store_the_second_waits(plane):
    fleet = Fleet(plane, 5)
    first, second = fleet.roll("good-2", careful()), fleet.roll("errs-3", careful(), start=False)
    with pytest.raises(ApiFault) as busy:
        fleet.order(second, orders.start)
    assert busy.value.findings[0].code == "SL-ROL-05"
    fleet.order(first, orders.abort)
    fleet.order(second, orders.start)


def test_people_pause_resume_accept_and_take_back(plane):
    fleet = Fleet(plane, 40)
    waves = [{"name": "one", "percent": 10}, {"name": "half", "percent": 50}, {"name": "all", "percent": 100}]
    rollout = fleet.roll("good-2", Strategy(waves=waves, **WAY))
    fleet.run(1)
    fleet.order(rollout, orders.pause, note="wait")
    fleet.run(6)
    assert fleet.counts(rollout) == {"done": 4, "waiting": 36}
    fleet.order(rollout, orders.resume, accept=True)
    fleet.run(4)
    assert fleet.get(Wave, (CHAIN, rollout, 0)).verdict["by"] == "user:op"
    assert fleet.counts(rollout)["waiting"] == 20
    fleet.order(rollout, orders.roll_back)
    fleet.run(3)
    assert fleet.get(Rollout, (CHAIN, rollout)).state == "rolled_back"
    assert fleet.counts(rollout) == {"taken_back": 20, "waiting": 20}
    assert {agent.running for agent in fleet.agents} == {"good-1"}
    for order in (orders.start, orders.pause, orders.resume, orders.abort, orders.roll_back):
        with pytest.raises(ApiFault) as refused:
            fleet.order(rollout, order)
        assert refused.value.findings[0].code == "SL-ROL-03"
