"""A quote for a store: its parts, what they cost, what they draw, what its host must carry; from least to most, and what is not known.

Intervals are bounds: the sum of the least is the least, the sum of the most the most. What the price book does not know is named and not
guessed, so that a sum with something unknown is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from storeloom.core.kernel import schemas
from storeloom.core.kernel.capacity import needed
from storeloom.core.kernel.compose import Composition, needs
from storeloom.core.kernel.documents import Document
from storeloom.core.kernel.errors import DocumentFault
from storeloom.core.kernel.sources import open_document

EDGE = "edge"
BOOK = schemas.SCHEMAS / "prices.json"
SPREAD = 2.0  # the measured rates of vision varied by this factor between sittings of one machine
DAYS = 365


class Priced(Protocol):
    """What a part of a `kind` (`camera`, `camera/onvif_camera` for one driver, `edge` for the host) costs in minor units and draws."""

    @property
    def kind(self) -> str: ...
    @property
    def cost_low(self) -> int | None: ...
    @property
    def cost_high(self) -> int | None: ...
    @property
    def power_low_w(self) -> float | None: ...
    @property
    def power_high_w(self) -> float | None: ...
    @property
    def hours_per_day(self) -> float: ...
    @property
    def source(self) -> str: ...


Prices = Mapping[tuple[str, str], Priced]


@dataclass(frozen=True)
class Price:
    """A row of a price book; null: not known."""

    kind: str
    currency: str
    cost_low: int | None = None
    cost_high: int | None = None
    power_low_w: float | None = None
    power_high_w: float | None = None
    hours_per_day: float = 24.0
    source: str = ""


@dataclass(frozen=True)
class Span:
    """From least to most; None where nothing is known."""

    low: float
    high: float


@dataclass(frozen=True)
class Part:
    """Parts of one kind: how many the store has, which price holds, what they come to."""

    kind: str
    count: int
    priced_as: str | None
    cost: Span | None
    power_w: Span | None
    energy_kwh_year: Span | None
    source: str


@dataclass(frozen=True)
class Load:
    """What the host needs and has; `fits`: `yes`, `no`, `perhaps` within the spread of what was measured, `unknown` without a host."""

    need: Span
    have: float | None
    fits: str


@dataclass(frozen=True)
class Quote:
    """A store's quote; costs in minor units of `currency`. `complete` is false where something that counts is not known."""

    store: str
    currency: str
    parts: tuple[Part, ...]
    cost: Span
    energy_kwh_year: Span
    cores: Load
    memory_mb: Load
    unpriced: tuple[str, ...]
    unpowered: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not (self.unpriced or self.unpowered or self.lacking)


def read_price_book(path: str | Path) -> dict[tuple[str, str], Price]:
    """The prices of a file. DocumentFault where it cannot be read or is no price book."""
    return price_book(open_document(path, "prices/1"))


def price_book(document: Document) -> dict[tuple[str, str], Price]:
    """The prices of a document `prices/1`, by kind and currency. DocumentFault with all that is wrong with it."""
    findings = schemas.check(BOOK, document.data, place=lambda *keys: (document.path, document.line_of(*keys)))
    if findings:
        raise DocumentFault(findings)
    rows = [_price(row) for row in document.data["prices"]]
    return {(row.kind, row.currency): row for row in rows}


def _price(row: Mapping[str, Any]) -> Price:
    cost, power = (sorted(row.get(name) or (None, None), key=lambda end: end or 0) for name in ("cost", "power_w"))
    hours, source = float(row.get("hours_per_day", 24)), str(row.get("source", ""))
    return Price(row["kind"], row["currency"], cost[0], cost[1], power[0], power[1], hours, source)


def quote(store: str, composition: Composition, profile: Mapping[str, Any], prices: Prices) -> Quote:
    """The quote of a composed store, with errors or not. `lacking` are kinds of devices that its solutions need and it does not have."""
    currency = str(profile.get("currency", "CNY"))
    counts: dict[tuple[str, str | None], int] = {}
    for facts in _table(profile.get("devices")).values():
        key = str(_table(facts).get("kind", "")), _table(facts).get("adapter")
        counts[key] = counts.get(key, 0) + 1
    lacking = sorted(set(_lacking(composition)))
    parts = [_part(kind, adapter, count, currency, prices) for (kind, adapter), count in sorted(counts.items(), key=str)]
    parts.append(_part(EDGE, None, 1, currency, prices))
    total, _ = needed(composition.instances)
    edge = _table(profile.get("edge"))
    return Quote(
        store,
        currency,
        tuple(parts),
        _sum(part.cost for part in parts),
        _sum(part.energy_kwh_year for part in parts),
        _load(total.cores, edge.get("cores")),
        _load(total.memory_mb, edge.get("memory_mb")),
        tuple(part.kind for part in parts if part.cost is None),
        tuple(part.kind for part in parts if part.power_w is None),
        tuple(lacking),
    )


def _part(kind: str, adapter: str | None, count: int, currency: str, prices: Prices) -> Part:
    """A kind's parts at the price of their driver where the book has one, else at the kind's."""
    names = [f"{kind}/{adapter}", kind] if adapter else [kind]
    row = next((prices[name, currency] for name in names if (name, currency) in prices), None)
    name = names[0] if adapter else kind
    if row is None:
        return Part(name, count, None, None, None, None, "")
    cost = None if row.cost_low is None or row.cost_high is None else Span(count * row.cost_low, count * row.cost_high)
    power = None if row.power_low_w is None or row.power_high_w is None else Span(count * row.power_low_w, count * row.power_high_w)
    hours = row.hours_per_day * DAYS / 1000
    energy = None if power is None else Span(round(power.low * hours, 1), round(power.high * hours, 1))
    return Part(name, count, row.kind, cost, power, energy, row.source)


def _sum(spans: Iterable[Span | None]) -> Span:
    known = [span for span in spans if span is not None]
    return Span(round(sum(span.low for span in known), 1), round(sum(span.high for span in known), 1))


def _load(need: float, have: Any) -> Load:
    span = Span(round(need, 2), round(need * SPREAD, 2))
    if not isinstance(have, (int, float)):
        return Load(span, None, "unknown")
    return Load(span, float(have), "yes" if have >= span.high else "perhaps" if have >= span.low else "no")


def _lacking(composition: Composition) -> Iterable[str]:
    for one in composition.instances:
        for alternatives, optional in needs(one.entry):
            if not optional and not any(kind in one.devices for kind in alternatives):
                yield " / ".join(alternatives)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
