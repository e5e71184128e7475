from datetime import date

from storeloom.workers.forecast import week_marks

MONDAY = date(2026, 3, 2)


def days(warmest, rain, number):
    return {f"2026-03-0{2 + n}": [warmest, rain, "i"] for n in range(number)}


def test_parts_of_an_issue_add_up_and_a_later_issue_counts():
    weather = {}
    week_marks.enter(weather, "2026-03-02", 10, 1, "a")
    week_marks.enter(weather, "2026-03-02", 12, 2, "a")
    assert weather == {"2026-03-02": [12, 3, "a"]}
    week_marks.enter(weather, "2026-03-02", 5, 0, "b")
    week_marks.enter(weather, "2026-03-02", 40, 90, "a")
    assert weather == {"2026-03-02": [5, 0, "b"]}


def test_the_class_of_the_weather_at_its_limits():
    assert week_marks.of_week(MONDAY, {}, days(30, 0, 4)) == ["hot"]
    assert week_marks.of_week(MONDAY, {}, days(29.9, 7.5, 4)) == ["wet"]
    assert week_marks.of_week(MONDAY, {}, days(4.9, 0, 7)) == ["cold"] and week_marks.of_week(MONDAY, {}, days(5, 0, 7)) == []
    assert week_marks.of_week(MONDAY, {}, days(35, 0, 3)) == []


def test_calendar_entries_that_touch_the_week():
    calendar = {
        "a": ["festival", "2026-02-20", "2026-03-02"],
        "b": ["school", "2026-03-08", "2026-03-30"],
        "c": ["payday", "2026-03-09", "2026-03-09"],
        "d": ["workday", "2026-03-03", "2026-03-03"],
    }
    assert week_marks.of_week(MONDAY, calendar, {}) == ["festival", "school"]
