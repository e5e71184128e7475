"""Stock on hand by place: counts and the sales since."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise.position import Places, count, take, units

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def held(places: Places) -> dict[str, float]:
    return {name: place["on_hand"] for name, place in places.items()}


def test_a_count_of_the_whole_store_replaces_all_places_and_the_other_way_round() -> None:
    places: Places = {}
    assert units(places) is None
    assert count(places, {"on_hand": 4, "location": "shelf"}, NOON)
    assert count(places, {"on_hand": 6, "location": "backroom"}, NOON)
    assert (held(places), units(places)) == ({"shelf": 4, "backroom": 6}, 10)
    assert count(places, {"on_hand": 9}, NOON + HOUR)
    assert held(places) == {"store": 9}
    assert count(places, {"on_hand": 3, "location": "shelf"}, NOON + HOUR)
    assert held(places) == {"shelf": 3}
    assert count(places, {"on_hand": 9}, NOON + HOUR, 2)
    assert held(places) == {"store": 2}


def test_a_count_older_than_what_is_known_says_nothing_new() -> None:
    places: Places = {}
    count(places, {"on_hand": 9}, NOON)
    assert not count(places, {"on_hand": 4}, NOON - HOUR)
    assert held(places) == {"store": 9}


@pytest.mark.parametrize(
    ("counted", "qty", "left"),
    [
        ({"shelf": 2, "backroom": 6}, 3, {"shelf": 0, "backroom": 5}),
        ({"store": 1}, 3, {"store": 0}),
        ({"shelf": 2, "backroom": 6}, -1, {"shelf": 3, "backroom": 6}),
        ({}, 1, {}),
    ],
)
def test_sales_come_from_the_shelf_first_and_never_go_under_zero(counted: dict[str, float], qty: float, left: dict[str, float]) -> None:
    places: Places = {}
    for place, units_there in counted.items():
        count(places, {"on_hand": units_there, "location": place}, NOON)
    take(places, qty, NOON)
    assert held(places) == left


def test_a_sale_from_before_the_latest_count_is_in_it() -> None:
    places: Places = {}
    count(places, {"on_hand": 5, "location": "backroom"}, NOON - HOUR)
    count(places, {"on_hand": 5, "location": "shelf"}, NOON)
    take(places, 2, NOON - timedelta(seconds=1))
    assert units(places) == 10


@pytest.mark.parametrize("snapshot", [{}, {"location": "shelf"}, {"view": "physical", "location": "backroom"}])
def test_goods_of_this_store_are_counted(snapshot: dict[str, str]) -> None:
    assert count({}, {**snapshot, "on_hand": 1}, NOON)


@pytest.mark.parametrize("snapshot", [{"location": "warehouse"}, {"view": "channel"}, {"other_store": "s2"}])
def test_goods_elsewhere_are_not(snapshot: dict[str, str]) -> None:
    places: Places = {}
    assert not count(places, {**snapshot, "on_hand": 1}, NOON)
    assert places == {}
