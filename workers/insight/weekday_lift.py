"""Growth of a product's daily sales over days of a campaign against the same weekdays of the weeks before it.

A before-and-after comparison by weekday: it takes out the week's pattern and nothing else. Season, prices and what rivals do stay in it, so
it tells how sales went, not what the campaign caused; `did` and `synthetic` compare with stores that had none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)


class Growth(NamedTuple):
    """Mean daily units of the campaign and of its weekdays before; `lift` in percent, None where the baseline is 0."""

    campaign: float
    baseline: float

    @property
    def lift(self) -> float | None:
        return 100 * (self.campaign / self.baseline - 1) if self.baseline > 0 else None


def growth(units: Mapping[str, float], days: Iterable[date], weeks: int, since: date) -> Growth | None:
    """The growth of units (by ISO day, none where nothing was sold) over a campaign's days.

    Each of its days is held against the mean of its weekday in the `weeks` before the first of them, of which only days from `since` on
    (the first with records) are known. None without days, or where the weekday of one was never recorded before.
    """
    campaign = sorted(days)
    if not campaign:
        return None
    before = [one for n in range(1, 7 * weeks + 1) if (one := campaign[0] - n * DAY) >= since]
    expected = []
    for day in campaign:
        alike = [units.get(one.isoformat(), 0) for one in before if one.weekday() == day.weekday()]
        if not alike:
            return None
        expected.append(sum(alike) / len(alike))
    sold = [units.get(day.isoformat(), 0) for day in campaign]
    return Growth(sum(sold) / len(sold), sum(expected) / len(expected))
