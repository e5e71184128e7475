"""Spots, distances and motion rounds of a hunt, worked by hand."""

import pytest

from storeloom.workers.insight import hunts

HEAT = {"z1": 500, "z2": 80, "z3": 200, "z4": 60}
ZONES = [{"zone": f"z{n}", "kind": "sales"} for n in range(1, 6)] + [{"zone": "back", "kind": "backroom"}]


def test_the_quietest_zones_and_then_other_themes():
    themes = {"z4": "toys", "z2": "food", "z1": "food", "z3": "toys", "z5": "books"}
    assert hunts.spots(ZONES, HEAT, themes, 4, 2) == (["z4", "z2", "z5", "z1"], ["z4", "z2"])
    assert hunts.spots(ZONES, {}, {}, 9, 2) == (["z1", "z2", "z3", "z4", "z5"], [])
    assert hunts.spots(ZONES, HEAT, {}, 2, 5) == (["z4", "z2"], ["z4", "z2"])


def test_centroids_and_distances():
    square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    assert hunts.centroid(square) == (1, 1) and hunts.centroid([[0, 0], [2, 0]]) == (1, 0)
    assert hunts.metres({"polygon": square}, {"polygon": [[x + 120, y] for x, y in square]}) == 120
    assert hunts.metres({"polygon": square}, {}) == 0


def test_change():
    assert hunts.change_pct(90, [60]) == 50
    assert hunts.change_pct(11, [8, 12]) == pytest.approx(10)
    assert hunts.change_pct(5, []) is None and hunts.change_pct(None, [1]) is None


def test_a_point_hits_the_box_that_is_lit():
    x, y, width, height = hunts.lit_box("seed", 3)
    assert hunts.hit("seed", 7.9, x + width / 2, y + height / 2) == 3
    assert hunts.hit("seed", 7.9, (x + width * 1.5) % 1, (y + height * 1.5) % 1) is None
    assert hunts.on_wall(3, 1, [[2, 0], [4, 0], [4, 4], [2, 4]]) == (0.5, 0.25) and hunts.on_wall(0.2, 0.3, None) == (0.2, 0.3)
