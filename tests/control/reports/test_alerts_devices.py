"""Alerts and devices as stores tell them: opened, told anew, cleared; once, whatever is sent again or by a restored log."""

from datetime import timedelta

from sqlmodel import select

from storeloom.core.control.database import reading
from storeloom.core.control.models.fleet import Device
from storeloom.core.control.models.reports import Alert
from tests.control.api.test_events import line, post
from tests.control.conftest import T0


def at(minutes):
    return (T0 - timedelta(hours=1) + timedelta(minutes=minutes)).isoformat()


def alert(seq, state="open", minutes=None, **more):
    data = {"alert": "chiller-1", "kind": "excursion", "severity": "high", "state": state, "text": "8.1 °C", **more}
    return line(seq, stream="alert.raise", source="cold-chain", data=data, time=at(seq if minutes is None else minutes))


def device(seq, state, minutes=None, **more):
    data = {"device": "cam-1", "kind": "camera", "state": state, **more}
    return line(seq, stream="device.status", source="cam-1", data=data, time=at(seq if minutes is None else minutes))


def rows(plane, table):
    with reading(plane.services.engine) as session:
        return list(session.exec(select(table).where(table.chain == "north").order_by(table.id)))


def minute(number):
    return T0 - timedelta(hours=1) + timedelta(minutes=number)


def test_an_alert_is_opened_told_anew_cleared_and_opened_again(plane):
    post(plane, [alert(1), alert(2, severity="critical", text="9 °C", subject="4011")])
    (one,) = rows(plane, Alert)
    assert (one.state, one.severity, one.text, one.subject, one.opened, one.changed) == (
        "open",
        "critical",
        "9 °C",
        "4011",
        minute(1),
        minute(2),
    )
    post(plane, [alert(3, "cleared")], after=2)
    (one,) = rows(plane, Alert)
    assert (one.state, one.closed, one.episode, one.source) == ("cleared", minute(3), 1, "cold-chain")
    post(plane, [alert(4, "cleared"), alert(5), alert(6, alert="door")], after=3)
    again, door = rows(plane, Alert)
    assert (again.state, again.closed, again.episode, again.opened) == ("open", None, 2, minute(5)) and door.state == "open"


def test_sent_again_it_changes_nothing(plane):
    batch = [alert(1), device(2, "online"), alert(3, "cleared"), device(4, "fault", text="no picture")]
    post(plane, batch)
    before = [one.model_dump() for table in (Alert, Device) for one in rows(plane, table)]
    plane.wait(minutes=5)
    assert post(plane, batch).json["stored"] == 0
    assert post(plane, batch[:2]).json["stored"] == 0
    assert post(plane, batch[2:], after=2).json["stored"] == 0
    assert [one.model_dump() for table in (Alert, Device) for one in rows(plane, table)] == before


def test_a_restored_log_tells_nothing_new_by_what_was_known(plane):
    """The copy ends before the alert was cleared; its old events are known, or, where retention took them, older than what is known."""
    post(plane, [alert(1), device(2, "fault"), alert(3, "cleared"), device(4, "online")])
    before = [one.model_dump() for table in (Alert, Device) for one in rows(plane, table)]
    plane.as_("agent")("POST", "/stores/s-1/generations?after=1")
    assert post(plane, [alert(1), device(2, "fault")], generation=2).json["stored"] == 0
    unknown = [alert(3, minutes=1, text="once more") | {"id": "x3"}, device(4, "fault", minutes=2) | {"id": "x4"}]
    assert post(plane, unknown, after=2, generation=2, last_event="x4").json["stored"] == 2
    assert [one.model_dump() for table in (Alert, Device) for one in rows(plane, table)] == before
    post(plane, [alert(5, minutes=9)], after=4, after_event="x4", generation=2)
    assert (rows(plane, Alert)[0].state, rows(plane, Alert)[0].generation) == ("open", 2)


def test_a_stores_clock_that_was_set_back_silences_no_alert(plane):
    post(plane, [alert(1, minutes=50), alert(2, "cleared", minutes=10), alert(3, minutes=11)])
    assert (rows(plane, Alert)[0].state, rows(plane, Alert)[0].episode) == ("open", 2)


def test_a_store_that_lives_in_the_future_is_heard_later_too(plane):
    post(plane, [device(1, "fault", minutes=10**7), alert(2, minutes=10**7)])
    assert (rows(plane, Device)[0].reported, rows(plane, Alert)[0].opened) == (T0, T0)
    plane.wait(minutes=5)
    post(plane, [device(3, "online", minutes=63), alert(4, "cleared", minutes=64)], after=2)
    assert (rows(plane, Device)[0].state, rows(plane, Alert)[0].state) == ("online", "cleared")


def test_a_device_stands_as_it_said_last(plane):
    post(
        plane,
        [
            device(1, "online", metrics={"fps": 25}, firmware="1.2"),
            device(2, "online", metrics={"fps": 24}),
            device(3, "fault", text="dark"),
        ],
    )
    (one,) = rows(plane, Device)
    assert (one.kind, one.state, one.since, one.reported, one.text) == ("camera", "fault", minute(3), minute(3), "dark")
    assert one.figures == {"fps": 24, "firmware": "1.2"}
    post(plane, [device(4, "online", minutes=2)], after=3)
    assert rows(plane, Device)[0].state == "fault", "told late, it is older than what is known"


def test_what_is_no_alert_and_no_device_is_an_event_all_the_same(plane):
    bad = [
        line(1, stream="alert.raise", data={"alert": "a"}),
        line(2, stream="alert.raise", data={"alert": "a", "kind": "k", "severity": "high", "state": "lost", "text": "t"}),
        line(3, stream="device.status", data={"device": 7, "kind": "k", "state": "s"}),
    ]
    assert post(plane, bad).json["stored"] == 3 and rows(plane, Alert) == rows(plane, Device) == []


def test_the_same_alert_of_two_chains_is_two(plane):
    post(plane, [alert(1)])
    post(plane, [alert(1), alert(2, "cleared")], chain="south")
    assert [one.state for one in rows(plane, Alert)] == ["open"]
