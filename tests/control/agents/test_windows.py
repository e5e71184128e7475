"""Windows in a store's own time, over clock changes."""

from datetime import UTC, datetime

from storeloom.core.control.agents.windows import windows

EVERY = [1, 2, 3, 4, 5, 6, 7]


def at(*when):
    return datetime(*when, tzinfo=UTC)


def told(zone, window, now, count=3):
    return [(one.begins, one.ends) for one in windows(zone, window, now, count)]


def test_no_window_is_at_any_time():
    assert windows("Asia/Shanghai", None, at(2026, 3, 2)) is None


def test_a_window_over_midnight_that_has_begun_is_the_first():
    night = {"begins": "22:30", "until": "05:00", "weekdays": EVERY}
    # 01:00 in Shanghai on the 3rd: the window of the 2nd is open until 05:00
    assert told("Asia/Shanghai", night, at(2026, 3, 2, 17))[:2] == [
        (at(2026, 3, 2, 14, 30), at(2026, 3, 2, 21)),
        (at(2026, 3, 3, 14, 30), at(2026, 3, 3, 21)),
    ]
    assert told("Asia/Shanghai", night, at(2026, 3, 2, 21))[0] == (at(2026, 3, 3, 14, 30), at(2026, 3, 3, 21))


def test_weekdays_are_those_of_the_beginning():
    sunday_night = {"begins": "23:00", "until": "02:00", "weekdays": [7]}
    assert told("Asia/Shanghai", sunday_night, at(2026, 3, 2), 2) == [
        (at(2026, 3, 8, 15), at(2026, 3, 8, 18)),
        (at(2026, 3, 15, 15), at(2026, 3, 15, 18)),
    ]


def test_the_clock_change_in_spring_shortens_a_night_and_swallows_a_window():
    night = {"begins": "22:00", "until": "04:00", "weekdays": EVERY}
    # Berlin goes from 02:00 to 03:00 on 2026-03-29: 21:00 UTC to 02:00 UTC is five hours, not six
    assert told("Europe/Berlin", night, at(2026, 3, 28, 12), 2) == [
        (at(2026, 3, 28, 21), at(2026, 3, 29, 2)),
        (at(2026, 3, 29, 20), at(2026, 3, 30, 2)),
    ]
    gone = {"begins": "02:00", "until": "03:00", "weekdays": EVERY}
    assert told("Europe/Berlin", gone, at(2026, 3, 28, 12), 1) == [(at(2026, 3, 30, 0), at(2026, 3, 30, 1))]


def test_the_clock_change_in_autumn_lengthens_a_night():
    night = {"begins": "22:00", "until": "04:00", "weekdays": EVERY}
    assert told("Europe/Berlin", night, at(2026, 10, 24, 12), 1) == [(at(2026, 10, 24, 20), at(2026, 10, 25, 3))]
