"""Weather as it was forecast at the time: what a step was expected to bring, by how long before.

A back-test that sees the weather of the day, or a forecast issued after its origin, promises what no store can have. So each origin takes
for the steps ahead the latest forecast issued by then; beyond the last of these, climate: the mean of days of earlier years within ten
days of that date, or, in the first year, the mean of the last 28 days (of hours: the same hours). Steps before the origin hold the forecast
of the step before, or where none is kept what was observed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEAR_DAYS = 10
RECENT_DAYS = 28
YEAR = 365


@dataclass(frozen=True)
class Vintage:
    """A figure of the weather over steps (history and ahead).

    `best`: steps x leads; column k holds the latest forecast issued at least k steps before its step, NaN where there is none. `past`: what
    a step before the origin is taken to have brought, NaN where nothing says. `a_day`: steps of a day.
    """

    best: Array
    past: Array
    a_day: int

    def cut(self, steps: int) -> Vintage:
        """Its first steps."""
        return Vintage(self.best[:steps], self.past[:steps], self.a_day)

    def at(self, origin: int) -> Array:
        """The figure for all steps as it was known after the first `origin`; 0 where nothing was known by then."""
        found = self.past.copy()
        found[origin:] = self._told(origin)
        known = np.flatnonzero(~np.isnan(self.past[:origin]))
        for step in np.flatnonzero(np.isnan(found)).tolist():
            found[step] = self._climate(step, known)
        return found

    def beyond(self, origin: int) -> NDArray[np.int64]:
        """Steps ahead that no forecast issued by then reaches: climate stands there."""
        return origin + np.flatnonzero(np.isnan(self._told(origin)))

    def _told(self, origin: int) -> Array:
        steps, reach = np.arange(origin, len(self.past)), self.best.shape[1]
        lead = steps - origin + 1
        found: Array = np.where(lead < reach, self.best[steps, np.minimum(lead, reach - 1)], np.nan)
        return found

    def _climate(self, step: int, known: NDArray[np.int64]) -> float:
        like = known[(known - step) % self.a_day == 0]
        if not len(like):
            return 0.0
        days = like // self.a_day
        apart = step // self.a_day - days
        years = np.round(apart / YEAR)
        earlier = like[(years >= 1) & (np.abs(apart - YEAR * years) <= NEAR_DAYS)]
        recent = like[days > days[-1] - RECENT_DAYS]
        return float(self.past[earlier if len(earlier) else recent].mean())
