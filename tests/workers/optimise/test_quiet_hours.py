"""Quiet hours of a store and work placed into them; worked by hand."""

from datetime import date, datetime, timedelta

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise import quiet_hours

START = datetime.fromisoformat("2026-03-02T00:00:00+00:00")
HOURS = StoreHours("UTC", {"open": "08:30", "close": "12:00", "sun": False})
FIRST = timedelta(hours=2)


def span(start, end):
    return START + timedelta(hours=start), START + timedelta(hours=end)


def test_quiet_hours_are_under_the_share_of_the_mean():
    # Mean (10 + 20 + 60 + 30) / 4 = 30; 60 % of it is 18, so 10 alone is under it; 100 % leaves 30 itself out.
    visits = [(span(0, 1), 10), (span(1, 2), 20), (span(2, 3), 60), (span(3, 4), 30)]
    assert quiet_hours.quiet(visits, 60) == [span(0, 1)]
    assert quiet_hours.quiet(visits, 100) == [span(0, 2)]
    assert quiet_hours.quiet([], 60) == []


def test_half_an_hour_counts_by_the_hour():
    assert quiet_hours.quiet([(span(0, 0.5), 10), (span(0.5, 1.5), 40)], 60) == []


def test_work_is_placed_beside_what_is_planned():
    spans = [span(0, 1), span(4, 6)]
    assert quiet_hours.place(spans, 30, [], START) == span(0, 1)
    assert quiet_hours.place(spans, 30, [span(0, 0.5)], START) == span(0.5, 1)
    assert quiet_hours.place(spans, 45, [span(0, 0.5)], START) == span(4, 6)
    assert quiet_hours.place(spans, 30, [], START + timedelta(minutes=45)) == span(4, 6)
    assert quiet_hours.place(spans, 180, [], START) == span(4, 7)
    assert quiet_hours.place(spans, 30, [], START + timedelta(hours=7)) is None


def book(*counts):
    """Hourly forecasts from 8:00 on."""
    return [
        {"from": (START + timedelta(hours=8 + n)).isoformat(), "to": (START + timedelta(hours=9 + n)).isoformat(), "mean": count,
         "basis": "base", "issued": START.isoformat()} for n, count in enumerate(counts)
    ]  # fmt: skip


def test_a_day_by_its_forecast():
    # The half hour holds all 10 of 8 to 9: (10 + 60 + 50 + 20) / 3.5 h = 40 an hour, 60 % of it is 24. The half hour and 11 to 12 have 20.
    day = date(2026, 3, 2)
    spans = [span(8.5, 9), span(11, 12)]
    assert quiet_hours.of_day({"visitors|store": book(10, 60, 50, 20)}, "S1", HOURS, day, 60, FIRST) == spans
    doors = {"visitors|d1": book(5, 30, 25, 10), "visitors|d2": book(5, 30, 25, 10), "receipts|store": book(9, 9, 9, 9)}
    assert quiet_hours.of_day(doors, "S1", HOURS, day, 60, FIRST) == spans
    assert quiet_hours.visits({**doors, "visitors|S1": book(1, 1, 1, 1)}, "S1", HOURS, span(9, 10)) == 1


def test_a_day_without_a_forecast_or_a_quiet_hour():
    day = date(2026, 3, 2)
    assert quiet_hours.of_day({}, "S1", HOURS, day, 60, FIRST) == [span(8.5, 10.5)]
    assert quiet_hours.of_day({"visitors|store": book(5, 10, 10, 10)}, "S1", HOURS, day, 60, FIRST) == [span(8.5, 10.5)]
    assert quiet_hours.of_day({}, "S1", HOURS, date(2026, 3, 1), 60, FIRST) == []


def test_increments_are_no_traffic():
    assert quiet_hours.book_of({"what": "increment", "place": "store"}) is None
    assert quiet_hours.book_of({"what": "receipts", "place": "store"}) == "receipts|store"
