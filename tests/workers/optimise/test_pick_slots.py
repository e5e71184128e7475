"""Slots of a warehouse from minimal tables."""

from __future__ import annotations

import pytest

from storeloom.workers.optimise.pick_slots import places

DARK = {"zone": "dark", "kind": "backroom"}
PACKING = {"zone": "packing", "kind": "backroom", "polygon": [[0, 0], [2, 0], [2, 2], [0, 2]]}
BOARD = {"shelf": 1, "height_mm": 900, "width_mm": 500, "depth_mm": 400}
FIXTURES = [
    {"fixture": "P1", "zone": "dark", "kind": "pick_slot", "x": 4.0, "y": 3.0, "shelves": [BOARD]},
    {"fixture": "P2", "zone": "dark", "kind": "pick_slot", "x": 6.0, "y": 1.0, "volume_l": 25},
    {"fixture": "F1", "zone": "dark", "kind": "shelf", "x": 9.0, "y": 1.0},
]
ROWS = [{"fixture": "P1", "shelf": 1, "slot": "S1", "gtin": "A"}, {"fixture": "F1", "shelf": 1, "slot": "S9", "gtin": "B", "zone": "dark"}]


def test_rows_of_pick_slots_and_empty_ones_by_city_blocks_from_packing() -> None:
    found = places(FIXTURES, ROWS, [PACKING, DARK])
    assert {name: (one.gtin, one.slot.metres, one.slot.height, one.litres) for name, one in found.items()} == {
        "S1": ("A", 5.0, 90.0, 80.0),
        "P2": (None, 5.0, None, 25.0),
    }


def test_without_pick_slots_the_planogram_outside_the_shoppers_zones() -> None:
    shop = {"fixture": "F2", "zone": "shop", "kind": "shelf", "x": 1.0, "y": 1.0}
    rows = [*ROWS[1:], {"fixture": "F2", "shelf": 1, "slot": "S2", "gtin": "C"}]
    found = places([FIXTURES[2], shop], rows, [PACKING, DARK, {"zone": "shop", "kind": "sales"}])
    assert list(found) == ["S9"]


def test_ways_by_the_fixtures_of_packing_by_neighbours_and_from_the_origin() -> None:
    bench = {"fixture": "B", "zone": "packing", "kind": "table", "x": 4.0, "y": 0.0}
    bare = {"zone": "packing", "kind": "backroom"}
    assert places([*FIXTURES, bench], ROWS, [bare, DARK])["S1"].slot.metres == 3
    linked = {**bare, "neighbours": [{"zone": "dark", "metres": 17}]}
    assert places(FIXTURES, ROWS, [linked, DARK])["S1"].slot.metres == 17
    assert places(FIXTURES, ROWS, [])["S1"].slot.metres == 7


def test_classes_by_the_product_the_fixture_and_the_zones_rule() -> None:
    cold = {"fixture": "P3", "zone": "wet", "kind": "pick_slot", "temperature_class": "frozen"}
    found = places([*FIXTURES, cold], ROWS, [PACKING, DARK, {"zone": "wet", "category": "cleaning"}])
    assert found["P3"].kept({}) == ("frozen", "cleaning") and found["S1"].kept({"storage": "chilled"}) == ("chilled", "")
    assert found["P2"].kept({}) == ("ambient", "") and found["P3"].litres is None
    assert found["S1"].litres == pytest.approx(80)
