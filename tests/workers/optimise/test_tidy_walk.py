"""Who goes and which way, on a floor small enough to walk by hand."""

from datetime import datetime, timedelta

from storeloom.workers.optimise.tidy_walk import shortest, starts
from storeloom.workers.optimise.walks import Floor

ZONES = [
    {"zone": "Z0", "category": "dairy", "neighbours": [{"zone": "ZB", "metres": 10}, {"zone": "ZA", "metres": 30}]},
    {"zone": "ZB", "neighbours": [{"zone": "ZA", "metres": 20}]},
    {"zone": "ZA"},
]
FIXTURES = [{"fixture": "A", "zone": "ZA"}, {"fixture": "B", "zone": "ZB"}]
MONDAY = datetime(2026, 5, 11, 10)
HALF_HOUR = timedelta(minutes=30)


def test_the_shortest_walk_from_where_people_are() -> None:
    floor = Floor(ZONES, FIXTURES)
    assert shortest(["A", "B"], {"s1": "Z0"}, floor) == ("s1", ["B", "A"], 30)
    assert shortest(["A", "B"], {"s1": "Z0", "s3": "ZA", "s2": "ZA"}, floor) == ("s2", ["A", "B"], 20)
    assert shortest(["A", "B"], {}, floor) == (None, ["A", "B"], 20)


def test_who_may_be_sent() -> None:
    until_ten_twenty = [{"weekday": 1, "from": "08:00", "to": "10:20"}]
    staff = [
        {"staff": "s1", "section": "dairy"},
        {"staff": "s2", "zone": "ZA", "section": "ZB", "roles": ["grocery", "cashier"]},
        {"staff": "s3", "section": "ZA", "roles": ["cashier"]},
        {"staff": "s4", "section": "nowhere"},
        {"staff": "s5", "section": "ZA", "left": "2026-05-11"},
        {"staff": "s6", "section": "ZA", "hired": "2026-05-12"},
        {"staff": "s7", "section": "ZA", "availability": until_ten_twenty},
    ]
    assert starts(staff, ZONES, MONDAY, MONDAY + HALF_HOUR) == {"s1": "Z0", "s2": "ZA"}
    assert starts(staff[6:], ZONES, MONDAY, MONDAY + timedelta(minutes=20)) == {"s7": "ZA"}
    assert starts(staff[2:], ZONES, MONDAY, MONDAY + HALF_HOUR) == {"s3": "ZA"}
