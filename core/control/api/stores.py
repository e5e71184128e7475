"""Stores and regions of a chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.agents.desired import touch
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.models.fleet import Region, Store
from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.sources import zone_findings

stores = Resource("stores")
ID = r"^[a-z0-9][a-z0-9._-]{0,62}$"


class Window(Wire):
    """When a store may be updated, in its own time; over midnight where `until` is the earlier."""

    begins: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    until: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    weekdays: list[int] = Field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7], min_length=1, max_length=7)


class StoreIn(Wire):
    """A store as it is written. `profile` is a store profile (`store/1`) whose `store` is its id."""

    name: str = Field(min_length=1, max_length=200)
    region: str | None = Field(None, max_length=63)
    ring: int = Field(1, ge=0, le=9)
    tags: list[str] = Field(default_factory=list, max_length=50)
    profile: dict[str, Any]
    window: Window | None = None


class StoreNew(StoreIn):
    """A store with its id."""

    id: str = Field(pattern=ID)


class StoreOut(Wire):
    """A store as it stands."""

    id: str
    name: str
    region: str | None
    ring: int
    tags: list[str]
    profile: dict[str, Any]
    window: Window | None
    version: int
    created: datetime
    changed: datetime
    closed: datetime | None


class StoreQuery(PageQuery):
    """Which stores: of a region, with a tag, of a ring."""

    region: str | None = Field(None, max_length=63)
    tag: str | None = Field(None, max_length=100)
    ring: int | None = Field(None, ge=0, le=9)


@stores.route("GET", "/stores", "stores:read", "List stores", "门店列表", query=StoreQuery, answer=Page[StoreOut])
def list_stores(call: Call) -> Answer:
    """The chain's stores in order of their ids."""
    found = select(Store).where(Store.chain == call.chain)
    if call.query.region is not None:
        found = found.where(Store.region == call.query.region)
    if call.query.ring is not None:
        found = found.where(Store.ring == call.query.ring)
    if call.query.tag is not None:
        found = found.where(col(Store.id).in_(_tagged(call, call.query.tag)))
    return Answer(page(call.session, found, [col(Store.id)], call.query, show))


@stores.route("POST", "/stores", "stores:write", "Add a store", "新增门店", body=StoreNew, answer=StoreOut, status=201)
def add_store(call: Call) -> Answer:
    """Add a store. 409 where there is one of this id, 422 with every finding where its profile does not hold."""
    given: StoreNew = call.body
    if call.session.get(Store, (call.chain, given.id)) is not None:
        raise ApiFault(409, Finding("SL-API-12", {"name": given.id}))
    _check(call, given.id, given)
    row = Store(chain=call.chain, created=call.now, changed=call.now, **given.model_dump())
    call.session.add(row)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "store.add", given.id)
    return Answer(show(row), version="1", headers={"Location": f"/api/v1/stores/{given.id}"})


@stores.route("GET", "/stores/{store}", "stores:read", "One store", "门店详情", answer=StoreOut)
def get_store(call: Call) -> Answer:
    """A store; its ETag is what a change must name."""
    row = one_store(call)
    return Answer(show(row), version=str(row.version))


@stores.route("PUT", "/stores/{store}", "stores:write", "Change a store", "修改门店", body=StoreIn, answer=StoreOut, versioned=True)
def put_store(call: Call) -> Answer:
    """Write a store anew. 412 where somebody else changed it meanwhile."""
    row = one_store(call, lock=True)
    expect(call, row.version)
    _check(call, row.id, call.body)
    for key, value in call.body.model_dump().items():
        setattr(row, key, value)
    row.version, row.changed = row.version + 1, call.now
    call.session.add(row)
    touch(call.session, call.chain, [row.id])
    audit.note(call.session, call.chain, call.now, call.principal.actor, "store.change", row.id, {"version": row.version})
    return Answer(show(row), version=str(row.version))


@stores.route("DELETE", "/stores/{store}", "stores:write", "Close a store", "关闭门店", status=204, versioned=True)
def close_store(call: Call) -> Answer:
    """Close a store: its records stay, it takes part in nothing more."""
    row = one_store(call, lock=True)
    expect(call, row.version)
    row.closed, row.version, row.changed = call.now, row.version + 1, call.now
    call.session.add(row)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "store.close", row.id)
    return Answer()


def one_store(call: Call, *, lock: bool = False) -> Store:
    """The store that a path names, of the asker's own chain."""
    row = call.session.get(Store, (call.chain, call.path["store"]), with_for_update=lock or None)
    if row is None:
        raise missing("store", "门店", call.path["store"])
    return row


def expect(call: Call, version: int) -> None:
    """Refuse a change of what is no longer as the client believes."""
    if call.if_match != str(version):
        raise ApiFault(412, Finding("SL-API-13", {"got": call.if_match, "version": version}), {"ETag": f'"{version}"'})


def show(row: Store) -> dict[str, Any]:
    """A store as it goes out."""
    return row.model_dump(exclude={"chain"})


def _tagged(call: Call, tag: str) -> list[str]:
    rows = call.session.exec(select(Store.id, Store.tags).where(Store.chain == call.chain))
    return [store for store, tags in rows if tag in tags]


def _check(call: Call, name: str, given: StoreIn) -> None:
    """Every finding of a store's profile, region and id together."""
    findings = schemas.check(schemas.SCHEMAS / "store.json", given.profile, at="body.profile")
    findings += zone_findings(given.profile, "body.profile.zone", None, None)
    if given.profile.get("store") != name:
        findings.append(Finding("SL-API-14", {"got": given.profile.get("store"), "wanted": name}, "body.profile.store"))
    if given.region is not None and call.session.get(Region, (call.chain, given.region)) is None:
        findings.append(Finding("SL-API-05", {"what": {"en": "region", "zh": "区域"}, "name": given.region}, "body.region"))
    if findings:
        raise ApiFault(422, findings)
