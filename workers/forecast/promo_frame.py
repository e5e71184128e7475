"""The days about a promotion, and an item's sales in them beside what it would have sold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.forecast import day_book
from storeloom.workers.forecast.day_book import DAY, Book
from storeloom.workers.forecast.promo_baseline import Baseline, baseline
from storeloom.workers.forecast.regressors import Span, columns

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """The promoted days `first` to `last`, `weeks` of history before and `post` days after; `shut`: days closed; `calendar`: spans of days
    by kind; `promoted`: each item's days on promotion, of all promotions; days with more than `stockout_hours` empty are left out."""

    first: date
    last: date
    weeks: int
    post: int
    stockout_hours: float
    shut: frozenset[date] = frozenset()
    calendar: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    promoted: Mapping[str, frozenset[date]] = field(default_factory=dict)

    @cached_property
    def before(self) -> list[date]:
        return day_book.span(self.first - 7 * self.weeks * DAY, self.first - DAY)

    @cached_property
    def ahead(self) -> list[date]:
        """The promotion's days and those after it."""
        return day_book.span(self.first, self.last + self.post * DAY)

    @cached_property
    def after(self) -> list[date]:
        return self.ahead[(self.last - self.first).days + 1 :]

    @cached_property
    def drivers(self) -> Any:
        """Calendar columns over all days, None without entries."""
        return columns([*self.before, *self.ahead], self.calendar, {}) if any(self.calendar.values()) else None

    def days_of(self, item: str, spans: Iterable[Span]) -> list[date]:
        """The item's promoted days within the frame."""
        return sorted({day for begin, end in spans for day in day_book.span(max(begin, self.first), min(end, self.last))})


def frame(
    first: date,
    last: date,
    *,
    weeks: int,
    post: int,
    stockout_hours: float,
    calendar: Iterable[Sequence[str]],
    promoted: Iterable[tuple[Iterable[str], Span]],
    opens: Callable[[date], bool],
) -> Frame:
    """The frame of a promotion. `calendar`: kind, first and last day; closures shut the store, and promotions are no drivers, since they
    are known product by product: `promoted`, items and days of each; `opens`: whether the store opens on a day at all."""
    spans: dict[str, list[Span]] = {}
    for kind, begin, end in calendar:
        spans.setdefault(kind, []).append((date.fromisoformat(begin), date.fromisoformat(end)))
    spans.pop("promotion", None)
    closed = {day for span in spans.pop("closure", ()) for day in day_book.span(*span)}
    days = day_book.span(first - 7 * weeks * DAY, last + post * DAY)
    taken: dict[str, frozenset[date]] = {}
    for items, span in promoted:
        for item in items:
            taken[item] = taken.get(item, frozenset()).union(day_book.span(*span))
    shut = frozenset(day for day in days if day in closed or not opens(day))
    return Frame(first, last, weeks, post, stockout_hours, shut, spans, taken)


class Sales:
    """An item in one store within a frame, known since its first sale; `foreseen`: units by day, should the history be too short."""

    def __init__(self, frame: Frame, item: str, book: Book, foreseen: Mapping[str, float] | None = None) -> None:
        self.frame, self.item, self.book, self.foreseen = frame, item, book, foreseen
        self.out = day_book.sold_out(book, frame.stockout_hours)
        self.promoted = frame.promoted.get(item, frozenset())

    @cached_property
    def plain_days(self) -> list[date]:
        """The days of history that make the baseline."""
        since = day_book.first_day(self.book) or self.frame.first
        left_out = self.out | self.promoted | self.frame.shut
        return [day for day in self.frame.before if day >= since and day not in left_out]

    @cached_property
    def baseline(self) -> Baseline:
        plain = set(self.plain_days)
        units = day_book.column(self.book, self.frame.before)
        history = [max(0.0, sold) if day in plain else None for day, sold in zip(self.frame.before, units, strict=True)]
        foreseen = None if self.foreseen is None else [self.foreseen.get(day.isoformat(), 0.0) for day in self.frame.ahead]
        shut = [day in self.frame.shut for day in self.frame.ahead]
        return baseline(history, len(self.frame.ahead), regressors=self.frame.drivers, shut=shut, forecast=foreseen)

    def units(self, days: Iterable[date]) -> float:
        return sum(day_book.column(self.book, days))

    def amount(self, days: Iterable[date]) -> float:
        return sum(day_book.column(self.book, days, day_book.AMOUNT))

    def base(self, days: Sequence[date]) -> float:
        """Units to be expected on days ahead."""
        return float(self.baseline.mean[self._places(days)].sum())

    def draws(self, days: Sequence[date], seed: int) -> Array:
        """What they might have been."""
        return self.baseline.sums(self._places(days), seed)

    def in_stock(self, days: Iterable[date]) -> list[date]:
        """The days that were not sold out."""
        return [day for day in days if day not in self.out]

    def usual_price(self) -> float | None:
        """What was paid a unit on the days that make the baseline; None where nothing was sold."""
        units = self.units(self.plain_days)
        return self.amount(self.plain_days) / units if units > 0 else None

    def units_a_receipt(self) -> float | None:
        """Of the days that make the baseline; None without a receipt."""
        receipts = sum(day_book.column(self.book, self.plain_days, day_book.RECEIPTS))
        return self.units(self.plain_days) / receipts if receipts > 0 else None

    def _places(self, days: Iterable[date]) -> list[int]:
        return [(day - self.frame.first).days for day in days]
