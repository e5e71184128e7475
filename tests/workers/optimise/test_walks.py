"""Walks between zones against a floor small enough to walk by hand."""

from storeloom.workers.optimise.walks import distances, nearest

FLOOR = [
    {"zone": "till", "neighbours": [{"zone": "aisle", "metres": 5}]},
    {"zone": "aisle", "neighbours": [{"zone": "fresh", "metres": 4}, {"zone": "till", "metres": 7}]},
    {"zone": "fresh", "neighbours": [{"zone": "till", "metres": 12}]},
    {"zone": "parking"},
]


def test_shortest_way_in_both_directions() -> None:
    assert distances(FLOOR, "till") == {"till": 0, "aisle": 5, "fresh": 9}
    assert distances(FLOOR, "fresh") == {"fresh": 0, "aisle": 4, "till": 9}


def test_zone_without_ways() -> None:
    assert distances(FLOOR, "parking") == {"parking": 0}
    assert distances([], "anywhere") == {"anywhere": 0}


def test_nearest_of_people() -> None:
    assert nearest(FLOOR, "till", {"s2": "fresh", "s1": "fresh", "s3": None}) == "s1"
    assert nearest(FLOOR, "till", {"s3": None, "s4": "parking", "s2": "aisle"}) == "s2"
    assert nearest(FLOOR, "till", {"s9": None}) == "s9"
    assert nearest(FLOOR, "till", {}) is None
