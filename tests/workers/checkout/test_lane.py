"""Pairing of what was scanned with what was seen, worked by hand."""

import pytest

from storeloom.workers.checkout import lane

TRANSFERS = [{"t_s": t_s, "candidates": [[item, 0.9]]} for t_s, item in ((12.0, "wine"), (10.0, "cola"), (4.0, "pear"))]


def of(item: str) -> int | None:
    return lane.partner(TRANSFERS, {"t_s": 14.0, "gtin": item}, 4.0, 5)


def test_the_oldest_that_fits_else_the_oldest_in_time() -> None:
    assert of("wine") == 0
    assert of("cola") == 1
    assert of("milk") == 1
    assert of("pear") == 1  # ten seconds ago
    seen = {"t_s": 14.0, "candidates": [["cola", 0.9]]}
    assert lane.partner([], seen, 4.0, 5) is None
    assert lane.partner([{"t_s": 18.0, "gtin": "pear"}], seen, 4.0, 5) == 0
    assert lane.partner([{"t_s": 18.001, "gtin": "cola"}], seen, 4.0, 5) is None
    assert lane.partner([{"t_s": 13.0, "gtin": "pear"}, {"t_s": 14.0, "gtin": "cola"}], seen, 4.0, 5) == 1


def test_only_the_first_candidates_hold_an_item() -> None:
    candidates = [["wine", 0.91], ["juice", 0.05]]
    assert lane.holds(candidates, "juice", 2)
    assert not lane.holds(candidates, "juice", 1)
    assert not lane.holds(candidates, None, 2)


@pytest.mark.parametrize(("recognised", "scanned", "switched"), [(12900, 350, True), (1050, 350, True), (1049, 350, False), (0, 0, False)])
def test_a_switched_label_shows_in_the_price(recognised: int, scanned: int, switched: bool) -> None:
    assert lane.is_switched(recognised, scanned, 3) is switched


def test_what_waits_is_taken_once() -> None:
    waiting = [{"n": 1, "line": 7}, {"n": 2, "line": 7}]
    assert lane.taken(waiting, n=2, line=7) == {"n": 2, "line": 7}
    assert lane.taken(waiting, n=2) is None
    assert waiting == [{"n": 1, "line": 7}]


@pytest.mark.parametrize(
    ("line", "units"), [({}, 1), ({"qty": 3}, 3), ({"qty": 0.5}, 1), ({"qty": -2}, 1), ({"qty": 2, "weight_g": 800}, 1), ({"qty": 900}, 50)]
)
def test_units_of_a_line(line: dict[str, float], units: int) -> None:
    assert lane.units(line) == units


def test_a_zone_is_what_it_is_named() -> None:
    assert lane.role_of({"zone": "z-1", "name": "Tray"}) == "tray"
    assert lane.role_of({"zone": "sco-1-bag"}) == "bag"
    assert lane.role_of({"zone": "sco_1.scan", "name": "lane 1"}) == "scan"
    assert lane.role_of({"zone": "baggage", "name": "Luggage"}) is None


def test_the_till_of_a_camera() -> None:
    rows = [{"zone": "b", "parent": "T2", "cameras": [{"camera": "c1"}]}, {"zone": "a", "parent": "T1", "cameras": [{"camera": "c1"}]}]
    assert lane.till_of("c1", rows) == "T1"
    assert lane.till_of("c2", [*rows, {"zone": "c", "parent": "T3"}]) is None


def test_a_manned_lane_has_other_parts() -> None:
    roles = ("belt", "bag", "customer", "lower_deck")
    rows = [{"zone": "t1-deck", "name": "Lower deck", "parent": "t1"}, {"zone": "t1_lower_deck"}, {"zone": "belt", "parent": "t1"}]
    assert [lane.role_of(row, roles) for row in rows] == ["lower_deck", "lower_deck", "belt"]
    assert lane.rows_of(rows, roles) == [rows[0], rows[2]]
    assert lane.rows_of(rows) == []


def test_a_camera_sees_the_parts_of_its_till() -> None:
    rows = [
        {"zone": "t1-belt", "name": "belt", "parent": "t1", "cameras": [{"camera": "c1", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]},
        {"zone": "t1-bag", "name": "bag", "parent": "t1", "cameras": [{"camera": "c2"}]},
    ]
    till, places = lane.watched("c1", rows, roles=("belt", "bag"))
    assert (till, [(role, place.zone) for role, place in places]) == ("t1", [("belt", "t1-belt")])
    assert lane.watched("c3", rows, roles=("belt", "bag"))[0] is None
    assert lane.watched("c3", rows, "t9", ("belt", "bag"))[0] is None


@pytest.mark.parametrize(
    ("line", "rung"),
    [
        ({"kind": "item"}, 1),
        ({"kind": "key", "qty": 6}, 6),
        ({"kind": "weigh", "qty": 3}, 1),
        ({"kind": "item", "qty": 2, "weight_g": 800}, 1),
        ({"kind": "item", "qty": 0.8}, 1),
        ({"kind": "item", "qty": -1}, 0),
    ],
)
def test_pieces_that_a_line_rings_up(line: dict[str, object], rung: int) -> None:
    assert lane.pieces(line) == rung
