"""What a scanned code or a receipt's line says of an item's date: GS1 AIs 10 (lot), 11 (made), 15 and 17 (best before, expiry), 7003."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from storeloom.workers.gs1.codes import parse
from storeloom.workers.gs1.numbers import CodeError, gs1_date


class Dated(NamedTuple):
    """Item, lot, last day and day of making (ISO 8601), and units (AI 30 or 37, or keyed in), each None where not told."""

    gtin: str | None
    lot: str | None = None
    expiry: str | None = None
    made: str | None = None
    units: float | None = None


def read(data: Mapping[str, Any], on: date) -> Dated:
    """Of a `scanner.code`, or of a line with `gtin` and perhaps `ai`, `lot`, `expiry`. What was keyed in beside a code (`values`: expiry,
    lot, qty) goes first; a code that cannot be read says nothing."""
    values, ai = data.get("values") or {}, data.get("ai") or {}
    try:
        if not ai and data.get("code"):
            ai = parse(data["code"], on=on).ai
        last, made = (_day(ai, names, on) for names in (("17", "7003", "15"), ("11",)))
    except CodeError:
        return Dated(data.get("gtin"))
    count = next((values[name] for name in ("qty", "count") if name in values), ai.get("30") or ai.get("37"))
    gtin = data.get("gtin") or ai.get("01") or ai.get("02")
    lot = values.get("lot") or ai.get("10") or data.get("lot")
    expiry = values.get("expiry") or last or data.get("expiry")
    return Dated(gtin, lot, expiry, values.get("made") or made, None if count is None else float(count))


def _day(ai: Mapping[str, Any], names: tuple[str, ...], on: date) -> str | None:
    found = next((str(ai[name]) for name in names if ai.get(name)), None)
    return gs1_date(found[:6], on).isoformat() if found else None
