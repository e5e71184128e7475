"""What the visitors of a store prefer at a time of day, against the chain's mix: shrunken shares, their index, and parts of the store day.

The share of a product is shrunk towards the chain's mix by so many units of it (the posterior mean of a multinomial under a Dirichlet prior
whose mean is the mix: Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, section 3.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.gs1 import item_key

DAYPART = r"^(open|([01]\d|2[0-3]):[0-5]\d)-(close|24:00|([01]\d|2[0-3]):[0-5]\d)$"


def share(units: float, all_units: float, mix: float, shrink: float) -> float:
    """(units + shrink x mix) / (all + shrink); the mix itself where there is nothing else."""
    return (units + shrink * mix) / (all_units + shrink) if all_units + shrink > 0 else mix


def chain_mix(products: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Shares 0..1 by item of the rows that tell a `chain_mix`; a table that has one above 1 is written in percent."""
    told = {item_key(row["gtin"]): float(row["chain_mix"]) for row in products if row.get("chain_mix") is not None}
    unit = 100 if any(value > 1 for value in told.values()) else 1
    return {item: value / unit for item, value in told.items()}


def whole_mix(told: Mapping[str, float], parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The chain's mix, for other items the store's own over all parts of the day."""
    sums: dict[str, float] = {}
    for part in parts:
        for item, units in part.items():
            sums[item] = sums.get(item, 0) + units
    whole = sum(sums.values())
    own = {item: units / whole for item, units in sums.items()} if whole > 0 else {}
    return {**own, **told}


def indexes(units: Mapping[str, float], mix: Mapping[str, float], shrink: float) -> dict[str, tuple[float, float]]:
    """Share and index (share / mix) of every item that the mix knows."""
    whole = sum(units.values())
    shares = {item: share(units.get(item, 0), whole, part, shrink) for item, part in mix.items() if part > 0}
    return {item: (own, own / mix[item]) for item, own in shares.items()}


def part_of(at: datetime, parts: Iterable[str], hours: StoreHours) -> str | None:
    """The first of the parts `open-11:00`, `14:00-close`... (half open) that holds an instant; None while the store is closed."""
    span = hours.span(at)
    if span is None:
        return None
    day = hours.trading_day(at)
    for part in parts:
        first, last = part.split("-")
        begin = span[0] if first == "open" else hours.at(day, first)
        end = span[1] if last == "close" else hours.at(day, last)
        if begin <= at < end:
            return part
    return None
