"""Walks between zones against a floor small enough to walk by hand."""

from storeloom.workers.optimise.walks import Floor, distances, nearest, path

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


def test_a_floor_knows_fixtures_and_zones() -> None:
    zones = [*FLOOR, {"zone": "hall", "polygon": [[0, 0], [10, 0], [10, 4], [0, 4]]}, {"zone": "annex", "polygon": [[20, 0], [22, 4]]}]
    fixtures = [
        {"fixture": "f1", "zone": "till", "x": 1, "y": 1},
        {"fixture": "f2", "zone": "fresh", "x": 50, "y": 50},
        {"fixture": "f3", "zone": "hall", "x": 8, "y": 3},
        {"fixture": "f4", "zone": "hall"},
    ]
    floor = Floor(zones, fixtures)
    assert floor.metres("f1", "f2") == floor.metres("till", "fresh") == 12
    assert floor.metres("f3", "hall") == 3 + 1
    assert floor.metres("hall", "annex") == floor.metres("annex", "hall") == 16
    assert floor.metres("f3", "f4") == floor.metres("nowhere", "f1") == floor.metres("f3", "f3") == 0


def test_what_the_table_names_for_neighbours_counts_as_it_stands() -> None:
    floor = Floor(
        [
            {"zone": "packing", "neighbours": [{"zone": "A", "metres": 10}, {"zone": "B", "metres": 15}]},
            {"zone": "A", "neighbours": [{"zone": "B", "metres": 35}, {"zone": "D", "metres": 5}]},
        ],
        [],
    )
    assert floor.metres("A", "B") == floor.metres("B", "A") == 35
    assert floor.metres("B", "D") == 15 + 10 + 5


def test_the_way_itself_and_around_what_is_closed():
    ways = {"K": {"A": 40, "B": 30}, "A": {"C": 50}, "B": {"C": 70}}
    graph = [{"zone": zone, "neighbours": [{"zone": to, "metres": metres} for to, metres in near.items()]} for zone, near in ways.items()]
    assert path(graph, "K", "C") == (90, ["K", "A", "C"])
    assert path([*graph, {"zone": "C", "neighbours": [{"zone": "A", "metres": 50, "kind": "closed"}]}], "K", "C") == (100, ["K", "B", "C"])
    assert path(graph, "C", "K") == (90, ["C", "A", "K"])
    assert path(graph, "K", "X") is None
    assert path(graph, "K", "K") == (0, ["K"])
