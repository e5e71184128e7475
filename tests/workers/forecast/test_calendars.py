"""Calendars against published dates: feasts of the moon, the State Council's adjusted days, run-ups, paydays, what is not announced."""

from datetime import date, timedelta

import polars as pl
import pytest

from storeloom.workers.forecast.calendars import CalendarFault, Event, calendar, events_of, feasts_of, spring_festival

# As published: the Purple Mountain Observatory's calendars and the notices of the State Council's General Office.
SPRING = (
    "2017-01-28 2018-02-16 2019-02-05 2020-01-25 2021-02-12 2022-02-01 2023-01-22 2024-02-10 2025-01-29 2026-02-17 2027-02-06 2028-01-26"
)
WORKED = {
    2024: "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12",
    2025: "01-26 02-08 04-27 09-28 10-11",
    2026: "01-04 02-14 02-28 05-09 09-20 10-10",
}
OFF_2025 = "01-01 01-28 01-29 01-30 01-31 02-03 02-04 04-04 05-01 05-02 05-05 06-02 10-01 10-02 10-03 10-06 10-07 10-08"
OTHERS = {
    "lantern": "2024-02-24 2025-02-12 2026-03-03",
    "qingming": "2024-04-04 2025-04-04 2026-04-05",
    "dragon_boat": "2024-06-10 2025-05-31 2026-06-19",
    "mid_autumn": "2024-09-17 2025-10-06 2026-09-25",
    "double_ninth": "2024-10-11 2025-10-29 2026-10-18",
}


def dates(text):
    return [date.fromisoformat(one) for one in text.split()]


def china(first, last, **more):
    return calendar("CN", date.fromisoformat(first), date.fromisoformat(last), **more)


def test_spring_festival_from_2017_to_2028():
    assert [spring_festival(year) for year in range(2017, 2029)] == dates(SPRING)


@pytest.mark.parametrize("key", OTHERS)
def test_feasts_of_the_moon(key):
    feast = next(one for one in feasts_of("CN") if one.key == key)
    assert [feast.on(year) for year in (2024, 2025, 2026)] == dates(OTHERS[key])


def test_adjusted_working_days_are_those_announced():
    frame = china("2024-01-01", "2026-12-31").frame
    for year, text in WORKED.items():
        found = frame.filter(pl.col("adjusted_workday") & (pl.col("ds").dt.year() == year))["ds"].to_list()
        assert found == [date.fromisoformat(f"{year}-{day}") for day in text.split()]
    weekdays_off = frame.filter(pl.col("working").not_() & (pl.col("ds").dt.weekday() <= 5) & (pl.col("ds").dt.year() == 2025))
    assert weekdays_off["ds"].to_list() == [date.fromisoformat(f"2025-{day}") for day in OFF_2025.split()]
    assert frame.filter(pl.col("ds") == date(2026, 2, 14))["working"].to_list() == [True], "a Saturday that is worked"


def test_what_is_not_announced_is_unknown_and_feasts_go_on():
    told = china("2040-01-01", "2040-12-31")
    assert [one.code for one in told.findings] == ["SL-CAL-01"] and "not announced" in told.findings[0].text()
    frame = told.frame
    assert frame["adjusted_workday"].null_count() == frame.height
    weekend = frame.filter((pl.col("ds").dt.weekday() > 5) & ~pl.col("holiday"))
    assert weekend["working"].null_count() == weekend.height
    assert frame.filter(pl.col("ds") == date(2040, 10, 1))["working"].to_list() == [False], "National Day is law"
    assert frame.filter(pl.col("ds") == date(2040, 7, 4))["working"].to_list() == [True], "far from any holiday"
    assert frame.filter(pl.col("on_spring_festival") == 1)["ds"].to_list() == [date(2040, 2, 12)]
    features = told.features()
    assert "adjusted_workday" not in features.columns and sum(features.null_count().row(0)) == 0
    assert china("2025-01-01", "2025-12-31").findings == ()


def test_a_notice_that_the_store_was_told_holds():
    events = [Event("workday", date(2040, 2, 4), date(2040, 2, 4)), Event("public_holiday", date(2040, 2, 17), date(2040, 2, 17))]
    frame = china("2040-02-01", "2040-02-28", events=events).frame
    by = {row["ds"]: row for row in frame.iter_rows(named=True)}
    assert by[date(2040, 2, 4)]["working"] is True and by[date(2040, 2, 4)]["adjusted_workday"] is True
    assert by[date(2040, 2, 17)]["working"] is False and by[date(2040, 2, 17)]["holiday"] is True


def test_the_run_up_to_a_feast_moves_with_it():
    frame = china("2025-01-01", "2026-03-31").frame
    for day in (date(2025, 1, 29), date(2026, 2, 17)):
        near = frame.filter(pl.col("ds").is_between(day - timedelta(days=22), day + timedelta(days=8)))
        assert near["before_spring_festival"].to_list()[:4] == pytest.approx([0, 1 / 21, 2 / 21, 3 / 21])
        assert near["before_spring_festival"].to_list()[20:23] == pytest.approx([20 / 21, 1.0, 0.0])
        assert near["on_spring_festival"].to_list()[22] == 1
        assert near["after_spring_festival"].to_list()[22:] == pytest.approx([0.0, 1.0, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7, 0.0])
    assert frame["holiday_name_zh"].to_list()[28] == "春节" and frame["holiday_name"].to_list()[28].startswith("Chinese New Year")


def test_paydays_move_before_days_off_and_fade():
    frame = china("2025-05-01", "2025-06-02", paydays=(10, -1)).frame
    paid = dict(zip(frame["ds"].to_list(), frame["payday"].to_list(), strict=True))
    assert [day.day for day, value in paid.items() if value == 1] == [9, 30], "the 10th and the 31st were Saturdays"
    assert [paid[date(2025, 5, day)] for day in (8, 9, 10, 11, 12)] == pytest.approx([0, 1, 2 / 3, 1 / 3, 0])
    assert paid[date(2025, 5, 1)] == pytest.approx(2 / 3), "30 April"


def test_school_and_other_events_and_their_zone():
    rows = [
        {"kind": "school", "name": "summer", "from": "2026-07-10T16:00:00Z", "to": "2026-07-12T16:00:00Z"},
        {"kind": "closure", "name": "a zone", "zone": "cafe", "from": "2026-07-10T16:00:00Z", "to": "2026-07-11T16:00:00Z"},
        {"kind": "payday", "name": "", "from": "2026-07-14T02:00:00Z", "to": "2026-07-14T03:00:00Z"},
    ]
    events = events_of(rows, "Asia/Shanghai")
    assert events == [
        Event("school", date(2026, 7, 11), date(2026, 7, 12), "summer"),
        Event("payday", date(2026, 7, 14), date(2026, 7, 14)),
    ]
    features = china("2026-07-09", "2026-07-15", events=events).features()
    assert features.columns == ["ds", "payday", "school"]
    assert features["school"].to_list() == [0, 0, 1, 1, 0, 0, 0]


def test_other_countries_and_regions():
    germany = calendar("de", date(2026, 1, 1), date(2026, 12, 31), region="BY").frame
    assert germany.filter(pl.col("ds") == date(2026, 1, 6))["holiday"].to_list() == [True], "Epiphany is one in Bavaria"
    assert germany.filter(pl.col("on_easter") == 1)["ds"].to_list() == [date(2026, 4, 5)]
    america = calendar("US", date(2017, 1, 1), date(2017, 12, 31))
    assert america.frame.filter(pl.col("on_thanksgiving") == 1)["ds"].to_list() == [date(2017, 11, 23)]
    assert america.frame["adjusted_workday"].null_count() == 0 and america.findings == ()
    assert not any("spring_festival" in name for name in america.frame.columns)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(CalendarFault) as told:
        calendar("XX", date(2026, 3, 2), date(2026, 3, 1), events=[Event("party", date(2026, 1, 1), date(2026, 1, 1))], paydays=(0, 31, -2))
    assert [one.code for one in told.value.findings] == ["SL-CAL-02", "SL-CAL-04", "SL-CAL-05", "SL-CAL-06"]
    with pytest.raises(CalendarFault, match="no region ZZ"):
        calendar("DE", date(2026, 3, 2), date(2026, 3, 3), region="ZZ")
    with pytest.raises(CalendarFault, match="2099"):
        calendar("CN", date(2026, 3, 2), date(2100, 3, 3))
