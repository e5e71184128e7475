"""Parking fees by blocks with a cap for each 24 hours from entry, and what shopping and membership take off them. Money is minor units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

DAY_MIN = 1440


class ParkingTariff(NamedTuple):
    """A stay up to `free_min` minutes costs nothing, else a first block and further ones, at most `cap` for each 24 hours."""

    free_min: int
    first_min: int
    first_fee: int
    next_min: int
    next_fee: int
    cap: int

    def with_row(self, row: Mapping[str, Any] | None) -> ParkingTariff:
        """The tariff with what a row of the table `tariffs` of kind parking names of it."""
        names = {"fixed": "first_fee", "price": "next_fee", "block_min": "next_min", "free_min": "free_min", "cap": "cap"}
        given = {name: row[field] for field, name in names.items() if row.get(field) is not None} if row else {}
        return self._replace(**given)

    def fee(self, minutes: int) -> int:
        """The fee of a stay, its free minutes left out of account; nothing for no minutes."""
        days, rest = divmod(max(0, minutes), DAY_MIN)
        return days * self._day(DAY_MIN) + self._day(rest)

    def _day(self, minutes: int) -> int:
        if minutes == 0:
            return 0
        blocks = math.ceil(max(0, minutes - self.first_min) / self.next_min)
        return min(self.cap, self.first_fee + blocks * self.next_fee)

    def gross(self, minutes: int) -> int:
        """What a stay costs before discounts."""
        return 0 if minutes <= self.free_min else self.fee(minutes)

    def extra(self, minutes: int, whole: int, charged: int) -> int:
        """Further blocks for minutes since a payment; with the `charged` no more than the caps of the `whole` stay."""
        return max(0, min(math.ceil(max(0, minutes) / self.next_min) * self.next_fee, math.ceil(whole / DAY_MIN) * self.cap - charged))


def minutes_between(begin: datetime, end: datetime) -> int:
    """Whole minutes of a stay, a begun one counted."""
    return max(0, math.ceil((end - begin).total_seconds() / 60))


def tier_minutes(tiers: Iterable[Sequence[int]], spend: int) -> int:
    """Minutes that a spend earns: those of the best tier (spend, minutes) that it reaches."""
    return max((minutes for least, minutes in tiers if spend >= least), default=0)


def discounts(tariff: ParkingTariff, minutes: int, offs: Sequence[tuple[str, int]], most: int) -> list[dict[str, Any]]:
    """What each source of minutes (in turn) takes off the fee of a stay, together at most `most` minutes: `source`, `minutes`, `amount`."""
    found: list[dict[str, Any]] = []
    taken = 0
    for source, off in offs:
        part = min(off, most - taken)
        if part > 0:
            amount = tariff.fee(max(0, minutes - taken)) - tariff.fee(max(0, minutes - taken - part))
            found.append({"source": source, "minutes": part, "amount": amount})
            taken += part
    return found
