"""Promises, locker doors and room, worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise import pickup

DAY = StoreHours("UTC", {"open": "09:00", "close": "21:00"})
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


def at(clock: str, day: int = 2) -> datetime:
    return datetime.fromisoformat(f"2026-03-{day:02d}T{clock}:00Z")


@pytest.mark.parametrize(
    ("ordered", "ready"),
    [
        (at("19:40"), at("20:40")),
        (at("19:45"), at("20:45")),
        (at("19:46"), at("10:00", 3)),
        (at("20:30"), at("10:00", 3)),
        (at("08:30"), at("10:00")),
        (at("23:00"), at("10:00", 3)),
    ],
)
def test_ready_after_preparation_unless_too_near_to_closing(ordered: datetime, ready: datetime) -> None:
    assert pickup.promise(DAY, ordered, HOUR, QUARTER) == ready


def test_preparation_longer_than_a_day_goes_on_the_day_after() -> None:
    assert pickup.promise(DAY, at("10:00"), timedelta(hours=14), QUARTER) == at("11:00", 4)
    assert pickup.promise(DAY, at("10:00"), timedelta(hours=12), QUARTER) == at("09:00", 4)  # all of the 3rd, but too near to its closing


def test_a_store_without_a_pause_does_not_close() -> None:
    always = StoreHours("UTC", {"open": "00:00", "close": "24:00"})
    assert pickup.promise(always, at("23:30"), HOUR, QUARTER) == at("00:30", 3)
    sundays_off = StoreHours("UTC", {"open": "00:00", "close": "24:00", "sun": False})
    assert pickup.promise(sundays_off, at("23:30", 7), HOUR, QUARTER) == at("01:00", 9)


def test_a_store_that_stays_closed_promises_nothing() -> None:
    closed = StoreHours("UTC", dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), False))
    assert pickup.promise(closed, datetime(2026, 3, 2, tzinfo=UTC), HOUR, QUARTER) is None


def test_doors_by_size_with_what_the_fixture_and_zone_say() -> None:
    rows = [
        {"fixture": "L1", "kind": "locker", "zone": "cold", "slots": [{"slot": "B", "volume_l": 30}, {"cell": "A", "size": "small"}]},
        {"fixture": "L2", "kind": "locker", "slots": 2, "temperature_class": "frozen", "volume_l": 10},
        {"fixture": "L3", "kind": "locker", "shelves": [{"shelf": 1, "width_mm": 400, "height_mm": 500, "depth_mm": 500}]},
        {"fixture": "L4", "kind": "locker", "slots": None},
        {"fixture": "L5", "kind": "locker", "slots": 1, "capacity_l": 60},
        {"fixture": "K1", "kind": "cabinet", "shelves": [{"shelf": 1}]},
    ]
    zones = [{"zone": "cold", "temperature_class": "chilled"}]
    found = [(door.slot, door.litres, door.storage) for door in pickup.doors(rows, zones)]
    assert found == [
        ("L2-01", 10, "frozen"),
        ("L2-02", 10, "frozen"),
        ("A", 20, "chilled"),
        ("B", 30, "chilled"),
        ("L4", 45, "ambient"),
        ("L5", 60, "ambient"),
        ("L3-01", 100, "ambient"),
    ]


def test_the_smallest_free_door_of_the_class() -> None:
    slots = [{"slot": f"D{n}", "volume_l": 10 * n} for n in (3, 1, 2)]
    found = pickup.doors([{"fixture": "L", "kind": "locker", "slots": slots}], [])

    def slot(taken: set[str], litres: float, storage: str | None = "ambient") -> str | None:
        door = pickup.smallest(found, taken, litres, storage)
        return door and door.slot

    assert slot(set(), 10) == "D1" and slot(set(), 10.1) == "D2" and slot({"L|D2"}, 15) == "D3"
    assert slot(set(), 31) is None and slot(set(), 1, "chilled") is None and slot(set(), 1, None) is None


def test_ambient_goods_may_lie_colder_but_chilled_not_frozen() -> None:
    assert pickup.class_of({"ambient", "chilled"}) == "chilled" and pickup.class_of({"ambient"}) == "ambient"
    assert pickup.class_of({"chilled", "frozen"}) is None


def test_room_of_goods() -> None:
    assert pickup.goods_litres({"volume_l": 1.5}, 4) == 6
    assert pickup.goods_litres({"width_mm": 100, "height_mm": 200, "depth_mm": 100}, 3) == 6
    assert pickup.goods_litres({"weight_g": 500}, 4) == 2 and pickup.goods_litres({"width_mm": 1}, 1, 750) == 0.75
    assert pickup.goods_litres({}, 5) == 0


def test_the_desk_is_so_named_or_of_that_kind_else_the_tills() -> None:
    tills, desk = {"zone": "z1", "kind": "checkout"}, {"zone": "z2", "kind": "service"}
    assert pickup.desk_zone([tills, desk]) == "z2" and pickup.desk_zone([tills]) == "z1" and pickup.desk_zone([]) is None
