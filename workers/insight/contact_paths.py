"""Paths of contacts that lead to purchases, person by person: the input of an attribution, as plain JSON.

A contact is `[when, channel, receipt]` (RFC 3339; the receipt it was used on, or None), a sale `[when, number, revenue, margin]` in minor
units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from storeloom.core.kernel.events import parse_time

ALIASES = {"work_chat": "chat", "official_account": "chat", "mini_program": "chat", "push": "app_push", "signage": "screen"}
SEPARATORS = (":", "_", "-", "/")


class Closed(NamedTuple):
    """A path: its channels, and the sale that closed it; None where none came."""

    channels: tuple[str, ...]
    sale: Sequence[Any] | None


def channel_of(names: Iterable[str | None], channels: Sequence[str]) -> str | None:
    """The first of these names that is one of the channels: itself, by another name for it, or as the first word of a campaign."""
    for name in names:
        for known in (name, ALIASES.get(name or "")):
            if known in channels:
                return known
        for channel in channels:
            if name and any(name.startswith(channel + separator) for separator in SEPARATORS):
                return channel
    return None


def shortened(channels: Iterable[str], most: int) -> tuple[str, ...]:
    """Consecutive contacts of one channel as one; of a longer path the newest."""
    kept: list[str] = []
    for channel in channels:
        if not kept or kept[-1] != channel:
            kept.append(channel)
    return tuple(kept[-most:])


def closed(
    contacts: Iterable[Sequence[Any]], sales: Iterable[Sequence[Any]], lookback: timedelta, until: datetime, most: int
) -> tuple[list[Closed], list[Sequence[Any]]]:
    """The paths of a person that closed up to a time, those of sales without a contact with no channels, and the contacts still open."""
    when = {sale[1]: sale[0] for sale in sales}
    events: list[tuple[datetime, bool, Sequence[Any]]] = [
        (parse_time(min(one[0], when.get(one[2], one[0]))), False, one) for one in contacts
    ]
    events += [(parse_time(sale[0]), True, sale) for sale in sales]
    found: list[Closed] = []
    walked: list[tuple[datetime, Sequence[Any]]] = []

    def lost(now: datetime) -> None:
        if walked and walked[-1][0] + lookback <= now:
            found.append(Closed(shortened((one[1] for _, one in walked), most), None))
            walked.clear()

    later = []
    for at, is_sale, one in sorted(events, key=lambda event: event[:2]):
        if at >= until:
            later += [] if is_sale else [one]
            continue
        if walked and walked[-1][0] + lookback < at:
            lost(at)
        if is_sale:
            found.append(Closed(shortened((contact[1] for seen, contact in walked if at - seen <= lookback), most), one))
            walked.clear()
        else:
            walked.append((at, one))
    lost(until)
    return found, [one for _, one in walked] + later


def add(counts: dict[str, list[int]], paths: Iterable[Closed]) -> None:
    """Count paths by their channels, joined with `>`: how many, and how many bought."""
    for path in paths:
        if path.channels:
            seen = counts.setdefault(">".join(path.channels), [0, 0])
            seen[0] += 1
            seen[1] += path.sale is not None


def merged(books: Iterable[Mapping[str, Sequence[int]]]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Counts of several months together, by channels."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for book in books:
        for name, (count, bought) in book.items():
            before = found.get(tuple(name.split(">")), (0, 0))
            found[tuple(name.split(">"))] = (before[0] + count, before[1] + bought)
    return found
