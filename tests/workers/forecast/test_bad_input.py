"""Bad input over the whole engine: what is mended is mended by the stated rule, what cannot be is told, all at once."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.forecast.backtest import backtest
from storeloom.workers.forecast.censored import uncensor
from storeloom.workers.forecast.chain import forecast
from storeloom.workers.forecast.hierarchy import arrange
from storeloom.workers.forecast.panel import PanelFault, build, skipped
from storeloom.workers.forecast.reconcile import forecast as reconciled_forecast
from tests.workers.forecast.series import panel_of, sales

D = date(2025, 3, 3)
QUICK = ("naive", "seasonal_naive", "window_average", "rates", "sba")


def rows(*found):
    return pl.DataFrame(found, schema=["unique_id", "ds", "y"], orient="row", strict=False)


def days(values, name="a", first=D):
    return rows(*[(name, first + timedelta(days=day), value) for day, value in enumerate(values)])


def hours(count, first):
    stamps = [first + timedelta(hours=hour) for hour in range(count)]
    return pl.DataFrame({"unique_id": "m", "ds": stamps, "y": [10.0 + hour % 24 for hour in range(count)]})


def sound(told, series, horizon):
    numbers = told.frame.select("mean", "q2.5", "q10", "q50", "q90", "q97.5").to_numpy()
    assert numbers.shape == (series * horizon, 6)
    assert np.isfinite(numbers).all()
    assert numbers.min() >= 0
    assert (np.diff(numbers[:, 1:], axis=1) >= 0).all()


FAULTS = {
    "empty": (lambda: build(rows()), ["SL-FCT-01"]),
    "no columns": (lambda: build(pl.DataFrame({"sku": ["a"]})), ["SL-FCT-02"] * 3),
    "NaN": (lambda: build(days([1.0, float("nan")])), ["SL-FCT-03"]),
    "infinite": (lambda: build(days([1.0, float("-inf")])), ["SL-FCT-03"]),
    "huge": (lambda: build(days([1.0, 1e12])), ["SL-FCT-03"]),
    "lists": (lambda: build(pl.DataFrame({"unique_id": ["a"], "ds": [D], "y": [[1.0]]})), ["SL-FCT-03"]),
    "numbers for days": (lambda: build(rows(("a", 20250301, 1.0))), ["SL-FCT-03"]),
    "the same day twice": (lambda: build(pl.concat([days([1.0]), days([2.0])])), ["SL-FCT-04"]),
    "days to come": (lambda: build(days([1.0, 2.0]), until=D), ["SL-FCT-05"]),
    "with and without offset": (lambda: build(rows(("a", "2025-03-01T10:00Z", 1.0), ("a", "2025-03-01T11:00", 1.0)), "1h"), ["SL-FCT-06"]),
    "no zone": (lambda: build(hours(2, datetime(2025, 3, 1)).with_columns(pl.col("ds").dt.replace_time_zone("UTC")), "1h"), ["SL-FCT-07"]),
    "no such zone": (lambda: build(days([1.0]), zone="Mars/Base"), ["SL-FCT-35"]),
    "half past": (lambda: build(hours(2, datetime(2025, 3, 1, 0, 30)), "1h"), ["SL-FCT-08"] * 1),
    "a mistyped year": (lambda: build(pl.concat([days([1.0]), days([1.0], first=date(1925, 3, 3))])), ["SL-FCT-36"]),
    "closed without days": (lambda: build(days([1.0]), closed=pl.DataFrame({"day": [D]})), ["SL-FCT-02"]),
    "closed on no day": (lambda: build(days([1.0]), hidden=pl.DataFrame({"ds": ["2025-02-30"]})), ["SL-FCT-03"]),
    "closed ahead without days": (lambda: forecast(panel_of(sales(1, 40)), 2, closed=pl.DataFrame({"day": [D]})), ["SL-FCT-02"]),
    "two at once": (lambda: build(days([1.0, float("nan")]), zone="Mars/Base", closed=pl.DataFrame({"x": [1]})),
                    ["SL-FCT-03", "SL-FCT-35", "SL-FCT-02"]),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_what_cannot_be_mended_is_told(what):
    call, codes = FAULTS[what]
    with pytest.raises(PanelFault) as caught:
        call()
    assert [finding.code for finding in caught.value.findings] == codes


MENDED = {
    "gaps": ([3.0, None, 5.0] * 30, []),
    "returns beyond sales": ([4.0, -1.0] * 40, ["SL-FCT-10"]),
    "one point": ([3.0], ["SL-FCT-11"]),
    "all zeros": ([0.0] * 80, ["SL-FCT-12"]),
    "nothing known": ([None] * 80, ["SL-FCT-12"]),
    "a spike": ([2.0] * 79 + [500.0], ["SL-FCT-14"]),
    "the most allowed": ([1e9, 5e8] * 40, []),
    "next to nothing": ([1e-300] * 80, []),
    "two points far apart": ([1.0] + [None] * 300 + [1.0], []),
}


@pytest.mark.parametrize("what", MENDED)
def test_what_is_mended_forecasts_soundly(what):
    values, codes = MENDED[what]
    panel = build(days(values))
    assert [finding.code for finding in panel.findings] == codes
    sound(forecast(panel, 7, methods=QUICK), 1, 7)


def test_all_of_it_in_one_panel_and_its_sums():
    """Odd series spoil no other, and the engine's other parts take them too."""
    length = 120
    odd = [np.zeros(length), np.full(length, np.nan), np.full(length, 1e9), np.append(np.full(length - 1, np.nan), 3.0)]
    panel = panel_of(np.vstack([*odd, sales(3, length)]))
    sound(forecast(panel, 7, methods=QUICK), 7, 7)
    names = pl.DataFrame({"unique_id": panel.ids, "store": ["1", "2"] * 3 + ["1"]})
    sound(reconciled_forecast(panel, 7, arrange(names, [("store",)]), candidates=QUICK), 10, 7)
    assert backtest(panel, 7, 2, ("auto",), candidates=QUICK, calibration=2).of("auto", "wape") >= 0
    out = pl.DataFrame({"unique_id": ["s001", "nobody"], "ds": [panel.last, panel.last], "sold": [2.0, 1.0]})
    assert uncensor(panel, out).frame["unique_id"].to_list() == ["s001"]


def test_hours_over_both_changes_of_the_clock():
    """Berlin: 30 March has no 02:00, 26 October has it twice. Hours stay the store's own; the skipped one ahead is named and left out."""
    utc = hours(24 * 40, datetime(2025, 2, 17)).with_columns(pl.col("ds").dt.replace_time_zone("UTC"))
    panel = build(utc, "1h", zone="Europe/Berlin", gaps=None)
    last = panel.last
    assert last == datetime(2025, 3, 29, 0)
    gone = skipped(last, "1h", 48, "Europe/Berlin")
    assert gone["ds"].to_list() == [datetime(2025, 3, 30, 2)]
    told = forecast(panel, 48, methods=("seasonal_naive", "rates"), closed=gone).frame
    assert told.filter(pl.col("ds") == datetime(2025, 3, 30, 2))["mean"].to_list() == [0.0]
    assert told.filter(pl.col("ds") == datetime(2025, 3, 30, 3))["mean"][0] > 5
    assert skipped(D, "1d", 40, "Europe/Berlin").height == 0
    autumn = hours(24 * 3, datetime(2025, 10, 25)).with_columns(pl.col("ds").dt.replace_time_zone("UTC"))
    twice = build(autumn, "1h", zone="Europe/Berlin", gaps=None).frame.filter(pl.col("ds") == datetime(2025, 10, 26, 2))
    assert twice["y"].to_list() == [10.0 + 10.0 + 1], "00:00 and 01:00 UTC"


@pytest.mark.parametrize(
    ("settings", "words"), [({"season": 0}, "season is 0"), ({"season": -7}, "season is -7"), ({"levels": (120,)}, "not 120")]
)
def test_settings_that_are_none(settings, words):
    with pytest.raises(ValueError, match=words):
        forecast(panel_of(sales(1, 40)), 3, **settings)
