"""Proof of a paid display: its contract, what a frame shows of its items, what slots make of a day, and what of the fee is due.

A contract is plain JSON: `supplier`, `items` (by `item_key`), `fixture`, `zone`, `from` and `to` (RFC 3339, half open), `facings`, `fee`,
and whether an `alert` about it is open.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.gs1.numbers import item_key
from storeloom.workers.pricing.money import round_money

if TYPE_CHECKING:
    from storeloom.workers.vision.view import View

HIDDEN_SHARE = 0.15
DARK_LUMA, BLUR_VAR = 35.0, 60.0
THUMBNAIL_PX = 480
WHOLE = (0.0, 0.0, 1.0, 1.0)
Contract = Mapping[str, Any]
PACKS = ("item", "pack", "product", "package", "bottle", "can", "box", "cup", "bowl", "carton", "apple", "orange", "banana")


def is_clear(view: View) -> bool:
    """Whether a display can be judged by a frame: bright and sharp, and with people before at most 15 % of it.

    In a scene `luma` and `blur_var` stand for brightness and sharpness.
    """
    from storeloom.workers.vision.facings import hidden_share

    if view.pixels is not None:
        from storeloom.workers.vision.clarity import clarity

        usable = clarity(view.pixels).usable(DARK_LUMA, BLUR_VAR)
    else:
        scene = view.scene or {}
        usable = scene.get("luma", DARK_LUMA) >= DARK_LUMA and scene.get("blur_var", BLUR_VAR) >= BLUR_VAR
    return usable and hidden_share(WHOLE, [thing.box for thing in view.observation.of("person")]) <= HIDDEN_SHARE


def facings(view: View, wanted: Collection[str], shop: str, least: float) -> dict[str, tuple[int, float]]:
    """Facings that a frame shows of wanted items (by `item_key`), each with the surest score: packs recognised at `least` or better."""
    packs = [thing for thing in view.observation.objects if thing.cls in PACKS or thing.attrs.get("gtins")]
    found: dict[str, tuple[int, float]] = {}
    for ranking in view.items([pack.box for pack in packs], shop) if packs else ():
        key = item_key(ranking.gtin) if ranking.gtin and ranking.score >= least else ""
        if key in wanted:
            count, score = found.get(key, (0, 0.0))
            found[key] = count + 1, max(score, ranking.score)
    return found


@dataclass(frozen=True, slots=True)
class Day:
    """Slots of a day: `good` of the `known` ones showed the display; `state` passed, failed or unproven."""

    good: int
    known: int
    slots: int
    state: str


def day(seen: Mapping[str, bool], slots: int, pass_pct: float, unknown_pct: float) -> Day:
    """A day by its seen slots: unproven with more than a share of unknown ones (or with none known), else by the share of good ones."""
    known, good = len(seen), sum(seen.values())
    if not known or 100 * (slots - known) > unknown_pct * slots:
        return Day(good, known, slots, "unproven")
    return Day(good, known, slots, "passed" if 100 * good >= pass_pct * known else "failed")


def fee_due(fee: int, passed: int, days: int) -> int:
    """The part of a fee in minor units that passed days earned, half up; nothing is due where the store opened on no day."""
    return round_money(Fraction(fee * passed, days)) if days else 0


def contract_of(
    row: Mapping[str, Any], zone: str | None, hours: StoreHours, known: Contract | None, now: datetime
) -> dict[str, Any] | None:
    """The contract of a row of the table `promotions`; None of one without an end, or that was over before it was known.

    A bare date is that store day's first moment; one without a begin begins now.
    """
    begin, end = _instant(hours, row.get("from")), _instant(hours, row.get("to"))
    if end is None or (known is None and end <= now):
        return None
    if begin is None:
        begin = parse_time(known["from"]) if known else now
    items = [item_key(gtin) for gtin in row["gtins"]]
    bounds = {"from": rfc3339(begin), "to": rfc3339(end), "facings": row.get("facings"), "fee": row.get("fee") or 0}
    return {
        "supplier": row.get("supplier"),
        "items": items,
        "fixture": row["fixture"],
        "zone": zone,
        **bounds,
        "alert": bool(known and known["alert"]),
    }


def _instant(hours: StoreHours, text: str | None) -> datetime | None:
    if not text:
        return None
    return hours.midnight(date.fromisoformat(text)) if len(text) == 10 else parse_time(text)


def slots_of(contract: Contract, hours: StoreHours, day: date, minutes: int) -> tuple[datetime, datetime, int] | None:
    """Begin, end and number of slots of a day of a contract, its opening hours as far as it runs; None of any other day, and where the
    store stays closed."""
    opening, first = hours.day(day), parse_time(contract["from"])
    if opening is None or day < hours.store_day(first):
        return None
    begin, end = max(opening[0], first), min(opening[1], parse_time(contract["to"]))
    return (begin, end, -(-(end - begin) // timedelta(minutes=minutes))) if begin < end else None


def contract_days(contract: Contract, hours: StoreHours) -> list[date]:
    """The days of a contract on which the store opens."""
    first, last = (hours.store_day(parse_time(contract[key])) for key in ("from", "to"))
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if slots_of(contract, hours, day, 60)]


def evidence(view: View, name: str, seen: Mapping[str, tuple[int, float]]) -> tuple[bytes | None, str]:
    """A thumbnail with people hidden as a JPEG file's bytes, and its SHA-256; of a scene no picture, and the hash of what was seen."""
    if view.pixels is None:
        return None, sha256(json.dumps([name, rfc3339(view.time), seen], sort_keys=True).encode()).hexdigest()
    import cv2

    from storeloom.workers.vision.algorithms.privacy import Privacy
    from storeloom.workers.vision.clarity import jpeg

    hidden = Privacy().hide(view, {})
    scale = min(1.0, THUMBNAIL_PX / max(hidden.shape[:2]))
    data = jpeg(cv2.resize(hidden, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
    return data, sha256(data).hexdigest()
