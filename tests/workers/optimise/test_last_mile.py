"""Two orders by hand: store-A 8 minutes, store-B 10, A-B 4; three minutes at a door; a trip 600 and 100 a further stop, a platform 550."""

import pytest

from storeloom.workers.optimise.last_mile import Order, Rider, Rules, arrivals, choose, feasible, plan

MINUTES = {frozenset(("store", "A")): 8.0, frozenset(("store", "B")): 10.0, frozenset(("A", "B")): 4.0}
RULES = Rules(bundle=3, detour=8, buffer=4, drop=3, trip=600, stop=100)
PLATFORM = {"quick": (550, 10.0)}


def travel(here: str, there: str, factor: float = 1.0) -> float:
    return 0.0 if here == there else factor * MINUTES[frozenset((here, there))]


def rain(here: str, there: str) -> float:
    return travel(here, there, 1.3)


def order(zone: str, promise: float | None, **more: object) -> Order:
    return Order(zone.lower(), zone, promise, platforms=PLATFORM, **more)  # type: ignore[arg-type]


def names(orders: tuple[Order, ...]) -> list[str]:
    return [one.name for one in orders]


def test_two_that_lie_together_make_one_trip() -> None:
    a, b = order("A", 30), order("B", 25)
    found = plan([a, b], [Rider("r1"), Rider("r2")], travel, RULES)
    assert {rider: names(orders) for rider, orders in found.trips.items()} == {"r1": ["a", "b"]}
    assert (found.cost, found.platforms, found.left) == (700, {}, ())
    assert arrivals((a, b), 0, travel, 3) == [8, 15]
    assert arrivals((a, b), 0, rain, 3) == pytest.approx([10.4, 18.6])


def test_one_alone_goes_by_the_cheaper_platform() -> None:
    found = plan([order("A", 30)], [Rider("r1")], travel, RULES)
    assert found.trips == {} and names(found.platforms["quick"]) == ["a"] and found.cost == 550


def test_a_promise_or_a_detour_forbids_the_bundle() -> None:
    a, b = order("A", 30), order("B", 18)
    assert not feasible(Rider("r"), (a, b), travel, RULES) and not feasible(Rider("r"), (b, a), travel, RULES)
    assert feasible(Rider("r"), (order("A", 30), order("B", 25)), rain, RULES)
    assert plan([a, b], [Rider("r1")], travel, RULES).trips == {}


def test_load_and_cold_box_are_the_vehicles() -> None:
    heavy = order("A", None, kg=20, litres=30, cold=True)
    assert feasible(Rider("r", kg=20, litres=30), (heavy,), travel, RULES)
    assert not feasible(Rider("r", kg=19), (heavy,), travel, RULES)
    assert not feasible(Rider("r", litres=29), (heavy,), travel, RULES)
    assert not feasible(Rider("r", cold=False), (heavy,), travel, RULES)
    assert not feasible(Rider("r"), (heavy, heavy, heavy, heavy), travel, RULES)


def test_the_cheapest_platform_in_time_else_the_fastest_else_nobody() -> None:
    offers = {"cheap": (400, 30.0), "fast": (900, 12.0), "dear": (800, 14.0)}
    assert [choose(Order("o", "A", promise, platforms=offers), 4) for promise in (40, 18, 10, None)] == ["cheap", "dear", "fast", "cheap"]
    alone = Order("o", "A", 5)
    assert plan([alone], [], travel, RULES).left == (alone,)


def test_an_order_is_moved_to_the_rider_with_whom_it_costs_least() -> None:
    far = {frozenset(("store", zone)): 5.0 for zone in "ABCD"} | {
        frozenset(pair): minutes
        for pair, minutes in {("A", "B"): 1.0, ("C", "D"): 1.0, ("A", "C"): 9.0, ("A", "D"): 9.0, ("B", "C"): 9.0, ("B", "D"): 9.0}.items()
    }
    way = lambda here, there: 0.0 if here == there else far[frozenset((here, there))]  # noqa: E731
    orders = [Order(zone.lower(), zone, None) for zone in "ACBD"]
    found = plan(orders, [Rider("r1"), Rider("r2")], way, Rules(2, 8, 4, 3, 600, 100))
    assert sorted(sorted(names(one)) for one in found.trips.values()) == [["a", "b"], ["c", "d"]] and found.cost == 1400
