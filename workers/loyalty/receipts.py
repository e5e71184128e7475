"""Receipts that members claim points for: what a scripted photo says, whose till printed it, and what two claims have in common.

A receipt is a dict with `tenant`, `number`, `time` (text, as it compares), `total` in minor units, `confidence`, and `hash` (16 hex
digits).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from string import hexdigits
from typing import Any

Row = Mapping[str, Any]
TAX_NUMBERS = ("tax", "tax_number", "tax_no")


def scripted(scene: Row) -> dict[str, Any]:
    """The reading that a scene stands for; a field that says nothing is None. `confidence` may be one number or one for each field."""
    from storeloom.workers.vision.reading.receipt_rules import blanked

    name, tax, sure = _text(scene.get("tenant")), _text(scene.get("tax")), scene.get("confidence", 1)
    text = scene.get("text") or " ".join(str(scene[key]) for key in ("tenant", "number", "time", "total") if scene.get(key) is not None)
    return {
        "lines": [name] if name else [],
        "name": name or tax,
        "tax": tax,
        "number": _text(scene.get("number")),
        "time": _time(scene.get("time")),
        "total": scene.get("total"),
        "confidence": min(sure.values()) if isinstance(sure, Mapping) else sure,
        "hash": _hash(scene.get("hash")),
        "text": blanked(text),
    }


def tenant_of(rows: Sequence[Row], tax: str | None, lines: Sequence[str], *, inside: bool) -> tuple[str | None, int | None]:
    """The tenant of a receipt, and the number of the line that named it: by tax number, else by its own id, else by name.

    `inside`: see `receipt_rules.nearest_name`.
    """
    from storeloom.workers.vision.reading.receipt_rules import folded, nearest_name

    for row in rows:
        known = next((row[key] for key in TAX_NUMBERS if row.get(key)), None)
        if tax and known and folded(str(known)) == folded(tax):
            return row["tenant"], None
    own = next((row["tenant"] for row in rows if [row["tenant"]] == list(lines)), None)
    if own is not None:
        return own, 0
    names = {row["tenant"]: row["name"] for row in rows if row.get("name")}
    return nearest_name(lines, names, inside=inside) or (None, None)


def number_key(receipt: Row) -> str:
    """One tenant's receipt number, however it is spelt."""
    bare = "".join(c for c in str(receipt["number"]).upper() if c.isalnum())
    return f"{receipt['tenant']}|{bare}"


def seen_before(own: str | None, known: Iterable[str], most_bits: int) -> bool:
    """Whether a photo's hash differs in at most `most_bits` from one of the known."""
    from storeloom.workers.vision.reading.receipt_rules import differing_bits

    return own is not None and any(differing_bits(own, other) <= most_bits for other in known)


def within(times: Iterable[str], at: datetime, window: timedelta) -> list[str]:
    """Those of these instants (RFC 3339) that lie less than `window` back."""
    return [one for one in times if at - datetime.fromisoformat(one) < window]


def days_back(last: date, days: int) -> list[str]:
    """The days up to `last`, and as many before it, as ISO dates."""
    return [(last - timedelta(days=number)).isoformat() for number in range(days + 1)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _time(value: object) -> str | None:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return str(value)


def _hash(value: object) -> str | None:
    return str(value) if value and all(c in hexdigits for c in str(value)) else None
