"""Alerts and devices over the API: listed and filtered, acknowledged once, by who may."""

from sqlmodel import select

from storeloom.core.control.database import reading
from storeloom.core.control.models.audit import AuditEntry
from tests.control.api.test_events import post
from tests.control.reports.test_alerts_devices import alert, device


def fill(plane):
    post(
        plane,
        [
            alert(1),
            alert(2, alert="door", kind="open_door", severity="warn"),
            alert(3, "cleared", alert="door", kind="open_door", severity="warn"),
            alert(4, alert="a/b?c", kind="excursion", severity="critical"),
            device(5, "online"),
            device(6, "fault", device="till-1", kind="pos"),
        ],
    )


def ids(answer):
    return [one["id"] for one in answer.json["items"]]


def test_alerts_are_listed_newest_first_and_filtered(plane):
    fill(plane)
    ask = plane.as_("viewer")
    assert ids(ask("GET", "/alerts")) == ["a/b?c", "door", "chiller-1"]
    assert ids(ask("GET", "/alerts?state=open&kind=excursion")) == ["a/b?c", "chiller-1"]
    assert ids(ask("GET", "/alerts?severity=critical&store=s-1")) == ["a/b?c"]
    assert ids(ask("GET", "/alerts?since=2026-03-02T09:02:00Z")) == ["a/b?c", "door"]
    assert ids(ask("GET", "/alerts?acknowledged=true")) == ids(ask("GET", "/alerts?store=s-9")) == ids(ask("GET", "/alerts?region=x")) == []
    seen, after = [], ""
    while after is not None:
        page = ask("GET", f"/alerts?limit=1&after={after}" if after else "/alerts?limit=1")
        seen, after = seen + ids(page), page.json["next"]
    assert seen == ["a/b?c", "door", "chiller-1"]
    assert ask("GET", "/alerts?state=lost").status_code == ask("GET", "/alerts?since=0001-01-01T00:00:00%2B14:00").status_code == 400
    assert ask("GET", "/alerts?after=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwieCJd").json["findings"][0]["code"] == "SL-API-04"


def test_an_alert_is_acknowledged_once_for_its_episode(plane):
    fill(plane)
    found = plane.as_("viewer")("GET", "/alerts").json["items"][2]
    path = f"/alerts/{found['ref']}"
    ask = plane.as_("operator")
    assert ask("GET", path).headers["ETag"] == '"1"' and ask("POST", f"{path}/acknowledgement").status_code == 428
    assert plane.as_("viewer")("POST", f"{path}/acknowledgement", If_Match='"1"').status_code == 403
    assert plane.as_("operator", "south")("POST", f"{path}/acknowledgement", If_Match='"1"').status_code == 404
    taken = ask("POST", f"{path}/acknowledgement", If_Match='"1"')
    assert (taken.status_code, taken.json["acknowledged"], taken.json["acknowledged_by"]) == (200, "2026-03-02T10:00:00Z", "user:operator")
    plane.wait(minutes=1)
    assert plane.as_("admin")("POST", f"{path}/acknowledgement", If_Match='"1"').json == taken.json
    with reading(plane.services.engine) as session:
        deeds = [(one.action, one.object, one.actor) for one in session.exec(select(AuditEntry))]
    assert deeds == [("alert.acknowledge", found["ref"], "user:operator")]
    post(plane, [alert(7), alert(8, "cleared"), alert(9)], after=6)
    stale = ask("POST", f"{path}/acknowledgement", If_Match='"1"')
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"2"')
    assert ask("GET", path).json["acknowledged"] is None


def test_devices_are_listed_and_filtered(plane):
    fill(plane)
    ask = plane.as_("viewer")
    assert ids(ask("GET", "/devices")) == ["cam-1", "till-1"]
    assert ids(ask("GET", "/devices?state=fault")) == ids(ask("GET", "/devices?kind=pos&store=s-1")) == ["till-1"]
    assert ids(ask("GET", "/devices?limit=1")) == ["cam-1"] and ids(ask("GET", "/devices?region=x")) == []
    assert ids(plane.as_("viewer", "south")("GET", "/devices")) == ids(plane.as_("viewer", "south")("GET", "/alerts")) == []
