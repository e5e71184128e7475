"""Stock on hand by place."""

import pytest

from storeloom.workers.insight.stock import counted, is_count, taken


def test_a_count_of_the_whole_store_replaces_all_places_and_the_other_way_round() -> None:
    parts = counted(counted({}, {"on_hand": 4, "location": "shelf"}), {"on_hand": 6, "location": "backroom"})
    assert parts == {"shelf": 4, "backroom": 6}
    whole = counted(parts, {"on_hand": 9})
    assert whole == {"store": 9}
    assert counted(whole, {"on_hand": 3, "location": "shelf"}) == {"shelf": 3}
    assert counted({}, {"on_hand": 9}, 2) == {"store": 2}


def test_sales_come_from_the_shelf_first_and_never_go_under_zero() -> None:
    assert taken({"shelf": 2, "backroom": 6}, 3) == {"shelf": 0, "backroom": 5}
    assert taken({"store": 1}, 3) == {"store": 0}
    assert taken({"shelf": 2}, -1) == {"shelf": 3}
    assert taken({}, 1) == {}


@pytest.mark.parametrize("snapshot", [{}, {"location": "shelf"}, {"view": "physical", "location": "backroom"}])
def test_goods_of_this_store_are_counted(snapshot: dict[str, str]) -> None:
    assert is_count(snapshot)


@pytest.mark.parametrize("snapshot", [{"location": "warehouse"}, {"view": "channel"}, {"other_store": "s2"}])
def test_goods_elsewhere_are_not(snapshot: dict[str, str]) -> None:
    assert not is_count(snapshot)
