"""Devices of the chain's stores, as they last said of themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control.api.paging import page
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.models.fleet import Device, Store
from storeloom.core.control.reports import sums

devices = Resource("devices")


class DeviceOut(Wire):
    """A device. It is in its `state` `since` then, and was last heard of when `reported`."""

    store: str
    id: str
    kind: str
    state: str
    since: datetime
    reported: datetime
    text: str
    figures: dict[str, Any]


class DeviceQuery(PageQuery):
    """Which devices: of a store, of a region with all that lie in it, of a kind, in a state."""

    store: str | None = Field(None, max_length=63)
    region: str | None = Field(None, max_length=63)
    kind: str | None = Field(None, max_length=100)
    state: str | None = Field(None, max_length=50)


@devices.route("GET", "/devices", "stores:read", "List devices", "设备列表", query=DeviceQuery, answer=Page[DeviceOut])
def list_devices(call: Call) -> Answer:
    """The chain's devices in order of their stores and ids."""
    query: DeviceQuery = call.query
    found = select(Device).where(Device.chain == call.chain)
    for column, value in ((Device.store, query.store), (Device.kind, query.kind), (Device.state, query.state)):
        if value is not None:
            found = found.where(column == value)
    if query.region is not None:
        inside = col(Store.region).in_(sums.regions(call.session, call.chain, query.region))
        found = found.where(col(Device.store).in_(select(Store.id).where(Store.chain == call.chain, inside)))
    return Answer(page(call.session, found, [col(Device.store), col(Device.id)], query, lambda row: row.model_dump(exclude={"chain"})))
