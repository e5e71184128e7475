"""May a piece be sold now? Recall, date, hours, age and quantity, judged from what its code says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Literal, NamedTuple

from storeloom.workers import gs1

Row = Mapping[str, Any]
Recall = Literal["recalled", "unread", "clear"]


class Piece(NamedTuple):
    """What a scan says of a piece: item, lot, and the moment it expires; None for what is not told."""

    gtin: str | None
    lot: str | None
    expires: datetime | None


def read_piece(data: Row, on: date, zone: tzinfo) -> Piece:
    """Of a `pos.scan` with `gtin`, `code` or `ai`: AI 7003 is a minute of store time, AI 17 the end of that store day. A date that cannot
    be says nothing."""
    ai, gtin = dict(data.get("ai") or {}), data.get("gtin")
    if data.get("code"):
        try:
            code = gs1.parse(data["code"], on=on)
        except gs1.CodeError:
            code = None
        if code is not None:
            ai, gtin = {**code.ai, **ai}, gtin or code.gtin
    return Piece(gtin, ai.get("10"), _expires(ai, on, zone))


def _expires(ai: Mapping[str, str], on: date, zone: tzinfo) -> datetime | None:
    try:
        if ai.get("7003"):
            day, clock = gs1.gs1_date(ai["7003"][:6], on), ai["7003"][6:10].ljust(4, "0")
            return datetime.combine(day, time(int(clock[:2]), int(clock[2:])), zone)
        if ai.get("17"):
            return datetime.combine(gs1.gs1_date(ai["17"][:6], on) + timedelta(days=1), time(), zone)
    except ValueError:
        return None
    return None


def recalled(gtin: str, lot: str | None, recalls: Sequence[Row]) -> Recall:
    """Whether a piece is recalled (`gtin`, `lots`; none: all); `unread` when that depends on a lot that the code does not tell."""
    mine = [one for one in recalls if gs1.item_key(one["gtin"]) == gs1.item_key(gtin)]
    if any(not one["lots"] or lot in one["lots"] for one in mine):
        return "recalled"
    return "unread" if mine and lot is None else "clear"


def expired(expires: datetime | None, at: datetime, stop_before_h: float) -> bool:
    return expires is not None and at >= expires - timedelta(hours=stop_before_h)


def within(span: str, clock: time) -> bool:
    """Whether a wall time lies in `HH:MM-HH:MM`, its end left out; a span may go past midnight, 24:00 is the day's end."""
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in span.split("-"))
    minute = clock.hour * 60 + clock.minute
    return start <= minute < end if start < end else minute >= start or minute < end


def by_category(product: Row, values: Mapping[str, Any]) -> Any:
    """What is set for a product's subcategory, else for its category; None where neither is named."""
    names = [str(product[part]) for part in ("subcategory", "category") if product.get(part)]
    return next((values[name] for name in names if name in values), None)
