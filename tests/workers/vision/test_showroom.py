"""What stands in a showroom by its assets."""

from __future__ import annotations

from storeloom.workers.vision.showroom import Show, fittings

ASSETS = [
    {"asset": "S1", "kind": "screen", "zone": "a", "device": "d1"},
    {"asset": "L1", "kind": "light", "zone": "a"},
    {"asset": "X1", "kind": "exhibit", "zone": "a", "device": "x"},
    {"asset": "X2", "kind": "exhibit", "zone": "a"},
    {"asset": "S2", "kind": "screen", "zone": "hall", "device": "d1"},
    {"asset": "K1", "kind": "kiosk", "zone": "a", "device": "k"},
    {"asset": "X3", "kind": "exhibit"},
]


def test_zones_with_an_exhibit_and_what_directs_them() -> None:
    found = fittings(ASSETS)
    assert found.shows == {"a": Show("X1", ["d1"], ["L1"])}
    assert found.zone_of["k"] == found.zone_of["K1"] == "a"
    assert "S2" not in found.zone_of


def test_what_reports_and_under_which_names() -> None:
    found = fittings(ASSETS)
    assert [asset["asset"] for asset in found.reporting] == ["S1", "S2", "L1", "X1", "X2"]
    assert [asset["asset"] for asset in found.named["d1"]] == ["S1", "S2"]
    assert [asset["asset"] for asset in found.named["L1"]] == ["L1"]
    assert "K1" not in found.named
