"""Which gates and lamps an emergency is about."""

from storeloom.workers.security.emergency import gates, indoors, lamps

ZONES = [{"zone": "out", "kind": "exit", "doors": ["d1", "g1"]}, {"zone": "hall", "kind": "sales"}, {"zone": "p1", "kind": "parking"}]


def test_gates_of_exits_and_of_nowhere_and_the_doors_that_exits_name_once_each():
    assets = [
        {"asset": "g1", "kind": "gate", "zone": "out"},
        {"asset": "g2", "kind": "gate", "zone": "hall"},
        {"asset": "g3", "kind": "door", "device": "door-3"},
        {"asset": "k1", "kind": "kiosk"},
    ]
    assert gates(assets, ZONES, ["dev", "g2", "g1"]) == ["g1", "door-3", "d1", "dev"]
    assert gates([], [], ["dev"]) == ["dev"]


def test_lamps_of_table_and_devices_else_by_zone():
    assert lamps([{"asset": "l1", "kind": "lamp"}], ZONES, ["dev"]) == ["l1"]
    assert lamps([], ZONES, ["dev"]) == ["dev"]
    assert lamps([], ZONES, []) == indoors(ZONES) == ["out", "hall"]
