"""Papers with an end: licences, inspections and certificates that somebody must have, as tables and those who renew them know them.

Days are store days; a paper is good on its last day too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

Row = Mapping[str, Any]
OWN_KINDS = ("permit", "certificate", "inspection")
INSPECTED_KINDS = {"lift", "elevator", "escalator", "hoist", "boiler", "autoclave", "vessel"}
REPORT_KINDS = (*OWN_KINDS, "invoice")


class Paper(NamedTuple):
    """A paper that is asked for: where it stands (`document`, `asset`, `supplier`), its first and its last day (None: no limit)."""

    where: str
    name: str
    issued: date | None
    until: date | None
    missing: bool = False

    def valid(self, day: date) -> bool:
        return not self.missing and (self.issued is None or self.issued <= day) and not self.expired(day)

    def expired(self, day: date) -> bool:
        return self.until is not None and self.until < day

    def renewed(self, until: date | None) -> Paper:
        """The paper with a later last day, the same where the day is none later."""
        later = until is not None and (self.missing or (self.until is not None and until > self.until))
        return self._replace(until=until, missing=False) if later else self


def own_papers(documents: Iterable[Row], day: date) -> dict[str, Paper]:
    """Permits, certificates and inspections without a supplier, by document id. Of several rows of one, those issued by the day count
    before others, and of these the one that ends last."""
    papers: dict[str, Paper] = {}
    for row in documents:
        if row.get("kind", "permit") not in OWN_KINDS or row.get("supplier"):
            continue
        key = row["document"]
        paper = Paper("document", key, day_of(row.get("issued")), day_of(row.get("expires")))
        known = papers.get(key, paper)
        papers[key] = max(known, paper, key=lambda one: (one.issued is None or one.issued <= day, one.until or date.max))
    return papers


def verified_assets(assets: Iterable[Row]) -> dict[str, Paper]:
    """Lifts and pressure vessels that have to be inspected again after `verified_to`, by asset; a word of the kind tells them."""
    rows = [row for row in assets if row.get("verified_to") and INSPECTED_KINDS & set(row.get("kind", "").split("_"))]
    return {row["asset"]: Paper("asset", row.get("name", row["asset"]), None, day_of(row["verified_to"])) for row in rows}


def licence(supplier: str, row: Row | None) -> Paper:
    """A supplier's licence, missing where the table knows no last day."""
    until = day_of((row or {}).get("licence_to"))
    return Paper("supplier", (row or {}).get("name", supplier), None, until, missing=until is None)


def has_report(documents: Iterable[Row], lot: str) -> bool:
    """Whether one of a supplier's documents is about a batch: its subject or its number is the batch."""
    return any(row.get("kind", "certificate") in REPORT_KINDS and lot in (row.get("subject"), row.get("number")) for row in documents)


def new_date(values: Mapping[str, Any]) -> date | None:
    """The day that a paper handed in is good until: `expires`, else the latest date among the values; None without one."""
    if values.get("expires"):
        return day_of(values["expires"])
    return max(filter(None, map(day_of, values.values())), default=None)


def day_of(value: object) -> date | None:
    """The day of a date or time in ISO 8601; None for what is none."""
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError:
        return None
