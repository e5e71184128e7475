"""Figures, sums and the dashboard over the API: filtered, in pages, each chain its own, along indexes; a thousand stores' day."""

import os
from datetime import UTC, datetime, timedelta

from sqlmodel import select

from storeloom.core.control.api.agents import take_reports
from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.fleet import Region, Store
from storeloom.core.control.models.reports import Figure
from storeloom.core.control.reports import dashboard, figures, so_far, sums
from tests.control.api.test_events import post
from tests.control.conftest import T0, profile
from tests.control.reports.test_alerts_devices import alert, device
from tests.control.reports.test_figures import SHANGHAI, keep, row

WEEK = timedelta(days=7)


def stores(plane, count):
    with writing(plane.services.engine) as session:
        session.add(Region(chain="north", id="east", name="East"))
        session.flush()
        more = {"name": "x", "tags": [], "region": "east", "created": T0, "changed": T0}
        session.add_all(Store(chain="north", id=f"t-{number:04}", profile=profile(f"t-{number:04}"), **more) for number in range(count))


def pages(ask, path):
    found, after = [], ""
    while after is not None:
        page = ask("GET", f"{path}&after={after}" if after else path)
        assert page.status_code == 200, page.json
        found, after = found + page.json["items"], page.json["next"]
    return found


def test_figures_of_a_store_and_a_figure_of_all_stores(plane):
    stores(plane, 3)
    for number, store in enumerate(("s-1", "t-0000", "t-0001", "t-0002")):
        for hours in range(3):
            at = SHANGHAI + timedelta(hours=hours, minutes=5)
            rows = [row((hours + 1) * (number + 1)), row(30.0 + hours, name="wait", unit="s", weight=hours + 1.0)]
            keep(plane, rows, at, store=store)
    ask = plane.as_("viewer")
    mine = pages(ask, "/figures?store=t-0001&span=hour&limit=2")
    assert [(one["name"], one["begins"], one["value"]) for one in mine] == [
        ("seen", "2026-03-01T16:00:00Z", 3),
        ("seen", "2026-03-01T17:00:00Z", 3),
        ("seen", "2026-03-01T18:00:00Z", 3),
        ("wait", "2026-03-01T16:00:00Z", 30),
        ("wait", "2026-03-01T17:00:00Z", 32),
        ("wait", "2026-03-01T18:00:00Z", 34),
    ]
    days = pages(ask, "/figures?solution=people_counter&name=seen&limit=3")
    assert [(one["store"], one["value"], one["day"], one["unit"]) for one in days] == [
        (store, 3 * (number + 1), "2026-03-02", "count") for number, store in enumerate(("s-1", "t-0000", "t-0001", "t-0002"))
    ]
    (wait,) = pages(ask, "/figures?store=s-1&name=wait")
    assert (wait["value"], wait["weight"], wait["release"]) == (32, 3, "r1")
    east = pages(ask, "/figures?solution=people_counter&name=seen&region=east&since=2026-03-01T16:00:00Z&until=2026-03-01T17:00:00Z")
    assert [one["store"] for one in east] == ["t-0000", "t-0001", "t-0002"]
    assert ask("GET", "/figures").status_code == ask("GET", "/figures?solution=people_counter").status_code == 400
    assert ask("GET", "/figures?store=s-1&since=2026-03-01T16:00:00").status_code == 400
    assert plane.as_("viewer", "south")("GET", "/figures?store=s-1").json["items"] == []


def test_an_agents_figures_come_in_with_its_reports(plane):
    """What the agent's endpoint hands over, once each, and never later than now."""
    with writing(plane.services.engine) as session:
        session.add(Agent(chain="north", store="s-1", public_key=b"k", enrolled=T0))
    report = {
        "seq": 1,
        "at": "2027-01-01T00:00:00Z",
        "kind": "figures",
        "data": {"figures": [row(7), row(2, unit="min", name="m", how="sum")]},
    }
    body = {"reports": [report], "made": 1, "state": "good"}
    for _ in range(2):
        assert plane.as_("agent")("POST", "/agent/reports", body).status_code == 200, take_reports
    with reading(plane.services.engine) as session:
        found = session.exec(select(Figure).where(Figure.span == "day").order_by(Figure.name)).all()
    assert [(one.name, one.how, one.value, one.seen) for one in found] == [("m", "sum", 2, T0), ("seen", "sum", 7, T0)]


def test_the_look_at_the_whole_chain(plane):
    stores(plane, 2)
    with writing(plane.services.engine) as session:
        for store, state, seen in (("s-1", "good", T0), ("t-0000", "good", T0 - timedelta(hours=2))):
            session.add(Agent(chain="north", store=store, public_key=b"k", enrolled=T0, state=state, seen=seen))
    for store, value, before in (("s-1", 5, 4), ("t-0000", 6, 8), ("t-0001", 7, None)):
        keep(plane, [row(value), row(20, name="rate", unit="%", weight=value)], SHANGHAI + timedelta(hours=9), store=store)
        if before is not None:  # by two in the afternoon, and the whole day
            for count, at in ((before, 14), (before + 30, 30)):
                keep(plane, [row(count, begins=SHANGHAI - WEEK)], SHANGHAI - WEEK + timedelta(hours=at), store=store)
    post(plane, [alert(1), alert(2, alert="x", severity="warn"), alert(3, "cleared", alert="x"), device(4, "online"), device(5, "fault")])
    sums.tick(plane.services)
    so_far.tick(plane.services)
    told = plane.as_("viewer")("GET", "/dashboard").json
    assert told["before_until"] == "2026-02-23T10:00:00Z"
    assert (told["day"], told["before"], told["summed"]) == ("2026-03-02", "2026-02-23", "2026-03-02T10:00:00Z")
    assert told["stores"] == {"total": 3, "by_state": {"good": 2, "without_agent": 1}, "silent": 1}
    assert told["alerts"] == [{"kind": "excursion", "severity": "high", "open": 1, "unacknowledged": 1}]
    assert told["devices"] == [{"kind": "camera", "state": "fault", "count": 1}]
    rate, seen = told["figures"]
    assert (rate["name"], rate["value"], rate["before_value"], rate["before_stores"]) == ("rate", 20, None, 0)
    assert (seen["value"], seen["stores"], seen["before_value"], seen["before_stores"]) == (18, 3, 12, 2)
    over = plane.as_("viewer")("GET", "/dashboard?day=2026-03-01").json
    assert (over["before"], over["before_until"]) == ("2026-02-22", None)
    plane.wait(hours=7)
    (whole,) = (one for one in plane.as_("viewer")("GET", "/dashboard?day=2026-03-02").json["figures"] if one["name"] == "seen")
    assert (whole["before_value"], whole["before_stores"]) == (72, 2), "a day that is over is held against a whole one"
    plane.wait(hours=-7)
    other = plane.as_("viewer", "south")("GET", "/dashboard").json
    assert other["figures"] == other["alerts"] == other["devices"] == [] and other["stores"]["total"] == 1
    assert plane.as_("viewer")("GET", "/dashboard?day=2026-02-30").status_code == 400


def test_sums_by_day(plane):
    stores(plane, 1)
    for number in range(3):
        begins = SHANGHAI - timedelta(days=number)
        for store in ("s-1", "t-0000"):
            keep(plane, [row(number + 1, begins=begins)], begins + timedelta(hours=1), store=store)
    sums.tick(plane.services)
    ask = plane.as_("viewer")
    assert [(one["day"], one["value"], one["stores"]) for one in pages(ask, "/figure-sums?limit=2")] == [
        ("2026-02-28", 6, 2),
        ("2026-03-01", 4, 2),
        ("2026-03-02", 2, 2),
    ]
    assert [one["value"] for one in pages(ask, "/figure-sums?region=east&since=2026-03-01&until=2026-03-01")] == [2]
    assert pages(ask, "/figure-sums?solution=x") == pages(plane.as_("viewer", "south"), "/figure-sums?limit=9") == []


def steps(session, query):
    """How a query is carried out, in the database's words."""
    text = str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
    if session.get_bind().dialect.name == "sqlite":
        return [one[3] for one in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [one[0] for one in session.connection().exec_driver_sql(f"EXPLAIN {text}")]


def test_the_dashboard_counts_along_indexes(plane):
    wanted = {
        "alert_by_kind": dashboard.open_alerts_query("north"),
        "device_by_state": dashboard.devices_query("north"),
        "figure_by_time": sums._sums("north", "2026-03-02", T0),
        "figure_by_name": select(Figure.value)
        .where(Figure.chain == "north", Figure.span == "hour", Figure.solution == "x", Figure.name == "y", Figure.begins >= T0)
        .order_by(Figure.begins, Figure.store, Figure.instance)
        .limit(100),
    }
    with reading(plane.services.engine) as session:
        for index, query in wanted.items():
            plan = steps(session, query)
            if session.get_bind().dialect.name == "sqlite":  # which index an empty table is read by is PostgreSQL's own matter
                assert any(index in step for step in plan), (index, plan)
            assert not any(step.startswith("SCAN") or "Seq Scan" in step for step in plan), plan
        plan = steps(session, sums.totals("north").where(sums.SUM.c.day == "2026-03-02"))
        assert any("PRIMARY KEY (chain=? AND day=?)" in step or "figure_sum_pkey" in step for step in plan), plan


def test_a_day_of_many_stores_is_summed(plane):
    """The long form, a thousand stores of 24 hours and 20 figures: STORELOOM_TEST_STORES=1000."""
    count = int(os.environ.get("STORELOOM_TEST_STORES", "20"))
    stores(plane, count)
    begins = [datetime(2026, 3, 1, 16, tzinfo=UTC) + timedelta(hours=number) for number in range(24)]
    rows = [row(1, begins=at, span="hour", instance=f"i{one}", solution=f"solution_{one}") for one in range(20) for at in begins]
    for number in range(count):
        with writing(plane.services.engine) as session:
            assert figures.keep(session, "north", f"t-{number:04}", "r1", rows, T0 + timedelta(hours=9)) == 480
    sums.tick(plane.services)
    told = plane.as_("viewer")("GET", "/dashboard?day=2026-03-02").json
    assert len(told["figures"]) == 20 and {(one["value"], one["stores"]) for one in told["figures"]} == {(24 * count, count)}
    assert len(pages(plane.as_("viewer"), "/figures?solution=solution_3&name=seen&limit=500")) == count
