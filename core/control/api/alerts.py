"""Alerts of the chain's stores: listed, the newest first, and acknowledged."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import Answer, Call, Instant, Page, PageQuery, Resource, Wire
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.reports import Alert
from storeloom.core.control.reports import sums
from storeloom.core.control.reports.alerts import acknowledge
from storeloom.core.kernel.errors import Finding

alerts = Resource("alerts")


class AlertOut(Wire):
    """An alert as it stands. `id` is the store's own name of it, `ref` the one that addresses take; `episode` counts its openings."""

    ref: str
    store: str
    id: str
    source: str
    kind: str
    severity: str
    state: str
    text: str
    subject: str
    episode: int
    opened: datetime
    changed: datetime
    closed: datetime | None
    acknowledged: datetime | None
    acknowledged_by: str | None
    data: dict[str, Any]


class AlertQuery(PageQuery):
    """Which alerts: in a state, of a kind, a severity, a store, a region with all that lie in it; those that nobody took up; since."""

    state: Literal["open", "cleared"] | None = None
    kind: str | None = Field(None, max_length=200)
    severity: Literal["info", "warn", "high", "critical"] | None = None
    store: str | None = Field(None, max_length=63)
    region: str | None = Field(None, max_length=63)
    acknowledged: bool | None = None
    since: Instant | None = None


@alerts.route("GET", "/alerts", "reports:read", "List alerts", "告警列表", query=AlertQuery, answer=Page[AlertOut])
def list_alerts(call: Call) -> Answer:
    """The chain's alerts, opened last first."""
    query: AlertQuery = call.query
    found = select(Alert).where(Alert.chain == call.chain)
    for column, value in (
        (Alert.state, query.state),
        (Alert.kind, query.kind),
        (Alert.severity, query.severity),
        (Alert.store, query.store),
    ):
        if value is not None:
            found = found.where(column == value)
    if query.region is not None:
        inside = col(Store.region).in_(sums.regions(call.session, call.chain, query.region))
        found = found.where(col(Alert.store).in_(select(Store.id).where(Store.chain == call.chain, inside)))
    if query.acknowledged is not None:
        none = col(Alert.acknowledged).is_(None)
        found = found.where(~none if query.acknowledged else none)
    if query.since is not None:
        found = found.where(col(Alert.opened) >= query.since)
    return Answer(page(call.session, found, [col(Alert.opened), col(Alert.ref)], query, show, newest=True))


@alerts.route("GET", "/alerts/{alert}", "reports:read", "One alert", "告警详情", answer=AlertOut)
def get_alert(call: Call) -> Answer:
    """An alert; its ETag names the episode, which an acknowledgement is for."""
    row = _one(call)
    return Answer(show(row), version=str(row.episode))


@alerts.route(
    *("POST", "/alerts/{alert}/acknowledgement", "alerts:write", "Acknowledge an alert", "确认告警"), answer=AlertOut, versioned=True
)
def acknowledge_alert(call: Call) -> Answer:
    """Take an alert up: who did so first stands. 412 where it was cleared and opened anew meanwhile."""
    row = _one(call, lock=True)
    if call.if_match != str(row.episode):
        raise ApiFault(412, Finding("SL-API-13", {"got": call.if_match, "version": row.episode}), {"ETag": f'"{row.episode}"'})
    if acknowledge(call.session, row, call.principal.actor, call.now):
        detail = {"store": row.store, "kind": row.kind, "episode": row.episode}
        audit.note(call.session, call.chain, call.now, call.principal.actor, "alert.acknowledge", row.ref, detail)
    return Answer(show(row), version=str(row.episode))


def show(row: Alert) -> dict[str, Any]:
    """An alert as it goes out."""
    return row.model_dump(exclude={"chain", "generation"})


def _one(call: Call, *, lock: bool = False) -> Alert:
    found = select(Alert).where(Alert.chain == call.chain, Alert.ref == call.path["alert"])
    row = call.session.exec(found.with_for_update() if lock else found).one_or_none()
    if row is None:
        raise missing("alert", "告警", call.path["alert"])
    return row
