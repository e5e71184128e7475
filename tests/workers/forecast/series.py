"""Panels that the tests of the forecaster share: made up, with known laws."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from storeloom.workers.forecast.panel import Panel

FIRST = date(2025, 1, 6)  # a Monday
WEEKDAYS = np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.5, 0.8])


def panel_of(values, freq="1d", first=FIRST):
    """A panel of rows of values, one series each; nan is null."""
    steps = [first + timedelta(days=(7 if freq == "1w" else 1) * step) for step in range(np.shape(values)[1])]
    parts = [
        pl.DataFrame({"unique_id": f"s{row:03d}", "ds": steps, "y": [None if value != value else float(value) for value in series]})
        for row, series in enumerate(values)
    ]
    return Panel(pl.concat(parts), freq)


def sales(series, days, mean=10.0, seed=0, ratio=1.0):
    """Counts about a weekly profile: Poisson, or negative binomial with variance `ratio` x mean."""
    rng = np.random.default_rng(seed)
    means = mean * WEEKDAYS[np.arange(days) % 7] * np.ones((series, 1))
    if ratio == 1.0:
        return rng.poisson(means).astype(float)
    return rng.negative_binomial(means / (ratio - 1), 1 / ratio).astype(float)
