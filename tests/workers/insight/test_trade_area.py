from math import pi

import pytest

from storeloom.workers.insight import trade_area
from storeloom.workers.insight.geo import EARTH_RADIUS_M

OWN = {"lat": 31.0, "lon": 121.0}


def north(metres):
    return {"lat": 31.0 + metres / (EARTH_RADIUS_M * pi / 180), "lon": 121.0}


def area(name, gap=1000.0, households=100, members=10, metres=300):
    return trade_area.Area((name,), north(metres), households, members, 10 * gap, gap, 0.0)


def test_gravity():
    rival = {**north(900), "size_m2": 500}
    assert trade_area.probability(north(300), OWN, 300, [rival], 2) == pytest.approx(12 / 17)
    assert trade_area.probability(north(300), OWN, 300, [], 2) == 1
    near = trade_area.probability(north(10), OWN, 300, [{**north(60), "size_m2": 300}], 2)
    assert near == pytest.approx(0.5)  # both count as 50 m away


def test_profit_of_the_catalogues_grid():
    one = trade_area.Area(("g",), north(300), 400, 10, 12_000_000, 12_000_000 * 12 / 17, 5_000_000)
    assert one.gap == pytest.approx(3_470_588, abs=1)
    assert trade_area.profit(one, 10, 25, 20) == pytest.approx(78_765, abs=1)
    assert trade_area.choose([one], 10, 25, 20, 7000) == ([], [])
    assert trade_area.choose([one], 10, 25, 20, 8000) == ([one], [])


def test_the_fifth_is_control_and_what_does_not_fit_is_passed_over():
    areas = [area(name, gap=100_000 - number) for number, name in enumerate("abcdef")]
    chosen, control = trade_area.choose(areas, 10, 25, 20, 100_000)
    assert ("".join(one.name for one in chosen), [one.name for one in control]) == ("abcdf", ["e"])
    large = area("x", gap=1_000_000, households=1000)
    assert [one.name for one in trade_area.choose([large, area("a", gap=100_000)], 10, 25, 20, 2000)[0]] == ["a"]


def test_small_areas_are_joined_with_a_known_neighbour_first():
    areas = [area("a", members=3), area("b", members=20, metres=310), area("c", members=20, metres=900)]
    assert [one.name for one in trade_area.joined(areas, 10, {})] == ["a+b", "c"]
    found = trade_area.joined(areas, 10, {"a": ["c"]})
    assert [one.name for one in found] == ["a+c", "b"] and found[0].members == 23 and found[0].households == 200
    assert [one.name for one in trade_area.joined([area("a", members=1)], 10, {})] == ["a"]


def test_lift_and_what_is_learnt_of_it():
    assert trade_area.lift(100, 150, 100, 120) == pytest.approx(30)
    assert trade_area.lift(100, 150, 0, 0) == 50
    assert trade_area.learnt(10, 0.2) == pytest.approx(13)
    assert trade_area.learnt(1, -5) == 1 and trade_area.learnt(50, 9) == 50


def test_known_sales_stand_for_the_rest():
    sales = {"all": 1000, "grids": {"a": 300, "b": 200}}
    assert trade_area.scaled(sales, ["a"], ["a", "b"]) == 600
    assert trade_area.scaled({"all": 5, "grids": {}}, ["a"], []) == 0
