"""Looks on mannequins and in windows: which of their sizes a shop can sell, which look is worth most, and what one added to sales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.gs1.numbers import item_key

HOUR = timedelta(hours=1)
Row = Mapping[str, Any]
Books = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Size:
    """One size of a style. `share` of the style's demand, `sellable` pieces beyond the displayed ones; None where not known."""

    share: float | None
    sellable: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """`margin` of its pieces together in minor units, `coverage` of its worst piece, `heat` from 0 to 1."""

    id: str
    margin: float
    coverage: float
    heat: float

    @property
    def worth(self) -> float:
        return self.margin * self.coverage * self.heat


def coverage(sizes: Sequence[Size]) -> float | None:
    """Share of a style's demand whose sizes can be sold; equal shares unless all are known. None where no stock is known at all.

    A size whose stock is not known, where that of another is, has none.
    """
    if all(size.sellable is None for size in sizes):
        return None
    shares = [size.share for size in sizes]
    known = [1.0] * len(sizes) if any(share is None for share in shares) else [float(share or 0) for share in shares]
    whole = sum(known)
    there = sum(share for share, size in zip(known, sizes, strict=True) if (size.sellable or 0) >= 1)
    return there / whole if whole > 0 else 0.0


def best(looks: Iterable[Look]) -> Look | None:
    """The look that is worth most, of equal ones the first by id."""
    return min(looks, key=lambda look: (-round(look.worth, 6), look.id), default=None)


def uplift(before: float, after: float, category_before: float, category_after: float) -> float | None:
    """Sales after over what they would have been with the category's growth alone, less 1; None without sales before."""
    if before <= 0 or category_before <= 0 or category_after <= 0:
        return None
    return after / (before * category_after / category_before) - 1


def sell(hours: dict[str, float], at: datetime, units: float, days: int) -> None:
    """Enter units sold into a book by the hour (UTC, `2026-03-02T10`) that keeps so many days before the latest sale."""
    name = f"{at:%Y-%m-%dT%H}"
    hours[name] = hours.get(name, 0) + units
    oldest = f"{datetime.fromisoformat(max(hours) + ':00:00+00:00') - timedelta(days=days) - HOUR:%Y-%m-%dT%H}"
    for gone in [hour for hour in hours if hour < oldest]:
        del hours[gone]


def sold(hours: Mapping[str, float], begin: datetime) -> float:
    """Units since the hour of a moment."""
    return sum(units for hour, units in hours.items() if hour >= f"{begin:%Y-%m-%dT%H}")


def piece_of(row: Row) -> str:
    """A style in one colour; what has no style is a piece by itself."""
    return f"{row['style']}|{row.get('colour') or ''}" if row.get("style") else item_key(row["gtin"])


def by_piece(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Products by their piece."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(piece_of(row), []).append(row)
    return dict(sorted(found.items()))


def by_look(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Products by `look`, each look's by GTIN; those of no look are left out."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: item_key(row["gtin"])):
        if row.get("look"):
            found.setdefault(row["look"], []).append(row)
    return dict(sorted(found.items()))


def margin(rows: Iterable[Row], price: Callable[[Row], int | None]) -> int:
    """Price less cost of the first product with both of each piece, together, in minor units."""
    total = 0
    for sizes in by_piece(rows).values():
        priced = ((price(row), row["cost"]) for row in sizes if row.get("cost") is not None)
        total += next((found - cost for found, cost in priced if found is not None), 0)
    return total


def names_of(row: Row) -> list[str]:
    """The books that a product's sales go into: its category's and, where it has a style, its piece's."""
    return [*([f"sold:{piece_of(row)}"] if row.get("style") else []), f"category:{row.get('category')}"]


def begin_effect(look: str, rows: Sequence[Row], books: Books, at: datetime, window: timedelta) -> dict[str, Any]:
    """An effect to be measured from `at` on, as plain JSON; the sales before come from the books, to the hour."""
    names = sorted({f"sold:{piece_of(row)}" for row in rows}), sorted({f"category:{row.get('category')}" for row in rows})
    before = [sum(sold(books.get(name, {}), at - window) for name in group) for group in names]
    return {"name": look, "at": rfc3339(at), "to": rfc3339(at + window), "names": names, "look": [before[0], 0], "category": [before[1], 0]}


def enter_sale(effect: dict[str, Any], name: str, units: float, at: datetime) -> None:
    """A sale after the look was put on, or one of the time before that is told late."""
    begin, end = parse_time(effect["at"]), parse_time(effect["to"])
    for part, names in zip(("look", "category"), effect["names"], strict=True):
        if name in names and begin - (end - begin) <= at < end:
            effect[part][int(at >= begin)] += units


def effect_of(effect: Mapping[str, Any]) -> tuple[float, list[dict[str, Any]]] | None:
    """Percent that a look added, and the parts of its report; None where nothing can be compared."""
    counts = (*effect["look"], *effect["category"])
    added = uplift(*counts)
    if added is None:
        return None
    names = ("before", "after", "category_before", "category_after")
    return 100 * added, [{"name": name, "value": value} for name, value in zip(names, counts, strict=True)]


def heat_of(rows: Iterable[Row], scores: Mapping[str, float], default: float) -> float:
    """The mean heat of a look's styles as shares of the hottest style's score, `default` for a style without one."""
    hottest = max(scores.values(), default=0.0)
    styles = sorted({row.get("style") or row["gtin"] for row in rows})
    return sum(scores[style] / hottest if hottest > 0 and style in scores else default for style in styles) / len(styles)


def is_worn(seen: Mapping[str, Any], look: Sequence[Row], before: Iterable[Row]) -> bool:
    """Whether a `vision.item` shows a look: its likeliest candidate is one of its items, or has a colour that was not there before."""
    best: Row = max(seen["candidates"], key=lambda one: one["score"], default={})
    gtin = seen.get("chosen") or best.get("gtin")
    if gtin and item_key(gtin) in {item_key(row["gtin"]) for row in look}:
        return True
    new = {row.get("colour") for row in look} - {row.get("colour") for row in before} - {None}
    return bool({best.get("class"), best.get("colour")} & new)
