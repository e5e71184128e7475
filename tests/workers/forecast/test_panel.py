"""Panels: what is wrong with rows is told at once, what may be mended is mended by stated rules."""

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.forecast.panel import Panel, PanelFault, ahead, build

D = date(2025, 3, 3)


def rows(*found):
    return pl.DataFrame(found, schema=["unique_id", "ds", "y"], orient="row")


def codes(call):
    with pytest.raises(PanelFault) as caught:
        call()
    return [finding.code for finding in caught.value.findings]


def values(panel: Panel, name="a"):
    return panel.frame.filter(pl.col("unique_id") == name)["y"].to_list()


def test_gaps_sold_nothing_and_series_end_together():
    panel = build(rows(("a", date(2025, 3, 1), 2.0), ("a", date(2025, 3, 3), 3.0), ("b", date(2025, 3, 4), 1.0)))
    assert values(panel) == [2.0, 0.0, 3.0, 0.0]
    assert values(panel, "b") == [1.0]
    filled, single = panel.findings
    assert (filled.code, dict(filled.args)) == ("SL-FCT-09", {"count": 2, "series": 1, "zero": 2, "unknown": 0})
    assert (single.code, single.args["series"]) == ("SL-FCT-11", "b")


def test_closed_days_and_sold_out_ones_are_unknown():
    given = rows(("a", date(2025, 3, 1), 2.0), ("a", date(2025, 3, 3), 3.0), ("a", date(2025, 3, 4), 4.0))
    closed = pl.DataFrame({"ds": [date(2025, 3, 2), date(2025, 3, 4)]})
    hidden = pl.DataFrame({"unique_id": ["a"], "ds": [date(2025, 3, 3)]})
    panel = build(given, closed=closed, hidden=hidden)
    assert values(panel) == [2.0, None, None, 4.0]
    assert [one.code for one in panel.findings] == ["SL-FCT-09", "SL-FCT-13"], "sales on a closed day count, and are told"


def test_null_stays_unknown_to_the_last_day():
    panel = build(
        rows(("a", date(2025, 3, 1), 2.0), ("a", date(2025, 3, 2), None), ("a", date(2025, 3, 4), -1.0), ("a", date(2025, 3, 5), None))
    )
    assert values(panel) == [1.0, None, 0.0, 0.0, None]
    assert dict(panel.findings[1].args) == {"count": 1, "series": 1, "zero": 1, "unknown": 0}


def test_times_as_text():
    found = build(rows(("a", "2025-03-01", 1.0), ("a", "2025-03-02T00:00", 2.0), ("a", "2025-03-03 00:00:00.000", 3.0)))
    assert values(found) == [1.0, 2.0, 3.0]


def test_gaps_of_meters_are_unknown():
    assert values(build(rows(("a", date(2025, 3, 1), 2.0), ("a", date(2025, 3, 3), 3.0)), gaps=None)) == [2.0, None, 3.0]


def test_returns_are_taken_off_the_latest_sales_before():
    given = rows(
        ("a", date(2025, 3, 1), 5.0),
        ("a", date(2025, 3, 2), 1.0),
        ("a", date(2025, 3, 3), -3.0),
        ("b", D, -2.0),
        ("b", date(2025, 3, 4), 1.0),
    )
    panel = build(given)
    assert values(panel) == [3.0, 0.0, 0.0, 0.0]
    assert values(panel, "b") == [0.0, 1.0]
    assert dict(panel.findings[0].args) == {"count": 2, "units": "3", "left": "2"}


def test_repeats_are_a_fault_but_lines_are_summed():
    given = rows(("a", D, 1.0), ("a", D, 2.0), ("a", D, 2.0))
    assert codes(lambda: build(given)) == ["SL-FCT-04"]
    assert values(build(given, lines=True)) == [5.0]


def test_all_faults_are_told_at_once():
    given = rows(("a", D, 1.0), ("a", D, 1.0), ("a", date(2026, 1, 1), 1.0), (None, D, 1.0), ("b", D, 1e12), ("c", D, float("inf")))
    assert codes(lambda: build(given, until=D)) == ["SL-FCT-03", "SL-FCT-03", "SL-FCT-04", "SL-FCT-05"]


def test_empty_input_and_missing_columns():
    assert codes(lambda: build(pl.DataFrame({"unique_id": [], "day": []}))) == ["SL-FCT-01", "SL-FCT-02", "SL-FCT-02"]


def test_text_that_is_no_number_or_no_date():
    assert codes(lambda: build(rows(("a", "2025-03-01", "two"), ("a", "2025-03-02", "3")))) == ["SL-FCT-03"]
    assert codes(lambda: build(rows(("a", "2025-03-01", 1.0), ("a", "2025-02-30", 1.0)))) == ["SL-FCT-03"]


def test_times_with_and_without_an_offset_do_not_mix():
    mixed = rows(("a", "2025-03-01T10:00:00+08:00", 1.0), ("a", "2025-03-01T11:00:00", 1.0))
    assert codes(lambda: build(mixed, "1h", zone="Asia/Shanghai")) == ["SL-FCT-06"]
    whole = rows(("a", "2025-03-01T10:00:00+08:00", 1.0), ("a", "2025-03-01T03:00:00Z", 2.0))
    assert codes(lambda: build(whole, "1h")) == ["SL-FCT-07"]
    panel = build(whole, "1h", zone="Asia/Shanghai")
    assert panel.frame["ds"].to_list() == [datetime(2025, 3, 1, 10), datetime(2025, 3, 1, 11)]


def test_a_late_sale_counts_for_the_stores_day():
    late = rows(("a", datetime(2025, 3, 1, 17, 30), 1.0)).with_columns(pl.col("ds").dt.replace_time_zone("UTC"))
    assert build(late, zone="Asia/Shanghai", lines=True).frame["ds"].to_list() == [date(2025, 3, 2)]


def test_the_clock_change_in_spring_is_unknown_and_the_one_in_autumn_summed():
    utc = [datetime(2025, 3, 30, 0), datetime(2025, 3, 30, 1)]  # Berlin 01:00, then 03:00
    spring = pl.DataFrame({"unique_id": "a", "ds": utc, "y": [1.0, 2.0]}).with_columns(pl.col("ds").dt.replace_time_zone("UTC"))
    assert values(build(spring, "1h", zone="Europe/Berlin")) == [1.0, None, 2.0]
    utc = [datetime(2025, 10, 26, 0), datetime(2025, 10, 26, 1), datetime(2025, 10, 26, 2)]  # 02:00 twice, then 03:00
    autumn = pl.DataFrame({"unique_id": "a", "ds": utc, "y": [1.0, 2.0, 4.0]}).with_columns(pl.col("ds").dt.replace_time_zone("UTC"))
    assert values(build(autumn, "1h", zone="Europe/Berlin")) == [3.0, 4.0]


def test_weeks_begin_on_monday():
    assert codes(lambda: build(rows(("a", date(2025, 3, 5), 1.0)), "1w")) == ["SL-FCT-08"]
    assert build(rows(("a", date(2025, 3, 5), 1.0), ("a", date(2025, 3, 3), 1.0)), "1w", lines=True).frame.rows() == [("a", D, 2.0)]


def test_series_that_never_sold_and_spikes_are_told():
    spiky = [("a", date(2025, 3, day), 2.0) for day in range(1, 8)] + [("a", date(2025, 3, 8), 101.0), ("b", date(2025, 3, 7), 0.0)]
    found = {one.code: one.args for one in build(rows(*spiky)).findings}
    assert found["SL-FCT-12"]["series"] == "b"
    assert (found["SL-FCT-14"]["step"], found["SL-FCT-14"]["got"]) == ("2025-03-08", "101")


def test_unknown_frequency():
    with pytest.raises(ValueError, match="freq is '1mo'"):
        build(rows(("a", D, 1.0)), "1mo")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.integers(-5, 20)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_unit_is_invented_or_lost(lines):
    given = rows(*[(name, date.fromordinal(D.toordinal() + day), float(units)) for name, day, units in lines])
    panel = build(given, lines=True)
    left = sum(float(one.args["left"]) for one in panel.findings if one.code == "SL-FCT-10")
    assert panel.frame["y"].min() >= 0
    assert panel.frame["y"].sum() == pytest.approx(given["y"].sum() + left)
    steps = panel.frame.group_by("unique_id").agg((pl.col("ds").max() - pl.col("ds").min()).dt.total_days() + 1 - pl.len())
    assert steps["ds"].to_list() == [0] * steps.height, "each series is whole"


def test_steps_ahead():
    assert ahead(D, "1w", 2) == [date(2025, 3, 10), date(2025, 3, 17)]
    assert ahead(datetime(2025, 3, 3, 23, 45), "15m", 1) == [datetime(2025, 3, 4)]
