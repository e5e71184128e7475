"""Walks from packing in the order of product groups, and the way of frozen goods."""

from typing import Any

from storeloom.workers.optimise.pick_trips import Picker, Walker, frozen_seconds, group_of, keep_cold, loads, stop_of
from storeloom.workers.optimise.walks import Floor

ZONES = [
    {"zone": "packing", "neighbours": [{"zone": "A", "metres": 10}, {"zone": "B", "metres": 15}, {"zone": "C", "metres": 20}]},
    {"zone": "A", "neighbours": [{"zone": "B", "metres": 35}, {"zone": "C", "metres": 25}]},
    {"zone": "B", "neighbours": [{"zone": "C", "metres": 30}]},
]
FROZEN, BREAD, RICE = ({"zone": zone, "rank": rank, "frozen": rank == 4} for zone, rank in (("A", 4), ("B", 2), ("C", 2)))


def walker(exact_stops: int = 12) -> Walker:
    return Walker(Floor(ZONES, []), "packing", exact_stops)


def test_frozen_goods_come_last() -> None:
    walk = walker().walk([FROZEN, RICE, BREAD])
    assert (walk.stops, walk.metres, walk.rest) == (((2, "B"), (2, "C"), (4, "A")), 80, (65, 35, 10))
    assert walker().metres(frozenset(map(stop_of, (FROZEN, RICE, BREAD)))) == 80
    assert walker().walk([]).metres == 0


def test_seconds_from_the_first_frozen_pick() -> None:
    lines = [FROZEN, FROZEN, RICE]
    assert frozen_seconds(walker().walk(lines), lines, 20) == 10 + 40
    assert frozen_seconds(walker().walk([RICE]), [RICE], 20) == 0


def test_frozen_goods_that_would_be_too_long_under_way_go_by_themselves() -> None:
    frozen_first: list[dict[str, Any]] = [{**FROZEN, "rank": 1}, RICE, BREAD]
    assert [len(trip) for trip in keep_cold(walker(), [*frozen_first], 20, 200)] == [3]
    assert keep_cold(walker(), [*frozen_first], 20, 100) == [[RICE, BREAD], [{**FROZEN, "rank": 1}]]


def test_and_in_halves_as_far_as_there_are_lines() -> None:
    assert [len(trip) for trip in keep_cold(walker(), [FROZEN] * 8, 20, 100)] == [4, 4]
    assert [len(trip) for trip in keep_cold(walker(), [FROZEN] * 2, 20, 5)] == [1, 1]


def test_groups_of_products() -> None:
    rows = [{}, {"bulky": True}, {"weight_g": 5000}, {"weight_g": 4999}, {"storage": "frozen", "bulky": True}]
    assert [group_of(row) for row in rows] == ["ambient", "heavy", "heavy", "ambient", "frozen"]


def test_trolleys_go_to_who_is_free_first() -> None:
    crew = [Picker("p1", frozenset(), 100, 20), Picker("p2", frozenset({"A"}), 0, 10)]
    orders = {"o1": (900.0, [BREAD]), "o2": (800.0, [RICE]), "o3": (900.0, [RICE])}
    found = [(lines, picker.name) for lines, picker in loads(orders, walker(), crew, "", totes=1, max_lines=40)]
    assert found == [([RICE], "p2"), ([BREAD], "p2"), ([RICE], "p2")]
    assert crew[1].free == (40 + 10) + (30 + 10) + (40 + 10)
    assert [picker.name for _, picker in loads(orders, walker(), crew, "", totes=4, max_lines=40)] == ["p1"]
    assert [picker.name for _, picker in loads(orders, walker(), crew, "A", totes=1, max_lines=40)] == ["p2"] * 3


def test_nobody_known_is_as_many_as_trolleys() -> None:
    anyone = [Picker("", frozenset(), 50, 20)]
    assert [len(lines) for lines, _ in loads({str(n): (900.0, [RICE]) for n in range(3)}, walker(), anyone, "", totes=2, max_lines=9)] == [
        2,
        1,
    ]
    assert anyone[0].free == 50
    assert list(loads({}, walker(), anyone, "", totes=2, max_lines=9)) == []
