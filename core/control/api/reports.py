"""What the chain's stores told of their trade: figures, their sums by day, the look at the whole; and for how long it is kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.api.route import Answer, Call, Instant, Page, PageQuery, Resource, Wire
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.reports import Figure
from storeloom.core.control.reports import dashboard, retention, so_far, sums
from storeloom.core.kernel.errors import Finding

reports = Resource("reports")
DAYS = Field(ge=1, le=3650)


def _date(text: str) -> str:
    return date.fromisoformat(text).isoformat()


Day = Annotated[str, Field(pattern=r"^(19[7-9]|20[0-9])[0-9]-[0-9]{2}-[0-9]{2}$"), AfterValidator(_date)]


class FigureOut(Wire):
    """A figure of a store over an hour or a day of its own. `weight` is what a mean was taken over (samples, the whole of a share)."""

    store: str
    instance: str
    solution: str
    name: str
    unit: str
    how: str
    span: str
    begins: datetime
    day: str
    release: str | None
    value: float
    weight: float


class FigureQuery(PageQuery):
    """Which figures: of a store, or of a solution by their name; of a region with all that lie in it; that begin from `since` on."""

    store: str | None = Field(None, max_length=63)
    solution: str | None = Field(None, max_length=200)
    name: str | None = Field(None, max_length=200)
    region: str | None = Field(None, max_length=63)
    span: Literal["hour", "day"] = "day"
    since: Instant | None = None
    until: Instant | None = None


class SumOut(Wire):
    """A figure over all stores of the chain, or of a region, on their own days of one date."""

    day: str
    solution: str
    name: str
    unit: str
    how: str
    stores: int
    value: float
    summed: datetime


class SumQuery(PageQuery):
    """Which sums: of a region with all that lie in it, of a solution, of a name, of the dates from `since` to `until`."""

    region: str | None = Field(None, max_length=63)
    solution: str | None = Field(None, max_length=200)
    name: str | None = Field(None, max_length=200)
    since: Day | None = None
    until: Day | None = None


class StoresNow(Wire):
    """Open stores by what their agents are at (`without_agent`: none yet), and how many agents are silent."""

    total: int
    by_state: dict[str, int]
    silent: int


class AlertsNow(Wire):
    """Open alerts of a kind and severity, and how many of them nobody took up."""

    kind: str
    severity: str
    open: int
    unacknowledged: int


class DevicesNow(Wire):
    """Devices of a kind in a state."""

    kind: str
    state: str
    count: int


class FigureNow(Wire):
    """A figure on the day and on the same weekday before; null where no store told it."""

    solution: str
    name: str
    unit: str
    how: str
    value: float | None
    stores: int
    before_value: float | None
    before_stores: int


class DashboardOut(Wire):
    """The chain at one look. `summed` is when the day's figures were last summed; a day that runs is told as far as it went, and the day
    before it as far as it had gone at `before_until` (null: as a whole)."""

    day: str
    before: str
    before_until: datetime | None
    stores: StoresNow
    alerts: list[AlertsNow]
    devices: list[DevicesNow]
    figures: list[FigureNow]
    summed: datetime | None


class DashboardQuery(Wire):
    """Which date; today on the wall of the chain's first store where it is left out."""

    day: Day | None = None


class RetentionIn(Wire):
    """For how many days are kept: events, hourly figures, daily figures, agents' reports, alerts that are over."""

    events: Annotated[int, DAYS] = 30
    hours: Annotated[int, DAYS] = 35
    days: Annotated[int, DAYS] = 800
    reports: Annotated[int, DAYS] = 30
    alerts: Annotated[int, DAYS] = 180


class RetentionOut(RetentionIn):
    """As it stands."""

    version: int
    changed: datetime | None


@reports.route("GET", "/figures", "reports:read", "List figures of stores", "门店指标列表", query=FigureQuery, answer=Page[FigureOut])
def list_figures(call: Call) -> Answer:
    """Figures of one store, or one figure (`solution` and `name`) of all; 400 where neither is named."""
    query: FigureQuery = call.query
    one_figure = query.solution is not None and query.name is not None
    if query.store is None and not one_figure:
        raise ApiFault(400, Finding("SL-API-03", {"reason": "name a store, or a solution and a name"}, "query"))
    found = select(Figure).where(Figure.chain == call.chain, Figure.span == query.span)
    for column, value in ((Figure.store, query.store), (Figure.solution, query.solution), (Figure.name, query.name)):
        if value is not None:
            found = found.where(column == value)
    if query.region is not None:
        inside = col(Store.region).in_(sums.regions(call.session, call.chain, query.region))
        found = found.where(col(Figure.store).in_(select(Store.id).where(Store.chain == call.chain, inside)))
    if query.since is not None:
        found = found.where(col(Figure.begins) >= query.since)
    if query.until is not None:
        found = found.where(col(Figure.begins) < query.until)
    by_store = [col(Figure.store), col(Figure.instance), col(Figure.name), col(Figure.begins)]
    by_time = [col(Figure.begins), col(Figure.store), col(Figure.instance)]
    return Answer(page(call.session, found, by_time if one_figure else by_store, query, show))


@reports.route("GET", "/figure-sums", "reports:read", "Sum figures by day", "按日汇总指标", query=SumQuery, answer=Page[SumOut])
def list_sums(call: Call) -> Answer:
    """Figures of the chain or a region by day: the last 31 days where no dates are named."""
    query: SumQuery = call.query
    within = None if query.region is None else sums.regions(call.session, call.chain, query.region)
    table = sums.SUM.c
    until = query.until or (call.now + timedelta(days=1)).date().isoformat()
    since = query.since or (call.now - timedelta(days=31)).date().isoformat()
    found = sums.totals(call.chain, within=within).where(table.day >= since, table.day <= until)
    for column, value in ((table.solution, query.solution), (table.name, query.name)):
        if value is not None:
            found = found.where(column == value)
    keys = [table.day, table.solution, table.name, table.unit, table.how]
    return Answer(page(call.session, found, keys, query, lambda row: dict(row._mapping)))


@reports.route("GET", "/dashboard", "reports:read", "The chain at one look", "连锁总览", query=DashboardQuery, answer=DashboardOut)
def get_dashboard(call: Call) -> Answer:
    """Stores by state, open alerts, devices by state, and the day's figures against the same weekday before; today's against the same
    hours of it."""
    day = call.query.day or so_far.today(call.session, call.chain, call.now)
    return Answer(dashboard.summary(call.session, call.chain, day, call.now))


@reports.route("GET", "/retention", "reports:read", "How long is kept what", "数据保留期限", answer=RetentionOut)
def get_retention(call: Call) -> Answer:
    """For how long the chain keeps what its stores told."""
    row = retention.settings(call.session, call.chain)
    return Answer(row.model_dump(exclude={"chain"}), version=str(row.version))


@reports.route(
    *("PUT", "/retention", "retention:write", "Set how long is kept what", "设置数据保留期限"),
    body=RetentionIn,
    answer=RetentionOut,
    versioned=True,
)
def put_retention(call: Call) -> Answer:
    """Set it; what is older then goes within the hour, and does not come back."""
    row = retention.settings(call.session, call.chain, lock=True)
    if call.if_match != str(row.version):
        raise ApiFault(412, Finding("SL-API-13", {"got": call.if_match, "version": row.version}), {"ETag": f'"{row.version}"'})
    given: RetentionIn = call.body
    for name, value in given.model_dump().items():
        setattr(row, name, value)
    row.version, row.changed = row.version + 1, call.now
    call.session.add(row)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "retention.set", call.chain, given.model_dump())
    return Answer(row.model_dump(exclude={"chain"}), version=str(row.version))


def show(row: Figure) -> dict[str, Any]:
    """A figure as it goes out: a mean as the mean."""
    value = row.value if row.how == "sum" else row.value / row.weight if row.weight else 0.0
    return {**row.model_dump(exclude={"chain", "seen", "told", "told_weight"}), "value": value}
