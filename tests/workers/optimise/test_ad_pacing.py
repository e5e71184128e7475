from datetime import UTC, date, datetime

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise import ad_pacing

SHANGHAI = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
PLAIN = {"A": 60.0, "B": 30.0, "house": 30.0}


def slots(weights, number):
    counters, last, chosen = {}, "", []
    for _ in range(number):
        last = ad_pacing.choose(counters, weights, lambda name, last=last: name == last != "house")
        chosen.append(last)
    return chosen


def test_eight_slots_and_an_hour_by_hand():
    assert slots(PLAIN, 8) == ["A", "B", "house", "A", "B", "A", "house", "A"]
    hour = slots(PLAIN, 120)
    assert {name: hour.count(name) for name in PLAIN} == {"A": 60, "B": 30, "house": 30}


def test_what_is_passed_over_plays_where_nothing_else_is_open():
    assert slots({"A": 1.0}, 3) == ["A", "A", "A"] and slots({"A": 0.0}, 1) == [None]


def test_an_entry_that_closes_leaves_its_counter():
    counters = {"gone": 5.0, "A": 0.0}
    assert ad_pacing.choose(counters, {"A": 1.0}, lambda _: False) == "A" and counters == {"A": 0.0}


def test_open_seconds_are_those_of_store_and_plan_together():
    at = datetime(2026, 3, 2, 4, tzinfo=UTC)  # noon
    one = date(2026, 3, 2)
    assert ad_pacing.open_seconds(SHANGHAI, "08:00-18:00", one, one, at) == 6 * 3600
    assert ad_pacing.open_seconds(SHANGHAI, "18:00-24:00", one, date(2026, 3, 3), at) == 8 * 3600
    assert ad_pacing.open_seconds(SHANGHAI, "20:00-09:00", date(2026, 3, 1), one, at) == 3 * 3600
    assert ad_pacing.open_seconds(SHANGHAI, "00:00-24:00", date(2026, 2, 1), date(2026, 3, 1), at) == 0
