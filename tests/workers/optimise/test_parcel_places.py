from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise import parcel_places as lockers

SLOTS = [{"slot": "S2", "size": "small"}, {"slot": "L1", "size": "large"}, {"slot": "S1", "size": "small"}]
ROWS = [
    {"fixture": "F1", "kind": "locker", "zone": "Z", "slots": SLOTS},
    {"fixture": "F2", "kind": "shelf", "slots": [{"slot": "X1", "size": "small"}]},
]
MAY = datetime(2026, 5, 1, 2, tzinfo=UTC)


def test_the_smallest_that_fits_then_the_lowest_id():
    found = lockers.places(ROWS)
    assert [place.slot for place in found] == ["L1", "S1", "S2"]
    assert lockers.choose(found, (), "small", 100).slot == "S1"
    s1, s2, l1 = (("F1", slot) for slot in ("S1", "S2", "L1"))
    assert lockers.choose(found, (s1, s2), "small", 100).slot == "L1"
    assert lockers.choose(found, (s1, s2, l1), "large", 100) == "none_free"
    assert lockers.choose(found, (l1,), "medium", 100) == "none_free"
    assert lockers.choose(found, (s1,), "large", 60) == "max_fill"
    assert lockers.choose(found, (s1,), "large", 67).slot == "L1"


def test_two_lockers_may_call_their_places_alike():
    found = lockers.places([{"fixture": name, "kind": "locker", "slots": [{"slot": "1", "size": "small"}]} for name in ("F2", "F1")])
    assert lockers.choose(found, (), "small", 100).key == ("F1", "1")
    assert lockers.choose(found, {("F1", "1")}, "small", 100).key == ("F2", "1")
    assert lockers.choose(found, {("F1", "1"), ("F2", "1")}, "small", 100) == "none_free"


def test_numbered_slots_are_of_medium_size():
    found = lockers.places([{"fixture": "locker-1", "kind": "locker", "slots": 2}])
    assert [(place.slot, place.size) for place in found] == [("locker-1-01", 1), ("locker-1-02", 1)]
    assert lockers.choose(found, (), "large", 100) == "none_free"


@pytest.mark.parametrize(("hours", "due"), [(48, 0), (48.5, 100), (72, 100), (73, 200), (1, 0)])
def test_a_fee_for_each_started_day(hours, due):
    assert lockers.fee(MAY, MAY + timedelta(hours=hours), 48, 100) == due
