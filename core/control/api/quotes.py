"""Quotes of stores, and the price book that they are made from."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import Field, model_validator
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.design.composing import Composer
from storeloom.core.control.design.quoting import read_prices
from storeloom.core.control.design.store_designs import layers_of_store
from storeloom.core.control.models.designs import Price
from storeloom.core.kernel.quote import quote

quotes = Resource("quotes")
KIND = r"^[a-z0-9_]{1,63}(/[a-z0-9_]{1,63})?$"
MOST = 2**53


class PriceIn(Wire):
    """What a part costs (minor units) and draws (watts while it runs), from least to most; null: not known."""

    cost_low: int | None = Field(None, ge=0, le=MOST)
    cost_high: int | None = Field(None, ge=0, le=MOST)
    power_low_w: float | None = Field(None, ge=0, le=1e6)
    power_high_w: float | None = Field(None, ge=0, le=1e6)
    hours_per_day: float = Field(24.0, ge=0, le=24)
    source: str = Field("", max_length=300)

    @model_validator(mode="after")
    def _ranges(self) -> PriceIn:
        for low, high in ((self.cost_low, self.cost_high), (self.power_low_w, self.power_high_w)):
            if (low is None) != (high is None) or (low is not None and high is not None and low > high):
                raise ValueError("a range needs both ends, the lower first")
        return self


class PriceNew(PriceIn):
    """A price of a kind of device (`camera`), of one driver of it (`camera/onvif_camera`), or of a store's host (`edge`)."""

    kind: str = Field(pattern=KIND)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class PriceOut(Wire):
    """A price as it stands."""

    kind: str
    currency: str
    cost_low: int | None
    cost_high: int | None
    power_low_w: float | None
    power_high_w: float | None
    hours_per_day: float
    source: str
    version: int
    changed: datetime
    changed_by: str


class PriceRemoval(Wire):
    """Which price goes."""

    kind: str = Field(pattern=KIND)
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class SpanOut(Wire):
    """From least to most."""

    low: float
    high: float


class PartOut(Wire):
    """Parts of one kind; null: the price book does not know it."""

    kind: str
    count: int
    priced_as: str | None
    cost: SpanOut | None
    power_w: SpanOut | None
    energy_kwh_year: SpanOut | None
    source: str


class LoadOut(Wire):
    """What a store's host needs and has."""

    need: SpanOut
    have: float | None
    fits: str


class QuoteOut(Wire):
    """A store's quote. Where it is not `complete`, the sums are lower bounds: `unpriced`, `unpowered` and `lacking` say of what."""

    store: str
    currency: str
    parts: list[PartOut]
    cost: SpanOut
    energy_kwh_year: SpanOut
    cores: LoadOut
    memory_mb: LoadOut
    unpriced: list[str]
    unpowered: list[str]
    lacking: list[str]
    complete: bool


@quotes.route("GET", "/stores/{store}/quote", "designs:read", "Quote a store", "门店报价", answer=QuoteOut)
def get_quote(call: Call) -> Answer:
    """Parts, cost, energy and capacity of a store as it is designed, with what is not known."""
    store = layers_of_store(call.session, call.chain, call.path["store"])
    composition = Composer(call.registry).compose(store).composition
    made = quote(store.store.id, composition, store.store.profile, read_prices(call.session, call.chain))
    return Answer({**asdict(made), "complete": made.complete})


@quotes.route("GET", "/prices", "designs:read", "The price book", "价格表", query=PageQuery, answer=Page[PriceOut])
def list_prices(call: Call) -> Answer:
    """The chain's price book."""
    found = select(Price).where(Price.chain == call.chain)
    return Answer(page(call.session, found, [col(Price.kind), col(Price.currency)], call.query, show))


@quotes.route("PUT", "/prices", "designs:write", "Write a price", "写入价格", body=PriceNew, answer=PriceOut)
def put_price(call: Call) -> Answer:
    """Write the price of a kind in a currency, anew where there is one."""
    given: PriceNew = call.body
    row = call.session.get(Price, (call.chain, given.kind, given.currency), with_for_update=True)
    if row is None:
        row = Price(chain=call.chain, version=0, changed=call.now, changed_by=call.principal.actor, **given.model_dump())
    for key, value in given.model_dump().items():
        setattr(row, key, value)
    row.version, row.changed, row.changed_by = row.version + 1, call.now, call.principal.actor
    call.session.add(row)
    audit.note(call.session, call.chain, call.now, row.changed_by, "price.put", f"{row.kind} {row.currency}", {"version": row.version})
    return Answer(show(row))


@quotes.route("POST", "/prices/remove", "designs:write", "Remove a price", "删除价格", body=PriceRemoval, status=204)
def remove_price(call: Call) -> Answer:
    """Take a price out of the book."""
    key = call.chain, call.body.kind, call.body.currency
    row = call.session.get(Price, key, with_for_update=True)
    if row is None:
        raise missing("price", "价格", f"{call.body.kind} {call.body.currency}")
    call.session.delete(row)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "price.remove", f"{call.body.kind} {call.body.currency}")
    return Answer()


def show(row: Price) -> dict[str, Any]:
    """A price as it goes out."""
    return row.model_dump(exclude={"chain"})
