"""Pairing of what was scanned with what was seen, worked by hand."""

import pytest

from storeloom.workers.checkout import lane

TRANSFERS = [{"t_s": 12.0, "item": "wine"}, {"t_s": 10.0, "item": "cola"}, {"t_s": 4.0, "item": "pear"}]


def of(item: str) -> int | None:
    return lane.partner(TRANSFERS, 14.0, 4.0, lambda one: one["item"] == item)


def test_the_oldest_that_fits_else_the_oldest_in_time() -> None:
    assert of("wine") == 0
    assert of("cola") == 1
    assert of("milk") == 1
    assert of("pear") == 1  # ten seconds ago
    assert lane.partner([], 14.0, 4.0, lambda one: True) is None
    assert lane.partner([{"t_s": 18.0}], 14.0, 4.0, lambda one: False) == 0
    assert lane.partner([{"t_s": 18.001}], 14.0, 4.0, lambda one: True) is None


def test_only_the_first_candidates_hold_an_item() -> None:
    candidates = [["wine", 0.91], ["juice", 0.05]]
    assert lane.holds(candidates, "juice", 2)
    assert not lane.holds(candidates, "juice", 1)
    assert not lane.holds(candidates, None, 2)


@pytest.mark.parametrize(("recognised", "scanned", "switched"), [(12900, 350, True), (1050, 350, True), (1049, 350, False), (0, 0, False)])
def test_a_switched_label_shows_in_the_price(recognised: int, scanned: int, switched: bool) -> None:
    assert lane.is_switched(recognised, scanned, 3) is switched


def test_a_track_moves_between_tray_and_bag() -> None:
    settled, moves = None, []
    for seen in ("scan", "tray", "scan", None, "bag", "bag", "scan", "tray"):
        settled, move = lane.moved(settled, seen)
        moves.append(move)
    assert moves == [None, None, None, None, "transfer", None, None, "return"]


def test_a_zone_is_what_it_is_named() -> None:
    assert lane.role_of({"zone": "z-1", "name": "Tray"}) == "tray"
    assert lane.role_of({"zone": "sco-1-bag"}) == "bag"
    assert lane.role_of({"zone": "sco_1.scan", "name": "lane 1"}) == "scan"
    assert lane.role_of({"zone": "baggage", "name": "Luggage"}) is None
