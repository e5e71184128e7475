"""Retention: what is older than a chain wants kept goes, never what is younger; over a year the database stays as large as its span."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func
from sqlmodel import select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent, AgentReport
from storeloom.core.control.models.received import Position, ReceivedEvent, UploadGap
from storeloom.core.control.models.reports import Alert, Figure, FigureSum, Retention
from storeloom.core.control.reports import figures, retention, sums
from tests.control.conftest import CHAINS, T0
from tests.control.reports.test_figures import row

KEPT = {"events": 10, "hours": 20, "days": 100, "reports": 5, "alerts": 40}


def keep_settings(plane, chain="north", **days):
    with writing(plane.services.engine) as session:
        session.add(Retention(chain=chain, **{**KEPT, **days}))


def enrol(plane):
    with writing(plane.services.engine) as session:
        for chain in CHAINS:
            session.add(Agent(chain=chain, store="s-1", public_key=b"k", enrolled=T0))
            session.add(Position(chain=chain, store="s-1", reported=T0))


def a_day(plane, number, chain="north"):
    """What a small store tells on a day: an event, a gap, two figures, a report, an alert that is over."""
    now = T0 + timedelta(days=number)
    midnight = datetime(2026, 3, 1, 16, tzinfo=UTC) + timedelta(days=number)
    key = {"chain": chain, "store": "s-1"}
    event = {
        "stream": "pos.sale",
        "source": "t",
        "about": "s-1",
        "time": now,
        "received": now,
        "kept": now,
        "hops": 0,
        "cause": 0,
        "data": {},
    }
    said = {"source": "c", "kind": "k", "severity": "warn", "text": "", "data": {}, "opened": now, "changed": now}
    with writing(plane.services.engine) as session:
        session.add(ReceivedEvent(**key, generation=1, seq=number + 1, id=f"e{number}", **event))
        session.add(UploadGap(**key, generation=1, after=number, lost=1, reported=now))
        session.add(AgentReport(**key, enrolment=1, seq=number + 1, at=now, received=now, kind="health", data={}))
        session.add(Alert(**key, id=f"a{number}", ref=f"{chain}{number}", state="cleared", closed=now, **said))
        session.get(Agent, (chain, "s-1")).reported_seq = number + 1
        figures.keep(session, chain, "s-1", None, [row(1, begins=midnight)], midnight + timedelta(minutes=1))
        figures.keep(session, chain, "s-1", None, [row(2, begins=midnight)], midnight + timedelta(minutes=1000))
        sums.make(session, chain, (midnight + timedelta(hours=12)).date().isoformat(), now)


def oldest(plane, column, *where):
    with reading(plane.services.engine) as session:
        return session.exec(select(func.min(column), func.count()).where(*where)).one()


def test_a_year_goes_by(plane):
    """Every 9th day is told (each of the year's days looks the same); after each the rows are those of the span that is kept, no other."""
    enrol(plane)
    keep_settings(plane)
    most = {}
    for number in range(0, 366, 9):
        a_day(plane, number)
        plane.clock[0] = now = T0 + timedelta(days=number)
        retention.tick(plane.services)
        hours = Figure.chain == "north", Figure.span == "hour"
        days = Figure.chain == "north", Figure.span == "day"
        found = {
            "events": oldest(plane, ReceivedEvent.kept, ReceivedEvent.chain == "north"),
            "gaps": oldest(plane, UploadGap.reported, UploadGap.chain == "north"),
            "hours": oldest(plane, Figure.begins, *hours),
            "days": oldest(plane, Figure.begins, *days),
            "sums": oldest(plane, FigureSum.day, FigureSum.chain == "north"),
            "reports": oldest(plane, AgentReport.received, AgentReport.chain == "north"),
            "alerts": oldest(plane, Alert.closed, Alert.chain == "north"),
        }
        told = number // 9 + 1
        for name, (first, count) in found.items():
            span = KEPT.get({"gaps": "events", "sums": "days"}.get(name, name))
            each = 2 if name == "hours" else 1
            assert count >= each * min(told, span // 9 + 1), f"{name}: something younger than {span} days went, on day {number}"
            most[name] = max(most.get(name, 0), count)
            if name not in ("hours", "days", "sums"):
                assert first >= now - timedelta(days=span), name
    assert most == {"events": 2, "gaps": 2, "hours": 6, "days": 12, "sums": 12, "reports": 1, "alerts": 5}


def test_each_chain_keeps_its_own_span_and_the_usual_where_it_said_nothing(plane):
    enrol(plane)
    keep_settings(plane, events=1)
    for chain in CHAINS:
        for number in (0, 20):
            a_day(plane, number, chain)
    plane.clock[0] = T0 + timedelta(days=21)
    retention.tick(plane.services)
    assert [oldest(plane, ReceivedEvent.kept, ReceivedEvent.chain == chain)[1] for chain in CHAINS] == [1, 2]


def test_what_stands_and_what_waits_is_never_taken(plane):
    enrol(plane)
    keep_settings(plane)
    a_day(plane, 0)
    with writing(plane.services.engine) as session:
        session.get(Agent, ("north", "s-1")).reported_seq = 0  # its first report waits for one before it
        (alert,) = session.exec(select(Alert))
        alert.state, alert.closed = "open", None
        session.add(alert)
    plane.clock[0] = T0 + timedelta(days=3000)
    retention.tick(plane.services)
    counts = [
        oldest(plane, column)[1] for column in (AgentReport.received, Alert.opened, Position.reported, ReceivedEvent.kept, Figure.begins)
    ]
    assert counts == [1, 1, 2, 0, 0]


def test_the_edge_of_the_span_is_exact(plane):
    enrol(plane)
    keep_settings(plane)
    a_day(plane, 0)
    for span, count in ((timedelta(days=10), 1), (timedelta(days=10, microseconds=1), 0)):
        retention.clean(plane.services, "north", T0 + span)
        assert oldest(plane, ReceivedEvent.kept)[1] == count


def test_it_is_done_in_small_transactions(plane, monkeypatch):
    enrol(plane)
    monkeypatch.setattr(retention, "AT_ONCE", 4)
    keep_settings(plane)
    for number in range(9):
        a_day(plane, number)
    sizes, begun = [], retention.writing

    def writing_some(engine):
        sizes.append(oldest(plane, ReceivedEvent.kept)[1])
        return begun(engine)

    monkeypatch.setattr(retention, "writing", writing_some)
    assert retention.clean(plane.services, "north", T0 + timedelta(days=400)) == 9 * 4 + 9 * 4
    assert sizes[:4] == [9, 5, 1, 0]


def test_it_is_set_by_who_may_with_its_version(plane):
    ask = plane.as_("admin")
    usual = ask("GET", "/retention")
    assert usual.headers["ETag"] == '"1"' and usual.json["hours"] == 35
    assert plane.as_("operator")("PUT", "/retention", KEPT, If_Match='"1"').status_code == 403
    assert ask("PUT", "/retention", {**KEPT, "events": 0}, If_Match='"1"').status_code == 400
    assert ask("PUT", "/retention", KEPT, If_Match='"1"').json == {**KEPT, "version": 2, "changed": "2026-03-02T10:00:00Z"}
    assert ask("PUT", "/retention", KEPT, If_Match='"1"').status_code == 412
    assert plane.as_("viewer", "south")("GET", "/retention").json["hours"] == 35
    assert [one["action"] for one in ask("GET", "/audit").json["items"]] == ["retention.set"]


@pytest.mark.parametrize("table", [ReceivedEvent, Figure, Alert, AgentReport])
def test_it_finds_what_is_old_along_an_index(plane, table):
    if plane.services.engine.dialect.name != "sqlite":
        pytest.skip("plans are read from SQLite")
    kept = Retention(chain="north", **KEPT)
    for found, old, order in retention._old("north", kept, T0):
        if found.name != table.__tablename__:
            continue
        query = select(*found.primary_key).where(found.c.chain == "north", old).order_by(*order).limit(5)
        with reading(plane.services.engine) as session:
            text = str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
            plan = [one[3] for one in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
        index = {"received_event": "by_age", "figure": "by_time", "alert": "by_age", "agent_report": "by_age"}[found.name]
        assert any(step.startswith("SEARCH") and index in step for step in plan), plan
